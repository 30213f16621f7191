// @ts-check
/**
 * Ink density at each pixel of a photograph of writing on paper.  Follows photograph.py, which gives the reasons.
 *
 * @typedef {import("./planes.js").Floats} Floats
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {{density: Floats, background: Floats, withLines: Floats, typical: number, mask: Bytes}} Photograph
 */

import { label, partsOf } from "./connected-components.js";
import { closeGaps, dilate, erode, runningMean, shrink, smooth } from "./image-filters.js";
import { any, borderPlaces, bytes, floats, largest, mapped, median, padded, quantile, round, sum } from "./planes.js";
import { removeLines } from "./ruled-lines.js";

const WORKING_SIDE_PX = 512;
const BLACK_LEVEL = 8;
const INK_LEVEL = 0.4;
const NOISE_FACTOR = 4;
const MIN_DENSITY = 0.2;
const MUCH_INK = 0.3;
const MUCH_DENSITY = 0.3;
const MAX_BOARD_LEVEL = 128;
const FAINTEST_CHALK = 40;
const BRIGHTER_BORDER = 0.05;
const MOST_DARK = 0.7;
const THICKNESSES_PX = [5, 7, 9, 13, 17, 23, 31, 41, 55, 73, 97, 129];
const BLOB_SHARE = 0.45;
const CANDIDATES = 4;
const WIDEST_IN_CROP = 1 / 3;
const WIDEST = 1 / 4;

/** Find the ink in a photograph with uneven light; null if there is none. @param {Bytes} grey @param {boolean} mayBeCropped @returns {Photograph | null} */
export function readPhotograph(grey, mayBeCropped) {
  let levels = smooth(shrink(grey, WORKING_SIDE_PX));
  if (inkIsLight(levels)) {
    if (largest(levels) - levels.data.reduce((least, level) => Math.min(least, level)) < FAINTEST_CHALK) return null;
    const stretch = Math.fround(255 / largest(levels));
    levels = mapped(levels, (level) => 255 - Math.fround(level * stretch));
  }
  const logs = mapped(levels, (level) => Math.log(Math.fround(level + BLACK_LEVEL)));
  const { width, height } = logs;
  const widest = mayBeCropped ? Math.max(width, height) * WIDEST_IN_CROP : Math.min(width, height) * WIDEST;
  const side = Math.max(5, Math.floor(widest)) | 1;
  let photograph = flatten(logs, side, mayBeCropped);
  const narrow = windowOf(photograph, side);
  if (narrow < side) photograph = flatten(logs, narrow, mayBeCropped);
  const { mask, density } = photograph;
  return any(mask) && median(density.data.filter((_, i) => mask.data[i] === 1)) >= MIN_DENSITY ? photograph : null;
}

/** Ink is the smaller part and differs from its surroundings, so the third moment has its sign. @param {Floats} levels */
function inkIsLight(levels) {
  if (median(levels.data) >= MAX_BOARD_LEVEL) return false;
  const around = runningMean(levels, Math.max(3, Math.min(levels.width, levels.height) >> 2) | 1);
  let moment = 0;
  levels.data.forEach((level, i) => {
    moment += Math.fround(level - around.data[i]) ** 3;
  });
  if (moment <= 0) return false;
  const [low, high] = [quantile(levels.data, 0.02), quantile(levels.data, 0.98)];
  if (levels.data.filter((level) => level < (low + high) / 2).length / levels.data.length > MOST_DARK) return true;
  return mean(borderPlaces(levels).map((place) => levels.data[place])) - mean(levels.data) <= BRIGHTER_BORDER * (high - low);
}

/** @param {ArrayLike<number>} values */
const mean = (values) => Array.from(values).reduce((total, value) => total + value, 0) / values.length;

/**
 * The background: the picture without strokes narrower than the window.  Beyond its edge the picture continues
 * with the border's background, without strokes that meet it or run along it.
 * @param {Floats} logs
 * @param {number} window
 */
