// @ts-check
/**
 * Boxes over the pad: lines, cells, digits and marks.  Over a picture they can be clicked, tapped and reached with Tab
 * and the arrow keys.  Over a drawing they are only shown, because the pointer draws there.
 *
 * @typedef {import("./found.js").Item} Item
 * @typedef {import("./found.js").Kind} Kind
 * @typedef {{width: number, height: number}} Size
 */

import { element, make } from "../shared/dom.js";
import { itemAt, KINDS } from "./found.js";
import { onPad, pixelAt, placement } from "./number.js";

/** A finger or a mouse may miss a box by this distance. */
const REACH_PX = 12;

/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

export class Overlay {
  /** Called when the user chooses an item, or none. @type {(item: Item | null) => void} */
  onChoose = () => {};

  #root = element("found", HTMLElement);
  #legend = element("legend", HTMLElement);
  /** @type {readonly Item[]} */
  #items = [];
  /** @type {HTMLButtonElement[]} */
  #boxes = [];
  /** @type {Size} */
  #pad = { width: 1, height: 1 };
  /** @type {import("./number.js").Placement} */
  #placed = { x: 0, y: 0, scale: 1 };

  constructor() {
    this.#root.addEventListener("click", (event) => this.#click(event));
    this.#root.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {readonly Item[]} items
   * @param {Size} picture  what the boxes refer to
   * @param {Size} pad  in units
   * @param {boolean} canChoose
   */
  show(items, picture, pad, canChoose) {
    this.#pad = pad;
    this.#placed = placement(picture.width, picture.height, pad.width, pad.height);
    this.#items = items;
    this.#boxes = items.map((item, index) => makeBox(item, onPad(item.box, this.#placed, pad), index === 0));
    this.#root.replaceChildren(...this.#boxes);
    this.#root.inert = !canChoose;
    this.#root.hidden = items.length === 0;
    this.#showLegend();
  }

  hide() {
    if (!this.#root.hidden) this.show([], { width: 1, height: 1 }, { width: 1, height: 1 }, false);
  }

  /** Mark an item as chosen. @param {Item | null} chosen */
  mark(chosen) {
    this.#items.forEach((item, index) => this.#boxes[index].setAttribute("aria-pressed", String(item === chosen)));
  }

  /** A legend of one kind only would say nothing. */
  #showLegend() {
    const kinds = KINDS.filter(([kind]) => this.#items.some((item) => item.kind === kind));
    const entries = kinds.map(([kind, name]) => make("li", { data: { kind }, text: name }));
    if (this.#items.some(({ sure }) => !sure)) entries.push(make("li", { data: { kind: "doubt" }, text: "Not sure" }));
    this.#legend.replaceChildren(...(entries.length > 1 ? entries : []));
  }

  /** Enter and Space click at no place; the focused box is meant. @param {MouseEvent} event */
  #click(event) {
    const index = event.detail === 0 ? this.#boxes.findIndex((box) => box === event.target) : this.#indexAt(event);
    if (index >= 0) this.#tabStop(index);
    this.onChoose(this.#items[index] ?? null);
  }

  /** @param {MouseEvent} event */
  #indexAt(event) {
    const { x, y, pixel } = pixelAt(event, this.#root.getBoundingClientRect(), this.#placed, this.#pad);
    const item = itemAt(this.#items, x, y, REACH_PX * pixel);
    return item === null ? -1 : this.#items.indexOf(item);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") return this.onChoose(null);
    const step = STEPS[event.key];
    const at = this.#boxes.findIndex((box) => box === document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = Math.min(this.#boxes.length - 1, Math.max(0, at + step));
    this.#tabStop(next);
    this.#boxes[next].focus();
  }

  /** Tab stops at one box; the arrow keys lead to the others. @param {number} index */
  #tabStop(index) {
    this.#boxes.forEach((box, each) => (box.tabIndex = each === index ? 0 : -1));
  }
}

/** @param {Item} item @param {ReturnType<typeof onPad>} place @param {boolean} isTabStop */
function makeBox({ kind, label, name, sure }, place, isTabStop) {
  const made = make("button", { className: "found-item", data: { kind, sure: String(sure) } });
  made.type = "button";
  made.tabIndex = isTabStop ? 0 : -1;
  made.setAttribute("aria-label", name);
  made.setAttribute("aria-pressed", "false");
  if (label !== "") made.append(make("span", { text: sure || label === "?" ? label : `${label}?` }));
  for (const [side, share] of Object.entries(place)) made.style.setProperty(side, `${share.toFixed(3)}%`);
  made.style.setProperty("--height", place.height.toFixed(3));
  return made;
}
