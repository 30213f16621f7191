// @ts-check
/**
 * The layer over a picture on which the user draws the fields of a form.
 *
 * @typedef {import("./form.js").Field} Field
 * @typedef {import("./form.js").Point} Point
 * @typedef {{width: number, height: number}} Size
 */

import { element, make } from "../shared/dom.js";
import { rectangle, scaled } from "./form.js";
import { onPad, pixelAt, placement } from "./number.js";

export class FormLayer {
  /** Called with a rectangle that was drawn, in pixels of the picture. @type {(box: Field["box"]) => void} */
  onDraw = () => {};

  #root = make("div", { className: "form-layer" });
  #draft = make("div", { className: "form-box" });
  /** @type {Point | null} */
  #start = null;
  /** @type {Size} */
  #picture = { width: 1, height: 1 };
  /** @type {Size} */
  #pad = { width: 1, height: 1 };
  /** @type {import("./number.js").Placement} */
  #placed = { x: 0, y: 0, scale: 1 };

  constructor() {
    this.#root.hidden = true;
    element("pad-frame", HTMLElement).append(this.#root);
    this.#root.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#root.addEventListener("pointermove", (event) => this.#move(event));
    this.#root.addEventListener("pointerup", (event) => this.#end(event));
    this.#root.addEventListener("pointercancel", () => this.#drop());
  }

  /** @param {Size} picture @param {Size} pad  in units */
  setPicture(picture, pad) {
    this.#picture = picture;
    this.#pad = pad;
    this.#placed = placement(picture.width, picture.height, pad.width, pad.height);
  }

  /** @param {readonly Field[] | null} fields  null to hide the layer @param {number} scale  pixels of the fields per pixel of the picture */
  show(fields, scale) {
    this.#root.hidden = fields === null;
    this.#root.replaceChildren(...(fields ?? []).map(({ name, box }) => this.#place(make("div", { className: "form-box", text: name }), scaled(box, 1 / scale))));
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#root.setPointerCapture(event.pointerId);
    this.#start = this.#pointAt(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const box = this.#drawn(event);
    if (box === null) return this.#draft.remove();
    this.#root.append(this.#place(this.#draft, box));
  }

  /** @param {PointerEvent} event */
  #end(event) {
    const box = this.#drawn(event);
    this.#drop();
    if (box !== null) this.onDraw(box);
  }

  #drop() {
    this.#start = null;
    this.#draft.remove();
  }

  /** @param {PointerEvent} event */
  #drawn(event) {
    return this.#start === null ? null : rectangle(this.#start, this.#pointAt(event), this.#picture);
  }

  /** @param {PointerEvent} event @returns {Point} */
  #pointAt(event) {
    return pixelAt(event, this.#root.getBoundingClientRect(), this.#placed, this.#pad);
  }

  /** @param {HTMLElement} made @param {Field["box"]} box */
  #place(made, box) {
    for (const [side, share] of Object.entries(onPad(box, this.#placed, this.#pad))) made.style.setProperty(side, `${share.toFixed(3)}%`);
    return made;
  }
}
