// @ts-check
/**
 * The pad of the lesson and the reading beside it.  The network runs in the browser, so the answer follows the pen.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../pad/strokes.js").Stroke} Stroke
 * @typedef {import("../offline/read-digit.js").Recogniser} Recogniser
 * @typedef {{reading: Reading, glyph: Uint8Array | null, isOpen: boolean}} Look  isOpen: the pen is still down
 */

import { browserRecogniser } from "../shared/browser-model.js";
import { element, write } from "../shared/dom.js";
import { describe } from "../shared/format.js";
import { messageOf } from "../shared/toast.js";
import { Pad } from "../pad/pad.js";
import { context2d, paint } from "../pad/paint.js";
import { barsOf, showBars } from "../pad/result.js";
import { SIDE } from "../pad/strokes.js";

const GLYPH_SIDE = 28;
/** The model in the box: every class has the same network. */
export const BOX = 0;
const RETRY_MS = 3_000;
const NOTHING = { digit: "", words: "Nothing drawn yet", sure: "" };

export class Board {
  /** Called with every reading of the drawing. @type {(look: Look) => void} */
  onLook = () => {};
  /** Called when the drawing has changed and the pen is up. */
  onChange = () => {};

  #pad = new Pad(element("pad", HTMLCanvasElement), element("pad-frame", HTMLElement));
  #root = element("lesson-board", HTMLElement);
  #glyph = context2d(element("glyph", HTMLCanvasElement));
  #bars = barsOf(element("bars", HTMLElement));
  #pixels = opaque();
  /** @type {Recogniser | null} */
  #recogniser = null;
  #isDue = false;

  constructor() {
    const canvas = element("pad", HTMLCanvasElement);
    for (const kind of ["pointermove", "keydown"]) canvas.addEventListener(kind, () => this.#pad.strokes.isOpen && this.#lookSoon());
    this.#pad.onBegin = () => this.#lookSoon();
    this.#pad.onChange = () => {
      this.look();
      this.onChange();
    };
    element("undo", HTMLButtonElement).addEventListener("click", () => this.#pad.undo());
    element("clear", HTMLButtonElement).addEventListener("click", () => this.#pad.clear());
    this.#load();
  }

  /** @returns {Stroke[]} */
  get strokes() {
    return this.#pad.strokes.export();
  }

  /** The drawing as a PNG, for the server. */
  get image() {
    return this.#pad.toDataUrl();
  }

  get isEmpty() {
    return this.#pad.isEmpty;
  }

  /** Show a drawing of earlier. @param {readonly Stroke[]} strokes */
  restore(strokes) {
    this.#pad.showStrokes(strokes);
  }

  /** Put the board into a step of the lesson. @param {Element} slot */
  moveTo(slot) {
    slot.append(this.#root);
  }

  /** Read the drawing and show the reading. */
  look() {
    if (this.#recogniser === null) return;
    this.#pixels.fillStyle = "#000";
    this.#pixels.fillRect(0, 0, SIDE, SIDE);
    paint(this.#pixels, this.strokes, "#fff");
    const { reading, prepared } = this.#recogniser.read(this.#pixels.getImageData(0, 0, SIDE, SIDE));
    const glyph = prepared.glyph === null ? null : Uint8Array.from(prepared.glyph.data);
    this.show(reading, glyph);
    this.onLook({ reading, glyph, isOpen: this.#pad.strokes.isOpen });
  }

  /** Read a glyph that somebody changed, and show its reading. @param {Uint8Array} glyph @returns {Reading | null} */
  readGlyph(glyph) {
    const reading = this.#recogniser?.readGlyph(glyph) ?? null;
    if (reading !== null) this.show(reading, glyph);
    return reading;
  }

  /** @param {Reading} reading @param {Uint8Array | null} glyph */
  show(reading, glyph) {
    const { digit, words, sure } = this.isEmpty ? NOTHING : describe(reading);
    this.#root.dataset.state = reading.verdict === "blank" ? "empty" : reading.verdict;
    write(element("digit", HTMLElement), digit);
    write(element("words", HTMLElement), words);
    write(element("sure", HTMLElement), sure);
    showBars(this.#bars, reading.verdict === "blank" ? null : reading);
    paintGlyph(this.#glyph, glyph);
    // Screen readers hear the answer once the pen is up.
    if (!this.#pad.strokes.isOpen) write(element("spoken", HTMLElement), sure === "" ? words : `${words}. ${sure}`);
  }

  /** Read once before the next picture of the screen, however many moves arrive. */
  #lookSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      if (this.#pad.strokes.isOpen) this.look();
    });
  }

  /** Load the network; try again until it is there. */
  async #load() {
    const note = element("board-note", HTMLElement);
    write(note, "Loading the network…");
    while (this.#recogniser === null) {
      try {
        this.#recogniser = await browserRecogniser(BOX);
      } catch (error) {
        write(note, `The network could not be loaded. ${messageOf(error)} Trying again.`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    write(note, "");
    this.look();
  }
}

/** @param {CanvasRenderingContext2D} context @param {Uint8Array | null} glyph  28 x 28, ink = 255 */
export function paintGlyph(context, glyph) {
  const image = context.createImageData(GLYPH_SIDE, GLYPH_SIDE);
  for (let pixel = 0; pixel < GLYPH_SIDE ** 2; pixel += 1) {
    image.data.fill(glyph?.[pixel] ?? 0, 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** A canvas of its own, in main memory, for the pixels that the network reads. */
function opaque() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2d canvas");
  return context;
}
