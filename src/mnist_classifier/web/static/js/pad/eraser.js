// @ts-check
/**
 * Erases parts of strokes; the rest become strokes again.  Pure.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

import { flatten } from "./curve.js";

/** Distance from a stroke's centre line, in units; about the width of a finger on a phone. */
export const ERASER_RADIUS = 16;

/** Shorter pieces are removed: they would be dots that nobody drew. */
const LEAST_REST = 4;

/**
 * The strokes without the parts within `radius` of the line from `from` to `to`.
 * Other strokes stay the same objects.
 *
 * @param {readonly Stroke[]} strokes
 * @param {Point} from
 * @param {Point} to
 * @param {number} radius
 * @returns {readonly Stroke[]}  the same array if nothing was erased
 */
export function eraseAlong(strokes, from, to, radius) {
  let touched = false;
  const left = strokes.flatMap((stroke) => {
    // The curve lies within the bounding box of its points, so most strokes need no further check.
    if (isFar(stroke.points, from, to, radius)) return [stroke];
    const line = flatten(stroke.points);
    const keeps = line.map((point) => distance(point, from, to) > radius);
    if (keeps.every(Boolean)) return [stroke];
    touched = true;
    return pieces(line, keeps).map((points) => ({ width: stroke.width, points }));
  });
  return touched ? left : strokes;
}

/** @param {readonly Point[]} points @param {Point} from @param {Point} to @param {number} radius */
function isFar(points, from, to, radius) {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  return (
    Math.min(...xs) > Math.max(from.x, to.x) + radius ||
    Math.max(...xs) < Math.min(from.x, to.x) - radius ||
    Math.min(...ys) > Math.max(from.y, to.y) + radius ||
    Math.max(...ys) < Math.min(from.y, to.y) - radius
  );
}

/** Runs of kept points that are long enough. @param {Point[]} line @param {boolean[]} keeps @returns {Point[][]} */
function pieces(line, keeps) {
  /** @type {Point[][]} */
  const runs = [[]];
  line.forEach((point, index) => {
    if (keeps[index]) runs[runs.length - 1].push(point);
    else if (runs[runs.length - 1].length > 0) runs.push([]);
  });
  return runs.filter((run) => lengthOf(run) >= LEAST_REST);
}

/** @param {readonly Point[]} line */
function lengthOf(line) {
  return line.slice(1).reduce((sum, { x, y }, index) => sum + Math.hypot(x - line[index].x, y - line[index].y), 0);
}

/** The distance from a point to a line segment. @param {Point} point @param {Point} from @param {Point} to */
export function distance(point, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : ((point.x - from.x) * dx + (point.y - from.y) * dy) / squared;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(point.x - from.x - t * dx, point.y - from.y - t * dy);
}
