// @ts-check
/**
 * The tools of the pad: three pens and an eraser.
 *
 * @typedef {import("./pad.js").Pad} Pad
 * @typedef {"thin" | "normal" | "thick"} Pen
 */

import { element } from "../shared/dom.js";
import { PEN_WIDTHS } from "./strokes.js";

/** @type {readonly Pen[]} */
const PENS = ["thin", "normal", "thick"];

/** The next thinner or thicker pen, or the same if there is none. @param {Pen} pen @param {-1 | 1} step @returns {Pen} */
export function penBeside(pen, step) {
  return PENS[Math.min(PENS.length - 1, Math.max(0, PENS.indexOf(pen) + step))];
}

export class Tools {
  #pad;
  /** @type {Pen} */
  #pen = "normal";

  /** @param {Pad} pad */
  constructor(pad) {
    this.#pad = pad;
    for (const pen of PENS) element(`pen-${pen}`, HTMLButtonElement).addEventListener("click", () => this.take(pen));
    element("eraser", HTMLButtonElement).addEventListener("click", () => this.toggleEraser());
  }

  /** @param {Pen} pen */
  take(pen) {
    this.#pen = pen;
    this.#pad.penWidth = PEN_WIDTHS[pen];
    this.#erase(false);
  }

  /** @param {-1 | 1} step */
  stepPen(step) {
    this.take(penBeside(this.#pen, step));
  }

  toggleEraser() {
    this.#erase(!this.#pad.isErasing);
  }

  /** @param {boolean} isErasing */
  #erase(isErasing) {
    this.#pad.finish();
    this.#pad.isErasing = isErasing;
    element("pad-frame", HTMLElement).dataset.tool = isErasing ? "eraser" : "pen";
    element("eraser", HTMLButtonElement).setAttribute("aria-pressed", String(isErasing));
    for (const pen of PENS) {
      element(`pen-${pen}`, HTMLButtonElement).setAttribute("aria-pressed", String(!isErasing && pen === this.#pen));
    }
  }
}
