// @ts-check
/**
 * A drawing as strokes in SIDE units, or WIDE_SIDE x SIDE for a number.  Knows no
 * DOM: the canvas is a view of this, and so is the bitmap that is sent.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, points: Point[]}} Stroke
 * @typedef {["M" | "L", number, number] | ["Q", number, number, number, number]} PathCommand
 */

/** Side of the drawing square, and of the bitmap that is sent, in pixels. */
export const SIDE = 280;

/** The pad's width where several digits are written: room for six. */
export const WIDE_SIDE = 700;

/** About 2 px of a 20 px tall digit, as in MNIST, when a digit fills two thirds of the square. */
export const PEN_WIDTH = 18;

/** Points closer than this add nothing that can be seen. */
const MIN_STEP = 0.75;

const MAX_UNDO = 200;

export class Strokes {
  /** @type {readonly Stroke[]} */
  #drawing = [];
  /** @type {Stroke | null} */
  #open = null;
  /** Earlier drawings, so that Clear can be undone too. @type {(readonly Stroke[])[]} */
  #past = [];

  get isEmpty() {
    return this.#drawing.length === 0 && this.#open === null;
  }

  get isOpen() {
    return this.#open !== null;
  }

  get canUndo() {
    return this.#open !== null || this.#past.length > 0;
  }

  /**
   * Start a stroke; one that was still open is finished first.
   * @param {Point} point
   * @param {number} width
   */
  add(point, width = PEN_WIDTH) {
    this.finish();
    this.#open = { width, points: [{ x: point.x, y: point.y }] };
  }

  /**
   * Lengthen the open stroke; without one, nothing happens.
   * @param {Iterable<Point>} points
   */
  extend(points) {
    if (this.#open === null) return;
    for (const { x, y } of points) {
      const last = this.#open.points[this.#open.points.length - 1];
      if (Math.hypot(x - last.x, y - last.y) >= MIN_STEP) this.#open.points.push({ x, y });
    }
  }

  /** Close the open stroke.  Returns whether there was one. */
  finish() {
    if (this.#open === null) return false;
    this.#become([...this.#drawing, this.#open]);
    this.#open = null;
    return true;
  }

  /** Throw the open stroke away.  Returns whether there was one. */
  abandon() {
    const wasOpen = this.#open !== null;
    this.#open = null;
    return wasOpen;
  }

  /** Take back the newest stroke, or the newest Clear.  Returns whether anything changed. */
  undo() {
    if (this.abandon()) return true;
    const before = this.#past.pop();
    if (before === undefined) return false;
    this.#drawing = before;
    return true;
  }

  /** Remove all strokes; undo brings them back.  Returns whether anything changed. */
  clear() {
    const wasOpen = this.abandon();
    if (this.#drawing.length === 0) return wasOpen;
    this.#become([]);
    return true;
  }

  /** A copy of the drawing, oldest stroke first, the open one last. @returns {Stroke[]} */
  export() {
    const strokes = this.#open === null ? this.#drawing : [...this.#drawing, this.#open];
    return strokes.map(({ width, points }) => ({ width, points: points.map((point) => ({ ...point })) }));
  }

  /** @param {readonly Stroke[]} drawing */
  #become(drawing) {
    this.#past.push(this.#drawing);
    if (this.#past.length > MAX_UNDO) this.#past.shift();
    this.#drawing = drawing;
  }
}

/**
 * The smooth line through a stroke: quadratic curves between the middles of
 * neighbouring points, with the points as their control points.
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
 * Strokes as /predict takes them: [x, y] in pixels of the bitmap, to a tenth of one.
 * @param {readonly Stroke[]} strokes
 * @returns {[number, number][][]}
 */
export function toPaths(strokes) {
  const tenths = (/** @type {number} */ value) => Math.round(value * 10) / 10;
  return strokes.map(({ points }) => points.map(({ x, y }) => [tenths(x), tenths(y)]));
}
