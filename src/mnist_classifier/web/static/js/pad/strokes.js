// @ts-check
/**
 * A drawing as strokes, SIDE units wide and high, or WIDE_SIDE units wide for a
 * number.  It does not use the DOM; other modules draw it on a canvas or as a PNG.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, points: Point[]}} Stroke
 * @typedef {{strokes: readonly Stroke[], backdrop: unknown}} Sheet  strokes, or a picture as the backdrop
 * @typedef {{sheets: readonly Sheet[], at: number}} Timeline  the drawing and its history, oldest first; at: which one is shown
 */

import { ERASER_RADIUS, eraseAlong } from "./eraser.js";

export { trace } from "./curve.js";

/** Side of the pad in units, and of the PNG in pixels. */
export const SIDE = 280;

/** Width of the pad for numbers: enough for six digits. */
export const WIDE_SIDE = 700;

/** About 2 px of a digit 20 px tall, as in MNIST, if the digit fills two thirds of the pad. */
export const PEN_WIDTH = 18;

/** Widths of the pens; the model was tested with the middle one. */
export const PEN_WIDTHS = Object.freeze({ thin: 10, normal: PEN_WIDTH, thick: 28 });

/** Smallest distance between two points in units; closer points would look the same. */
const MIN_STEP = 0.75;

const MAX_UNDO = 200;

export class Strokes {
  /** @type {Sheet} */
  #sheet = { strokes: [], backdrop: null };
  /** @type {Stroke | null} */
  #open = null;
  /** The sheet before erasing began, and the position of the eraser. @type {{before: Sheet, at: Point, radius: number} | null} */
  #erasing = null;
  /** Earlier sheets, for undo. @type {Sheet[]} */
  #past = [];
  /** Undone sheets, for redo. @type {Sheet[]} */
  #future = [];

  /** A drawing with the history that `timeline` gave. @param {Timeline} timeline */
  static from({ sheets, at }) {
    const strokes = new Strokes();
    strokes.#past = sheets.slice(0, at);
    strokes.#sheet = sheets[at];
    strokes.#future = sheets.slice(at + 1).reverse();
    return strokes;
  }

