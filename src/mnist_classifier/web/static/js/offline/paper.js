// @ts-check
/**
 * Photograph of writing on paper -> how dense the ink is at each pixel.  As in paper.py, which says why.
 *
 * @typedef {import("./planes.js").Floats} Floats
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {{density: Floats, background: Floats, withLines: Floats, typical: number, mask: Bytes}} Sheet
 */

import { label, partsOf } from "./components.js";
import { closeGaps, dilate, erode, runningMean, shrink, smooth } from "./filters.js";
import { any, bytes, floats, mapped, median, padded, quantile, round, sum } from "./planes.js";
import { removeLines } from "./ruling.js";

const WORKING_SIDE_PX = 512;
const BLACK_LEVEL = 8;
const INK_LEVEL = 0.4;
const NOISE_FACTOR = 4;
const MIN_DENSITY = 0.2;
const MAX_BOARD_LEVEL = 128;
const THICKNESSES_PX = [5, 7, 9, 13, 17, 23, 31, 41, 55, 73, 97, 129];
const BLOB_SHARE = 0.45;
const CANDIDATES = 4;

/** Find the ink in a photograph, whatever the light; null where there is none. @param {Bytes} grey @returns {Sheet | null} */
export function readSheet(grey) {
  let levels = smooth(shrink(grey, WORKING_SIDE_PX));
  if (inkIsLight(levels)) levels = mapped(levels, (level) => 255 - level);
  const logs = mapped(levels, (level) => Math.log(Math.fround(level + BLACK_LEVEL)));
  const side = Math.max(5, Math.min(logs.width, logs.height) >> 2) | 1;
  let sheet = flatten(logs, side);
  const narrow = windowOf(sheet, side);
  if (narrow < side) sheet = flatten(logs, narrow);
  const { mask, density } = sheet;
  return any(mask) && median(density.data.filter((_, i) => mask.data[i] === 1)) >= MIN_DENSITY ? sheet : null;
}

/** Ink is the lesser part, and far from its surroundings: the third moment has its sign. @param {Floats} levels */
function inkIsLight(levels) {
  if (median(levels.data) >= MAX_BOARD_LEVEL) return false;
  const mean = runningMean(levels, Math.max(3, Math.min(levels.width, levels.height) >> 2) | 1);
  let moment = 0;
  levels.data.forEach((level, i) => {
    moment += Math.fround(level - mean.data[i]) ** 3;
  });
  return moment > 0;
}

/** @param {Floats} logs @param {number} window @returns {Sheet} */
function flatten(logs, window) {
  const closed = closeGaps(logs, window);
  const raw = floats(logs.width, logs.height);
  for (let i = 0; i < raw.data.length; i += 1) raw.data[i] = closed.data[i] - logs.data[i];
  const paper = median(raw.data);
  const noise = 1.4826 * median(raw.data.map((value) => Math.abs(value - paper)));
  const withLines = mapped(raw, (value) => Math.max(value - paper, 0));
  const density = removeLines(withLines, Math.max(0.03, 3 * noise));
  const typical = typicalOf(density);
  const threshold = Math.fround(Math.max(INK_LEVEL * typical, NOISE_FACTOR * noise));
  const mask = bytes(density.width, density.height);
  for (let i = 0; i < mask.data.length; i += 1) if (density.data[i] > threshold) mask.data[i] = 1;
  const background = mapped(closed, (value) => Math.exp(value) - BLACK_LEVEL);
  return { density, background, withLines, typical, mask };
}

/** Mean density, each pixel weighing by its density squared: that of the ink. @param {Floats} density */
function typicalOf({ data }) {
  let total = 0;
  let weighed = 0;
  for (const value of data) {
    total += value ** 2;
    weighed += value ** 3;
  }
  return total > 0 ? weighed / total : 0;
}

/** Side of a square that is wider than the pen's strokes and where they meet, px, odd. @param {Sheet} sheet @param {number} widest */
function windowOf({ mask, density }, widest) {
  const { labels, count } = label(mask);
  const parts = partsOf(labels, count, density).map((part, index) => ({ ...part, number: index + 1 }));
  parts.sort((one, other) => other.mass - one.mass);
  for (const { box, number } of parts.slice(0, CANDIDATES)) {
    const part = bytes(box.right - box.left, box.bottom - box.top);
    for (let y = box.top, i = 0; y < box.bottom; y += 1) {
      for (let x = box.left; x < box.right; x += 1, i += 1) part.data[i] = labels[y * mask.width + x] === number ? 1 : 0;
    }
    const thickness = thicknessOf(part);
    if (thickness <= BLOB_SHARE * Math.max(part.width, part.height)) {
      return Math.min(Math.max(9, round(1.5 * thickness) + 4) | 1, widest);
    }
  }
  return Math.max(9, Math.floor(widest / 3)) | 1;
}

/** Side of a square that does not fit into a mask but for 1 % of its area, px. @param {Bytes} mask */
function thicknessOf(mask) {
  const area = sum(mask);
  const around = padded(mask, 1);
  const found = THICKNESSES_PX.find((side) => sum(erode(around, side)) <= 0.01 * area);
  return found ?? 2 * THICKNESSES_PX[THICKNESSES_PX.length - 1];
}

/** Ink of a page as a clean drawing has it, 0 to 255. @param {Sheet} sheet @param {Bytes} kept  the ink of the digit @returns {Floats} */
export function toInk({ density }, kept) {
  const level = quantile(density.data.filter((_, i) => kept.data[i] === 1), 0.3);
  const faint = 0.15 * level;
  const near = dilate(kept, 5);
  const ink = floats(density.width, density.height);
  for (let i = 0; i < ink.data.length; i += 1) {
    if (near.data[i] === 1) ink.data[i] = Math.min(1, Math.max(0, (density.data[i] - faint) / (level - faint))) * 255;
  }
  return ink;
}
