// @ts-check
/**
 * The drawings of the two modes, each with its history; the pad shows one of them.  A change of the mode is a step
 * that Undo takes back.
 *
 * @typedef {import("./pad.js").Pad} Pad
 * @typedef {import("./workbench.js").Mode} Mode
 * @typedef {Record<Mode, Strokes>} Drawings
 */

import { element, mark, write } from "../shared/dom.js";
import { SIDE, Strokes, WIDE_SIDE } from "./strokes.js";

/** @type {readonly Mode[]} */
export const MODES = ["digit", "number"];

export class Sheets {
  #pad;
  /** @type {Mode} */
  #mode = "digit";
  /** @type {Drawings} */
  #drawings;
  /** @type {Mode | null} */
  #origin = null;
  /** The heading, which may depend on the mode. */
  #heading = element("heading", HTMLElement);

  /** @param {Pad} pad */
  constructor(pad) {
    this.#pad = pad;
    this.#drawings = { digit: pad.strokes, number: new Strokes() };
  }

  get mode() {
    return this.#mode;
  }

  /** The drawing of each mode, with its history. @returns {Drawings} */
  get drawings() {
    return { ...this.#drawings, [this.#mode]: this.#pad.strokes };
  }

  /** The mode to which Undo goes back, if the last step changed the mode. */
  get origin() {
    return this.#origin;
  }

  /** Show the drawing of a mode. @param {Mode} mode @param {Drawings} [drawings]  in place of those that are here */
  show(mode, drawings = this.drawings) {
    this.#drawings = { ...drawings };
    this.#mode = mode;
    element("bench", HTMLElement).dataset.mode = mode;
    element("random", HTMLButtonElement).hidden = mode === "number";
    for (const each of MODES) element(`mode-${each}`, HTMLButtonElement).setAttribute("aria-pressed", String(each === mode));
    write(this.#heading, this.#heading.dataset[mode] ?? this.#heading.textContent ?? "");
    this.#pad.startSheet(mode === "number" ? WIDE_SIDE : SIDE, this.#drawings[mode]);
  }

  /** Let Undo go back to that mode, unless it is the present one. @param {Mode | null} mode */
  noteOrigin(mode) {
    this.#origin = mode === this.#mode ? null : mode;
    const { canUndo, canRedo } = this.#pad.strokes;
    // `disabled` would take the keyboard focus away.
    mark(element("undo", HTMLButtonElement), "aria-disabled", String(!canUndo && this.#origin === null));
    mark(element("redo", HTMLButtonElement), "aria-disabled", String(!canRedo));
  }
}
