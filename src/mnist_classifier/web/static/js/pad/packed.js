// @ts-check
/**
 * Strokes as lists of numbers, [width, x, y, x, y, …] in tenths of a unit, as the browser stores them.  Pure.
 *
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

/** A stroke that leaves the pad continues beyond it, on a screen of any size. */
const MOST = 100_000;

/** @param {readonly Stroke[]} strokes @returns {number[][]} */
export function pack(strokes) {
  return strokes.map(({ width, points }) => [width, ...points.flatMap(({ x, y }) => [tenths(x), tenths(y)])]);
}

/** The strokes of `pack`; null if they are anything else. @param {unknown} packed @returns {Stroke[] | null} */
export function unpack(packed) {
  return Array.isArray(packed) && packed.every(isPacked) ? packed.map(unpackStroke) : null;
}

/** @param {number} value */
function tenths(value) {
  return Math.round(value * 10) / 10;
}

/** @param {unknown} stroke */
function isPacked(stroke) {
  if (!Array.isArray(stroke) || stroke.length < 3 || stroke.length % 2 === 0) return false;
  return stroke[0] > 0 && stroke.every((value) => Number.isFinite(value) && Math.abs(value) <= MOST);
}

/** @param {number[]} packed @returns {Stroke} */
function unpackStroke([width, ...rest]) {
  /** @type {Stroke} */
  const stroke = { width, points: [] };
  for (let index = 0; index < rest.length; index += 2) stroke.points.push({ x: rest[index], y: rest[index + 1] });
  return stroke;
}
