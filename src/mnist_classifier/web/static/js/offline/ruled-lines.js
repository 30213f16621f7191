// @ts-check
/**
 * Removes the long, straight, thin lines of ruled paper.  Follows ruled_lines.py, which gives the reasons.
 *
 * @typedef {import("./planes.js").Floats} Floats
 */

import { openColumns } from "./image-filters.js";
import { floats, median, quantile, round, transposed } from "./planes.js";

const MAX_TILT_DEGREES = 12;
const COARSE_DEGREES = 0.5;
const FINE_DEGREES = 0.125;
const MIN_SHARE = 0.55;
const END_SHARE = 0.1;
const STRIP_PX = 8;
const MIN_SIDE_PX = 64;
const PROFILE_SKIRT = 0.15;
const MIN_LINES_ALIKE = 3;
const MOST_ABOVE_MEDIAN = 1.3;

/** @typedef {{centres: number[], half: number, profile: Float32Array}} Line  centres: its row in each column; half: of the band, px */

/**
 * Remove horizontal and vertical lines, rotated by up to 12 degrees.
 * @param {Floats} density  ink is above 0
 * @param {number} floor  a line is denser than its surroundings by at least this
 * @returns {Floats}
 */
export function removeLines(density, floor) {
  if (Math.min(density.width, density.height) < MIN_SIDE_PX) return density;
  return transposed(removeRows(transposed(removeRows(density, floor)), floor));
}

/** @param {Floats} density @param {number} floor @returns {Floats} */
function removeRows(density, floor) {
  const { width, height } = density;
  const thickest = Math.max(7, Math.floor(Math.min(width, height) / 24)) | 1;
  const shares = thinShares(density, openColumns(density, thickest), Math.fround(floor));
  const slope = steepness(shares);
  // Printed lines reach the edge of the picture; the stem of a digit does not.
  const end = Math.max(1, round(shares.width * END_SHARE));
  const ends = [shareByRow(shares, slope, 0, end), shareByRow(shares, slope, shares.width - end)];
  const isLine = (/** @type {number} */ row) => ends.some((each) => each[row] >= Math.fround(MIN_SHARE));
  const profile = shareByRow(shares, slope).map((share, row) => (isLine(row) ? share : 0));
  const rises = Array.from({ length: width }, (_, x) => round(slope * (x + 0.5 - width / 2)));
  /** @type {Line[]} */
  const found = [];
  for (;;) {
    const most = Math.max(...profile);
    if (most < Math.fround(MIN_SHARE)) break;
    const row = profile.indexOf(most);
    profile.fill(0, Math.max(0, row - thickest), row + thickest + 1);
    const line = { centres: rises.map((rise) => row + rise), half: (thickest >> 1) + 2 };
    found.push({ ...line, profile: profileOf(bandOf(density, line)) });
  }
  const densest = found.length < MIN_LINES_ALIKE ? Infinity : MOST_ABOVE_MEDIAN * median(Float32Array.from(found, densestOf));
  const cleaned = { width, height, data: density.data.slice() };
  for (const line of found) removeLine(cleaned, line, densest);
  return cleaned;
}

/** @param {Line} line */
const densestOf = (line) => Math.max(...line.profile);

/** The share of thin ink in each row of a strip and in the rows beside it. @param {Floats} density @param {Floats} opened @param {number} floor */
function thinShares({ width, height, data }, opened, floor) {
  const strips = Math.floor(width / STRIP_PX);
  const own = floats(strips, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < strips * STRIP_PX; x += 1) {
      const i = y * width + x;
      if (Math.fround(data[i] - opened.data[i]) > floor) own.data[y * strips + Math.floor(x / STRIP_PX)] += 1 / STRIP_PX;
    }
  }
  const shares = floats(strips, height);
  for (let i = 0; i < own.data.length; i += 1) {
    shares.data[i] = Math.max(own.data[i], own.data[i - strips] ?? 0, own.data[i + strips] ?? 0);
  }
  return shares;
}

