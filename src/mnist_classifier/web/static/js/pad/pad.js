// @ts-check
/**
 * The drawing pad: strokes from mouse, finger, pen or keys, shown on a canvas.
 * A picture (a test image or a file) can take the place of the drawing.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {{picture: HTMLImageElement, subject: any}} Backdrop  a picture, and the data that the caller gave with it
 */

import { mark } from "../shared/dom.js";
import { ERASER_RADIUS } from "./eraser.js";
import { bitmapOf, context2d, paint, paintCursor, paintPicture, pixelsOf, widthFor } from "./paint.js";
import { PEN_WIDTH, SIDE, Strokes, toPaths } from "./strokes.js";

const KEY_STEP = 10;
const KEY_STEP_FINE = 3;
/** The result stands beside a pad that is less than so many times as wide as high, and below a wider one. */
const TALL_BELOW = 1.4;

/** @type {Record<string, Point>} */
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export class Pad {
  /** Called when a stroke begins. */
  onBegin = () => {};
  /** Called when the open stroke or the eraser has moved. */
  onMove = () => {};
  /** Called after the drawing has changed: a stroke ended, undo, redo, clear. */
  onChange = () => {};

  strokes = new Strokes();
  /** Width of the next strokes, in units. */
  penWidth = PEN_WIDTH;
  /** Whether the pointer erases. */
  isErasing = false;
  #canvas;
  #context;
  #frame;
  /** In units; the height is always SIDE. */
  #width = SIDE;
  /** Width of a drawing.  On a sheet that is wider than high, a picture gives the pad its own shape. */
  #sheetWidth = SIDE;
  /** @type {{id: number, type: string} | null} */
  #pointer = null;
  #cursor = { x: SIDE / 2, y: SIDE / 2 };
  #cursorShown = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} frame  gets data-empty
   */
  constructor(canvas, frame) {
    this.#canvas = canvas;
    this.#frame = frame;
    this.#context = context2d(canvas);
    this.#listenToPointers();
    this.#listenToKeys();
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  get isEmpty() {
    return this.backdrop === null && this.strokes.isEmpty;
  }

  /** The picture that takes the place of the drawing. @returns {Backdrop | null} */
  get backdrop() {
    return /** @type {Backdrop | null} */ (this.strokes.backdrop);
  }

  /** Width of the pad in units; its height is SIDE. */
  get width() {
    return this.#width;
  }

  /** The drawing as an opaque PNG, SIDE pixels high, white on black. */
  toDataUrl() {
    return bitmapOf(this.strokes.export(), this.#width);
  }

  /** The pixels of that PNG. */
  toPixels() {
    return pixelsOf(this.strokes.export(), this.#width);
  }

  /** The strokes, in pixels of that PNG. */
  toPaths() {
    return toPaths(this.strokes.export());
  }

  /** Start a drawing of another width. @param {number} width  in units @param {Strokes} [strokes]  its strokes */
  startSheet(width, strokes = new Strokes()) {
    this.#sheetWidth = width;
    this.strokes = strokes;
    this.#cursor = { x: width / 2, y: SIDE / 2 };
    this.#update();
  }

  /**
   * Show a picture in place of the drawing; undo brings the drawing back.
   * @param {HTMLImageElement} picture
   * @param {any} [subject]  stored in `backdrop`
   */
  showPicture(picture, subject = null) {
    this.strokes.setBackdrop({ picture, subject });
    this.#update();
  }

  /** Show another drawing; undo brings this one back. @param {readonly Stroke[]} strokes */
  showStrokes(strokes) {
    this.strokes.replace(strokes);
    this.#changed();
  }

  /** End the current stroke, or lift the eraser. */
  finish() {
    if (!this.strokes.finish()) return;
    if (this.#cursorShown) this.#update(); // the stroke itself is painted already
    this.onChange();
  }

  undo() {
    if (this.strokes.undo()) this.#changed();
  }

  redo() {
    if (this.strokes.redo()) this.#changed();
  }

  clear() {
    if (this.strokes.clear()) this.#changed();
  }

  /** @param {Point} point */
  #begin(point) {
    // A picture cannot be erased. Drawing over one that shapes the pad would move the pad below the pen.
    if (this.backdrop !== null && (this.isErasing || this.#sheetWidth !== SIDE)) return;
    if (this.isErasing) this.strokes.startErasing(point);
    else this.strokes.add(point, this.penWidth);
    this.#update();
    this.onBegin();
  }

  #changed() {
    this.#update();
    this.onChange();
  }

  #listenToPointers() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.#pointerMove(event));
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(kind, (event) => this.#pointerEnd(/** @type {PointerEvent} */ (event)));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** One pointer draws at a time. Only a pen takes over, because a palm may have touched first. @param {PointerEvent} event */
  #pointerDown(event) {
    if (event.button !== 0) return;
    if (this.#pointer !== null) {
      if (event.pointerType !== "pen" || this.#pointer.type !== "touch") return;
      this.strokes.abandon();
    }
    event.preventDefault();
    this.#pointer = { id: event.pointerId, type: event.pointerType };
    this.#canvas.setPointerCapture(event.pointerId);
    this.#cursor = this.#position(event);
    this.#cursorShown = this.isErasing;
    this.#begin(this.#cursor);
  }

  /** @param {PointerEvent} event */
  #pointerMove(event) {
    if (event.pointerId !== this.#pointer?.id) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    const events = coalesced.length > 0 ? coalesced : [event];
    this.#cursor = this.#position(event);
    this.#extend(events.map((each) => this.#position(each)));
  }

  /** @param {PointerEvent} event */
  #pointerEnd(event) {
    if (event.pointerId !== this.#pointer?.id) return;
    this.#pointer = null;
    if (this.#cursorShown) {
      this.#cursorShown = false;
      this.#update();
    }
    this.finish();
  }

  /** @param {PointerEvent} event @returns {Point} */
  #position(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * this.#width, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  /** Arrow keys move the pen; Space puts it down and lifts it. */
  #listenToKeys() {
    this.#canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in ARROWS) this.#moveCursor(ARROWS[event.key], event.shiftKey ? KEY_STEP_FINE : KEY_STEP);
      else if (event.key === " ") this.#pressSpace(event.repeat);
      else return;
      event.preventDefault();
    });
    this.#canvas.addEventListener("focus", () => {
      this.#cursorShown = this.#canvas.matches(":focus-visible");
      this.#update();
    });
    this.#canvas.addEventListener("blur", () => {
      this.#cursorShown = false;
      if (this.#pointer === null) this.finish();
      this.#update();
    });
  }

  /** @param {Point} direction @param {number} step */
  #moveCursor(direction, step) {
    if (this.#pointer !== null) return;
    this.#cursorShown = true;
    const { x, y } = this.#cursor;
    this.#cursor = { x: within(x + direction.x * step, this.#width), y: within(y + direction.y * step, SIDE) };
    this.#extend([this.#cursor]);
  }

  /** @param {Point[]} points */
  #extend(points) {
    this.strokes.extend(points);
    this.#update();
    if (this.strokes.isOpen) this.onMove();
  }

  /** @param {boolean} isRepeat */
  #pressSpace(isRepeat) {
    if (isRepeat || this.#pointer !== null) return;
    this.#cursorShown = true;
    if (this.strokes.isOpen) this.finish();
    else this.#begin(this.#cursor);
  }

  #resize() {
    const width = Math.max(1, Math.round(this.#canvas.clientWidth * window.devicePixelRatio));
    const height = Math.max(1, Math.round((width * SIDE) / this.#width));
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#paint();
  }

  /**
   * Paint at once. Browsers send one move per frame, so waiting gains nothing; and Chromium delays replies from the
   * network while a page waits for a frame.
   */
  #update() {
    mark(this.#frame, "data-empty", String(this.isEmpty));
    this.#fit();
    this.#paint();
  }

  #fit() {
    const picture = this.backdrop?.picture ?? null;
    const width = picture === null || this.#sheetWidth === SIDE ? this.#sheetWidth : widthFor(picture);
    if (width === this.#width) return;
    this.#width = width;
    /** @type {HTMLElement} */ (this.#frame.parentElement).style.setProperty("--pad-ratio", String(width / SIDE));
    this.#frame.dataset.shape = width < TALL_BELOW * SIDE ? "tall" : "wide";
    this.#resize();
  }

  #paint() {
    const { width, height } = this.#canvas;
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(width / this.#width, 0, 0, height / SIDE, 0, 0);
    const picture = this.backdrop?.picture ?? null;
    if (picture !== null) paintPicture(context, picture, this.#width);
    paint(context, this.strokes.export(), getComputedStyle(this.#canvas).color);
    if (this.#cursorShown) paintCursor(context, this.#cursor, this.isErasing ? ERASER_RADIUS : this.penWidth / 2, this.strokes.isOpen);
  }
}

/** @param {number} coordinate @param {number} most */
function within(coordinate, most) {
  return Math.min(most, Math.max(0, coordinate));
}