function backgroundOf(logs, window) {
  const paper = closeGaps(logs, window).data;
  const places = borderPlaces(logs);
  const count = places.length;
  const around = floats(1, 3 * count);
  for (let i = 0; i < 3 * count; i += 1) around.data[i] = paper[places[i % count]];
  const closed = closeGaps(around, window);
  places.forEach((place, i) => {
    paper[place] = closed.data[count + i];
  });
  const half = window >> 1;
  const continued = floats(logs.width + 2 * half, logs.height + 2 * half);
  for (let y = -half, i = 0; y < logs.height + half; y += 1) {
    for (let x = -half; x < logs.width + half; x += 1, i += 1) {
      const [row, column] = [Math.min(logs.height - 1, Math.max(0, y)), Math.min(logs.width - 1, Math.max(0, x))];
      continued.data[i] = (row === y && column === x ? logs.data : paper)[row * logs.width + column];
    }
  }
  return withoutMargin(closeGaps(continued, window), half, logs);
}

/** @param {Floats} plane @param {number} margin @param {Floats} like */
function withoutMargin(plane, margin, like) {
  const result = floats(like.width, like.height);
  for (let y = 0; y < like.height; y += 1) {
    const from = (y + margin) * plane.width + margin;
    result.data.set(plane.data.subarray(from, from + like.width), y * like.width);
  }
  return result;
}

/** The values whose median is that of paper: all, or those without ink if ink may cover half of the picture. @param {Floats} raw */
function bareOf(raw) {
  const typical = typicalOf(raw);
  const bare = raw.data.filter((value) => value <= Math.fround(INK_LEVEL * typical));
  return typical > MUCH_DENSITY && 1 - bare.length / raw.data.length > MUCH_INK ? bare : raw.data;
}

/** @param {Floats} logs @param {number} window @param {boolean} mayBeCropped @returns {Photograph} */
function flatten(logs, window, mayBeCropped) {
  const closed = mayBeCropped ? backgroundOf(logs, window) : closeGaps(logs, window);
  const raw = floats(logs.width, logs.height);
  for (let i = 0; i < raw.data.length; i += 1) raw.data[i] = closed.data[i] - logs.data[i];
  const bare = bareOf(raw);
  const paper = median(bare);
  const noise = 1.4826 * median(bare.map((value) => Math.abs(value - paper)));
  const withLines = mapped(raw, (value) => Math.max(value - paper, 0));
  const density = removeLines(withLines, Math.max(0.03, 3 * noise));
  const typical = typicalOf(density);
  const threshold = Math.fround(Math.max(INK_LEVEL * typical, NOISE_FACTOR * noise));
  const mask = bytes(density.width, density.height);
  for (let i = 0; i < mask.data.length; i += 1) if (density.data[i] > threshold) mask.data[i] = 1;
  const background = mapped(closed, (value) => Math.exp(value) - BLACK_LEVEL);
  return { density, background, withLines, typical, mask };
}

/** Typical density of the ink: the mean, weighted by the squared density. @param {Floats} density */
function typicalOf({ data }) {
  let total = 0;
  let weighed = 0;
  for (const value of data) {
    total += value ** 2;
    weighed += value ** 3;
  }
  return total > 0 ? weighed / total : 0;
}

/** Side of a square, in px and odd, that is wider than the strokes and their crossings. @param {Photograph} photograph @param {number} widest */
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

/** Side of the smallest square, in px, that fits into at most 1 % of a mask. @param {Bytes} mask */
function thicknessOf(mask) {
  const area = sum(mask);
  const around = padded(mask, 1);
  const found = THICKNESSES_PX.find((side) => sum(erode(around, side)) <= 0.01 * area);
  return found ?? 2 * THICKNESSES_PX[THICKNESSES_PX.length - 1];
}

/** Ink of a photograph as in a clean drawing, 0 to 255. @param {Photograph} photograph @param {Bytes} kept  the ink of the digit @returns {Floats} */
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