/**
 * For lines of this slope, by their row in the middle column: the share of their length that has ink.
 * @param {Floats} shares
 * @param {number} slope
 */
function shareByRow({ width: strips, height, data }, slope, from = 0, to = strips) {
  const sums = new Float32Array(height);
  const known = new Float32Array(height);
  for (let strip = from; strip < to; strip += 1) {
    const rise = round((strip + 0.5 - strips / 2) * slope * STRIP_PX);
    const end = Math.min(height, height - rise);
    for (let row = Math.max(0, -rise); row < end; row += 1) {
      sums[row] += data[(row + rise) * strips + strip];
      known[row] += 1;
    }
  }
  return sums.map((sum, row) => sum / Math.max(known[row], (to - from) / 2));
}

/** The slope at which the shares of the rows differ most. @param {Floats} shares */
function steepness(shares) {
  const slopeOf = (/** @type {number} */ degrees) => Math.tan((degrees * Math.PI) / 180);
  const sharpness = (/** @type {number} */ slope) =>
    shareByRow(shares, slope).reduce((total, share) => total + Math.max(share - MIN_SHARE / 2, 0) ** 2, 0);
  const coarse = steps(-MAX_TILT_DEGREES, MAX_TILT_DEGREES, COARSE_DEGREES);
  const best = sharpest(coarse, (degrees) => sharpness(slopeOf(degrees)));
  return sharpest(steps(best - COARSE_DEGREES, best + COARSE_DEGREES, FINE_DEGREES).map(slopeOf), sharpness);
}

/** @param {number} first @param {number} last @param {number} step */
function steps(first, last, step) {
  return Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => first + i * step);
}

/** The first value with the highest score. @param {number[]} values @param {(value: number) => number} score */
function sharpest(values, score) {
  const scores = values.map(score);
  return values[scores.indexOf(Math.max(...scores))];
}

/** The densities along a line, row by row. @param {Floats} density @param {{centres: number[], half: number}} line */
function bandOf({ width, height, data }, { centres, half }) {
  const at = (/** @type {number} */ row, /** @type {number} */ x) =>
    Math.min(height - 1, Math.max(0, centres[x] + row - half)) * width + x;
  return Array.from({ length: 2 * half + 1 }, (_, row) => Float32Array.from(centres, (__, x) => data[at(row, x)]));
}

/** Remove one line, in place, as if it were no denser than `densest`. @param {Floats} density @param {Line} line @param {number} densest */
function removeLine(density, line, densest) {
  const { width, height, data } = density;
  const { centres, half } = line;
  const side = 2 * half + 1;
  const band = bandOf(density, line);
  const factor = Math.fround(Math.min(1, densest / densestOf(line)));
  const profile = line.profile.map((value) => value * factor);
  const first = profile.findIndex((value) => value > 0);
  if (first < 0) return;
  const last = profile.findLastIndex((value) => value > 0);
  for (let row = 0; row < side; row += 1) {
    for (let x = 0; x < width; x += 1) {
      const y = centres[x] + row - half;
      if (y < 0 || y >= height) continue;
      let value = Math.max(band[row][x] - profile[row], 0);
      // Ink on both sides of a dark line continues across it.
      const bridge = Math.min(band[Math.max(0, first - 1)][x], band[Math.min(side - 1, last + 1)][x]);
      if (row >= first && row <= last) value = Math.max(value, bridge);
      data[y * width + x] = Math.min(value, band[row][x]);
    }
  }
}

/** The cross section of a line, from the densities along it, row by row. @param {Float32Array[]} band */
function profileOf(band) {
  const section = Float32Array.from(band, (row) => quantile(row, 0.7));
  const least = Math.min(...section);
  const own = section.map((value) => value - least);
  const wide = own.map((value, row) => Math.max(value, own[row - 1] ?? 0, own[row + 1] ?? 0));
  const skirt = PROFILE_SKIRT * Math.max(...wide);
  return wide.map((value) => (value < skirt ? 0 : value));
}
