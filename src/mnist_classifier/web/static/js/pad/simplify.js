// @ts-check
/**
 * Fewer points for the same line.  Pure.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

import { flatten } from "./curve.js";
import { distance } from "./eraser.js";

/** Each pass leaves out points beside those that the one before left out. */
const PASSES = 4;

/**
 * Leave out points without which the smooth line stays where it is.
 * @param {Stroke} stroke
 * @param {number} tolerance  how far the line may move, in units
 * @returns {Stroke}
 */
export function simplified({ width, points }, tolerance) {
  let kept = points.map((_, index) => index);
  for (let pass = 0, before = Infinity; pass < PASSES && kept.length < before; pass += 1) {
    before = kept.length;
    kept = thinned(points, kept, tolerance);
  }
  return { width, points: kept.map((index) => points[index]) };
}

/** @param {readonly Point[]} points @param {readonly number[]} kept  indices of points @param {number} tolerance @returns {number[]} */
function thinned(points, kept, tolerance) {
  const left = [kept[0]];
  for (let i = 1; i < kept.length; i += 1) {
    const around = [...left.slice(-2), ...kept.slice(i + 1, i + 3)];
    const isLast = i === kept.length - 1;
    if (isLast || movesLine(points, around, tolerance)) left.push(kept[i]);
  }
  return left;
}

/**
 * Whether the line through the chosen points alone differs from that through all points between them.
 * @param {readonly Point[]} points @param {readonly number[]} chosen  indices @param {number} tolerance
 */
function movesLine(points, chosen, tolerance) {
  const whole = flatten(points.slice(chosen[0], chosen[chosen.length - 1] + 1));
  const part = flatten(chosen.map((index) => points[index]));
  return isFar(whole, part, tolerance) || isFar(part, whole, tolerance);
}

/** Whether a point of one line is far from the other line. @param {readonly Point[]} line @param {readonly Point[]} other @param {number} tolerance */
function isFar(line, other, tolerance) {
  return line.some((point) => !other.some((end, index) => index > 0 && distance(point, other[index - 1], end) <= tolerance));
}
