// @ts-check
/**
 * Cuts between touching digits: paths from top to bottom that cross little ink.  Follows cuts.py, with the same constants.
 *
 * @typedef {import("../planes.js").Floats} Floats
 * @typedef {{columns: Int32Array, crossing: number, runs: number}} Cut
 *   columns: the first column to the right of the cut in each row.  crossing: the ink that it crosses, in stroke widths.
 *   runs: how many strokes it crosses
 */

import { floats, round, sum } from "../planes.js";

const SLANTS = [-0.3, 0, 0.3, 0.6];
const STARTS_PER_HEIGHT = 16;
const BEND = 0.12;
const BEND_COST = 0.1;
const MAX_CROSSING = 2.5;
const MIN_STROKE_HEIGHT = 0.35;
const MAX_CUTS = 24;
const SOLID_INK = 0.3;

/** Find cuts through one connected component, from left to right. @param {Floats} ink  0 to 1 @param {number} strokePx @returns {Cut[]} */
export function findCuts(ink, strokePx) {
  const leastInk = MIN_STROKE_HEIGHT * ink.height * strokePx;
  const before = inkBefore(ink);
  // Ink to the left of each cut, and of both ends.
  const lefts = [0, sum(ink)];
  /** @type {{left: number, cut: Cut}[]} */
  const found = [];
  for (const columns of cheapestPaths(ink)) {
    const crossed = crossedBy(columns, ink);
    const crossing = crossed.reduce((total, each) => total + each, 0) / strokePx;
    if (crossing > MAX_CROSSING || found.length === MAX_CUTS) break;
    const left = leftOf(columns, before, ink.width);
    if (lefts.some((other) => Math.abs(left - other) < leastInk)) continue;
    lefts.push(left);
    const runs = crossed.filter((each, row) => each > SOLID_INK && !(row > 0 && crossed[row - 1] > SOLID_INK)).length;
    found.push({ left, cut: { columns, crossing, runs } });
  }
  return found.sort((one, other) => one.left - other.left).map(({ cut }) => cut);
}

/** Divide ink at the cuts: one more picture than cuts, all of the same shape. @param {Floats} ink @param {readonly Cut[]} cuts */
export function split(ink, cuts) {
  const { width, height, data } = ink;
  const parts = Array.from({ length: cuts.length + 1 }, () => floats(width, height));
  for (let y = 0; y < height; y += 1) {
    // Paths may cross, so the columns are sorted row by row.
    const columns = cuts.map((cut) => cut.columns[y]).sort((one, other) => one - other);
    for (let x = 0, part = 0; x < width; x += 1) {
      while (part < columns.length && x >= columns[part]) part += 1;
      parts[part].data[y * width + x] = data[y * width + x];
    }
  }
  return parts;
}

/** The ink of each row to the left of each column. @param {Floats} ink */
function inkBefore({ width, height, data }) {
  const before = new Float64Array(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) before[y * (width + 1) + x + 1] = before[y * (width + 1) + x] + data[y * width + x];
  }
  return before;
}

/** @param {Int32Array} columns @param {Float64Array} before @param {number} width */
function leftOf(columns, before, width) {
  return columns.reduce((total, column, y) => total + before[y * (width + 1) + Math.min(width, Math.max(0, column))], 0);
}

/** The ink that a path crosses in each row; a slanted path is longer than its number of rows. @param {Int32Array} path @param {Floats} ink */
function crossedBy(path, { width, height, data }) {
  return Array.from(path, (column, y) => {
    if (column < 0 || column >= width) return 0;
    const [above, below] = [Math.max(0, y - 1), Math.min(height - 1, y + 1)];
    const slope = height > 1 ? (path[below] - path[above]) / (below - above) : 0;
    return data[y * width + column] * Math.hypot(1, slope);
  });
}

/** The cheapest path near each slanted line, the cheapest of all first. @param {Floats} ink */
function cheapestPaths(ink) {
  const { width, height } = ink;
  const step = Math.max(1, round(height / STARTS_PER_HEIGHT));
  const found = [];
  for (let start = 0; start < width; start += step) {
    for (const slant of SLANTS) {
      const line = Int32Array.from({ length: height }, (_, row) => round(start - slant * (row - height / 2)));
      found.push(cheapestNear(line, slant, ink));
    }
  }
  return found.sort((one, other) => one.cost - other.cost).map(({ columns }) => columns);
}

/** The cheapest path near a line, by dynamic programming. @param {Int32Array} line  a column for each row @param {number} slant @param {Floats} ink */
function cheapestNear(line, slant, { width, height, data }) {
  const reach = Math.max(1, round(BEND * height));
  const count = 2 * reach + 1;
  const steps = new Int8Array(height * count);
  let total = new Float64Array(count);
  for (let row = 0; row < height; row += 1) {
    const next = new Float64Array(count);
    for (let offset = 0; offset < count; offset += 1) {
      const way = row === 0 ? 0 : bestWay(total, offset);
      steps[row * count + offset] = way;
      const column = line[row] + offset - reach;
      const here = column >= 0 && column < width ? data[row * width + column] : 0;
      next[offset] = total[offset + way] + (way === 0 ? 0 : BEND_COST) + here;
    }
    total = next;
  }
  let best = total.indexOf(Math.min(...total));
  const cost = total[best] * Math.hypot(1, slant);
  const columns = new Int32Array(height);
  for (let row = height - 1; row >= 0; row -= 1) {
    columns[row] = line[row] + best - reach;
    best += steps[row * count + best];
  }
  return { columns, cost };
}

/** Which of the three offsets above is cheapest: -1, 0 or 1; going straight wins a tie. @param {Float64Array} total @param {number} offset */
function bestWay(total, offset) {
  let way = 0;
  let least = total[offset];
  for (const each of [-1, 1]) {
    const at = offset + each;
    if (at < 0 || at >= total.length || total[at] + BEND_COST >= least) continue;
    way = each;
    least = total[at] + BEND_COST;
  }
  return way;
}
