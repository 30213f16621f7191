// @ts-check
/**
 * The drawing pad: strokes from mouse, finger, pen or keys, shown on a canvas.
 * A picture (a test image, an upload) can lie in its place until someone draws.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("./api.js").DigitInNumber} DigitInNumber
 */

import { frames, placement } from "./number.js";
import { PEN_WIDTH, SIDE, Strokes, toPaths, trace } from "./strokes.js";

const PAPER = "#000";
const INK = "#fff";
const KEY_STEP = 10;
const KEY_STEP_FINE = 3;
/** Pictures up to this size are enlarged pixel by pixel. */
const PIXELATED_UP_TO_PX = 64;

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
  /** Called when the drawing is another one: a stroke ended, Undo, Clear. */
  onChange = () => {};

  strokes = new Strokes();
  #canvas;
  #context;
  #frame;
  /** @type {HTMLImageElement | null} */
  #picture = null;
  /** Digits that were found, framed on the pad. @type {readonly DigitInNumber[]} */
  #found = [];
  /** In units; the height is always SIDE. */
  #width = SIDE;
  /** @type {{id: number, type: string} | null} */
  #pointer = null;
  #cursor = { x: SIDE / 2, y: SIDE / 2 };
  #cursorShown = false;
  #paintQueued = false;

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
    return this.#picture === null && this.strokes.isEmpty;
  }

  /** The drawing as a PNG: SIDE high, opaque, white on black, whatever the screen is like. */
  toDataUrl() {
    const bitmap = document.createElement("canvas");
    bitmap.width = this.#width;
    bitmap.height = SIDE;
    const context = context2d(bitmap);
    context.fillStyle = PAPER;
    context.fillRect(0, 0, this.#width, SIDE);
    paint(context, this.strokes.export(), INK);
    return bitmap.toDataURL("image/png");
  }

  /** The strokes in pixels of that PNG. */
  toPaths() {
    return toPaths(this.strokes.export());
  }

  /** Take a new, empty sheet of another width. @param {number} width  in units */
  startSheet(width) {
    this.#width = width;
    this.strokes = new Strokes();
    this.#picture = null;
    this.#found = [];
    this.#cursor = { x: width / 2, y: SIDE / 2 };
    this.#resize();
    this.#update();
  }

  /** Frame digits that were read, until the drawing changes. @param {readonly DigitInNumber[]} digits */
  showFound(digits) {
    this.#found = digits;
    this.#update();
  }

  /** Lay a picture in the drawing's place; Undo brings the drawing back. @param {HTMLImageElement} picture */
  showPicture(picture) {
    this.strokes.clear();
    this.#picture = picture;
    this.#found = [];
    this.#update();
  }

  finish() {
    if (this.strokes.finish()) this.#changed();
  }

  undo() {
    const hadPicture = this.#picture !== null;
    this.#picture = null;
    if (this.strokes.undo() || hadPicture) this.#changed();
  }

  clear() {
    const hadPicture = this.#picture !== null;
    this.#picture = null;
    if (this.strokes.clear() || hadPicture) this.#changed();
  }

  /** @param {Point} point */
  #begin(point) {
    this.#picture = null;
    this.#found = [];
    this.strokes.add(point, PEN_WIDTH);
    this.#update();
    this.onBegin();
  }

  #changed() {
    this.#found = [];
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

  /** One pointer draws at a time; only a pen takes over, from the palm that touched first. @param {PointerEvent} event */
  #pointerDown(event) {
    if (event.button !== 0) return;
    if (this.#pointer !== null) {
      if (event.pointerType !== "pen" || this.#pointer.type !== "touch") return;
      this.strokes.abandon();
    }
    event.preventDefault();
    this.#pointer = { id: event.pointerId, type: event.pointerType };
    this.#canvas.setPointerCapture(event.pointerId);
    this.#cursorShown = false;
    this.#begin(this.#position(event));
  }

  /** @param {PointerEvent} event */
  #pointerMove(event) {
    if (event.pointerId !== this.#pointer?.id) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    const events = coalesced.length > 0 ? coalesced : [event];
    this.strokes.extend(events.map((each) => this.#position(each)));
    this.#update();
  }

  /** @param {PointerEvent} event */
  #pointerEnd(event) {
    if (event.pointerId !== this.#pointer?.id) return;
    this.#pointer = null;
    this.finish();
  }

  /** @param {PointerEvent} event @returns {Point} */
  #position(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * this.#width, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  /** Arrow keys move a pen, Space puts it down and lifts it. */
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
    this.strokes.extend([this.#cursor]);
    this.#update();
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

  #update() {
    this.#frame.dataset.empty = String(this.isEmpty);
    if (this.#paintQueued) return;
    this.#paintQueued = true;
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#paintQueued = false;
    const { width, height } = this.#canvas;
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(width / this.#width, 0, 0, height / SIDE, 0, 0);
    if (this.#picture !== null) paintPicture(context, this.#picture, this.#width);
    paint(context, this.strokes.export(), getComputedStyle(this.#canvas).color);
    paintFrames(context, this.#found, this.#picture, this.#width);
    if (this.#cursorShown) paintCursor(context, this.#cursor, this.strokes.isOpen);
  }
}

/** @param {number} coordinate @param {number} most */
function within(coordinate, most) {
  return Math.min(most, Math.max(0, coordinate));
}

/** @param {HTMLCanvasElement} canvas */
function context2d(canvas) {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser gives no 2d canvas");
  return context;
}

/** @param {CanvasRenderingContext2D} context @param {Stroke[]} strokes @param {string} ink */
function paint(context, strokes, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const { points, width } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    if (points.length === 1) {
      context.arc(points[0].x, points[0].y, width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    for (const [kind, x, y, toX = 0, toY = 0] of trace(points)) {
      if (kind === "M") context.moveTo(x, y);
      else if (kind === "L") context.lineTo(x, y);
      else context.quadraticCurveTo(x, y, toX, toY);
    }
    context.stroke();
  }
}

/**
 * As large as fits, in the middle.
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement} picture
 * @param {number} padWidth
 */
function paintPicture(context, picture, padWidth) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const { x, y, scale } = placement(width, height, padWidth, SIDE);
  context.imageSmoothingEnabled = Math.max(width, height) > PIXELATED_UP_TO_PX;
  context.drawImage(picture, x, y, width * scale, height * scale);
}

/**
 * A frame around each digit that was read, and what it was read as.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly DigitInNumber[]} digits
 * @param {HTMLImageElement | null} picture  whose pixels the boxes are in; null for the drawing's own
 * @param {number} padWidth
 */
function paintFrames(context, digits, picture, padWidth) {
  const size = picture === null ? { width: padWidth, height: SIDE } : { width: picture.naturalWidth, height: picture.naturalHeight };
  context.lineWidth = 2;
  context.font = "600 16px system-ui, sans-serif";
  context.textBaseline = "bottom";
  for (const { x, y, width, height, text, sure } of frames(digits, placement(size.width, size.height, padWidth, SIDE))) {
    context.strokeStyle = context.fillStyle = sure ? "#5b8cff" : "#efbb62";
    context.strokeRect(x, y, width, height);
    context.fillText(text, x, Math.max(18, y - 3));
  }
}

/** @param {CanvasRenderingContext2D} context @param {Point} point @param {boolean} isDown */
function paintCursor(context, point, isDown) {
  context.beginPath();
  context.arc(point.x, point.y, PEN_WIDTH / 2, 0, 2 * Math.PI);
  context.lineWidth = 2;
  context.strokeStyle = isDown ? "#5b8cff" : "#9aa3b2";
  context.stroke();
}