  /** The drawing with its history, as if the open stroke or erasure were finished. @returns {Timeline} */
  get timeline() {
    const begun = this.#erasing?.before ?? this.#sheet;
    const past = this.isOpen ? [...this.#past, begun] : this.#past;
    const sheet = this.#open === null ? this.#sheet : { strokes: [...this.#sheet.strokes, this.#open], backdrop: null };
    return { sheets: [...past, sheet, ...(this.isOpen ? [] : [...this.#future].reverse())], at: past.length };
  }

  /** Whether there are no strokes; there may be a backdrop. */
  get isEmpty() {
    return this.#sheet.strokes.length === 0 && this.#open === null;
  }

  /** Whether a stroke is being drawn, or the eraser is down. */
  get isOpen() {
    return this.#open !== null || this.#erasing !== null;
  }

  get canUndo() {
    return this.isOpen || this.#past.length > 0;
  }

  get canRedo() {
    return !this.isOpen && this.#future.length > 0;
  }

  /** The picture in place of the drawing, if there is one; the first stroke removes it. @returns {unknown} */
  get backdrop() {
    return this.#open === null ? this.#sheet.backdrop : null;
  }

  /**
   * Start a stroke; finishes an open one first.
   * @param {Point} point
   * @param {number} width
   */
  add(point, width = PEN_WIDTH) {
    this.finish();
    this.#open = { width, points: [rounded(point)] };
  }

  /** Put the eraser down. @param {Point} point @param {number} radius */
  startErasing(point, radius = ERASER_RADIUS) {
    this.finish();
    this.#erasing = { before: this.#sheet, at: point, radius };
    this.extend([point]);
  }

  /**
   * Extend the open stroke or move the eraser; does nothing without either.
   * @param {Iterable<Point>} points
   */
  extend(points) {
    for (const point of points) {
      const { x, y } = rounded(point);
      if (this.#open !== null) {
        const last = this.#open.points[this.#open.points.length - 1];
        if (Math.hypot(x - last.x, y - last.y) >= MIN_STEP) this.#open.points.push({ x, y });
      } else if (this.#erasing !== null) {
        const strokes = eraseAlong(this.#sheet.strokes, this.#erasing.at, { x, y }, this.#erasing.radius);
        this.#sheet = { ...this.#sheet, strokes };
        this.#erasing.at = { x, y };
      }
    }
  }

  /** Close the open stroke, or lift the eraser.  Returns whether there was one. */
  finish() {
    if (this.#open !== null) {
      const strokes = [...this.#sheet.strokes, this.#open];
      this.#open = null;
      this.#change({ strokes, backdrop: null });
      return true;
    }
    if (this.#erasing === null) return false;
    const { before } = this.#erasing;
    const after = this.#sheet;
    this.#erasing = null;
    this.#sheet = before;
    if (after.strokes !== before.strokes) this.#change(after);
    return true;
  }

  /** Discard the open stroke or erasure.  Returns whether there was one. */
  abandon() {
    const wasOpen = this.isOpen;
    if (this.#erasing !== null) this.#sheet = this.#erasing.before;
    this.#open = this.#erasing = null;
    return wasOpen;
  }

  /** Undo the last stroke, erasure, clearing or backdrop.  Returns whether anything changed. */
  undo() {
    if (this.abandon()) return true;
    const before = this.#past.pop();
    if (before === undefined) return false;
    this.#future.push(this.#sheet);
    this.#sheet = before;
    return true;
  }

  /** Redo what was undone last.  Returns whether anything changed. */
  redo() {
    if (this.isOpen) return false;
    const after = this.#future.pop();
    if (after === undefined) return false;
    this.#past.push(this.#sheet);
    this.#sheet = after;
    return true;
  }

  /** Remove all strokes and the backdrop; undo brings them back.  Returns whether anything changed. */
  clear() {
    const wasOpen = this.abandon();
    if (this.isEmpty && this.backdrop === null) return wasOpen;
    this.#change({ strokes: [], backdrop: null });
    return true;
  }

  /** Put a backdrop in place of the drawing; undo removes it. @param {unknown} backdrop */
  setBackdrop(backdrop) {
    this.abandon();
    this.#change({ strokes: [], backdrop });
  }

  /** Replace the drawing; undo brings it back. @param {readonly Stroke[]} strokes */
  replace(strokes) {
    this.abandon();
    this.#change({ strokes: copy(strokes), backdrop: null });
  }

  /** A copy of the drawing, oldest stroke first, the open one last. @returns {Stroke[]} */
  export() {
    const { strokes } = this.#sheet;
    return copy(this.#open === null ? strokes : [...strokes, this.#open]);
  }

  /** Replace the sheet, so that undo can bring it back. @param {Sheet} sheet */
  #change(sheet) {
    this.#past.push(this.#sheet);
    if (this.#past.length > MAX_UNDO) this.#past.shift();
    this.#future = [];
    this.#sheet = sheet;
  }
}

/** To tenths, as drawings are stored: so a stored drawing is the same to the pixel. @param {Point} point @returns {Point} */
function rounded({ x, y }) {
  return { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 };
}

/** @param {readonly Stroke[]} strokes @returns {Stroke[]} */
function copy(strokes) {
  return strokes.map(({ width, points }) => ({ width, points: points.map((point) => ({ ...point })) }));
}

/**
 * Strokes in the form of /predict: [x, y] in pixels of the PNG, rounded to tenths.
 * @param {readonly Stroke[]} strokes
 * @returns {[number, number][][]}
 */
export function toPaths(strokes) {
  return strokes.map(({ points }) => points.map(rounded).map(({ x, y }) => [x, y]));
}
