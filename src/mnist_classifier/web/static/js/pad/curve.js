// @ts-check
/**
 * The smooth line through the points of a stroke.  Pure.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {["M" | "L", number, number] | ["Q", number, number, number, number]} PathCommand
 */

/** Largest distance between the points of a flattened line, in units. */
const STEP = 1.5;

/**
 * The smooth line through a stroke: quadratic curves between the midpoints of
 * neighbouring points, with the points as control points.
 *
 * @param {readonly Point[]} points
 * @returns {PathCommand[]}
 */
export function trace(points) {
  if (points.length === 0) return [];
  /** @type {PathCommand[]} */
  const path = [["M", points[0].x, points[0].y]];
  for (let i = 1; i < points.length - 1; i += 1) {
    const here = points[i];
    const next = points[i + 1];
    path.push(["Q", here.x, here.y, (here.x + next.x) / 2, (here.y + next.y) / 2]);
  }
  const last = points[points.length - 1];
  path.push(["L", last.x, last.y]);
  return path;
}

/**
 * The smooth line as points that lie close together.
 * @param {readonly Point[]} points
 * @returns {Point[]}
 */
export function flatten(points) {
  /** @type {Point[]} */
  const line = [];
  for (const [kind, x, y, toX = 0, toY = 0] of trace(points)) {
    const start = line[line.length - 1];
    if (kind === "M" || start === undefined) {
      line.push({ x, y });
      continue;
    }
    const end = kind === "Q" ? { x: toX, y: toY } : { x, y };
    const control = kind === "Q" ? { x, y } : { x: (start.x + x) / 2, y: (start.y + y) / 2 };
    const length = Math.hypot(control.x - start.x, control.y - start.y) + Math.hypot(end.x - control.x, end.y - control.y);
    const steps = Math.max(1, Math.ceil(length / STEP));
    for (let step = 1; step <= steps; step += 1) line.push(bend(start, control, end, step / steps));
  }
  // For a tap, trace returns the same point twice.
  return points.length === 1 ? line.slice(0, 1) : line;
}

/** @param {Point} start @param {Point} control @param {Point} end @param {number} t  0 to 1 */
function bend(start, control, end, t) {
  const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
  return { x: a * start.x + b * control.x + c * end.x, y: a * start.y + b * control.y + c * end.y };
}
