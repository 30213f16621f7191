// @ts-check
/**
 * The grid of corrections and what is selected in it.
 *
 * @typedef {import("./api.js").Correction} Correction
 */

import { labelWords } from "../shared/corrections.js";
import { element, make } from "../shared/dom.js";
import { keepFocus } from "../shared/focus.js";
import { nameOf, readWords, wasWrong, writerWords } from "./words.js";

export class Grid {
  /** Called with the correction that the user opens. @type {(correction: Correction) => void} */
  onOpen = () => {};
  /** Called when the selection changes. */
  onSelect = () => {};

  #list = element("grid", HTMLUListElement);
  /** @type {Map<number, Correction>} */
  #shown = new Map();
  /** @type {Set<number>} */
  #selected = new Set();

  /** The corrections on the page. */
  get shown() {
    return [...this.#shown.values()];
  }

  /** The selected corrections. */
  get selected() {
    return this.shown.filter(({ id }) => this.#selected.has(id));
  }

  /** @param {readonly Correction[]} corrections */
  show(corrections) {
    this.#shown = new Map(corrections.map((each) => [each.id, each]));
    this.#selected = new Set([...this.#selected].filter((id) => this.#shown.has(id)));
    keepFocus(this.#list, () => this.#list.replaceChildren(...corrections.map((each) => this.#card(each))), { name: placeOf });
    this.onSelect();
  }

  /** @param {boolean} isSelected */
  selectAll(isSelected) {
    this.#selected = new Set(isSelected ? this.#shown.keys() : []);
    for (const box of this.#list.querySelectorAll("input")) box.checked = isSelected;
    this.onSelect();
  }

  /** @param {Correction} correction */
  #card(correction) {
    const { id, label, writer, glyph, contradicts } = correction;
    const name = nameOf(correction);
    const image = new Image(56, 56);
    image.src = glyph;
    image.alt = "";
    const open = make("button", { className: "correction-open" }, image, make("span", { className: "correction-label", text: labelWords(label) }));
    open.type = "button";
    open.setAttribute("aria-haspopup", "dialog");
    open.setAttribute("aria-label", `Open: ${name}`);
    open.addEventListener("click", () => this.onOpen(correction));
    const read = make("p", { text: readWords(correction), data: { wrong: String(wasWrong(correction)) } });
    const by = make("p", { className: "correction-writer", text: writerWords(writer) });
    const flag = contradicts.length === 0 ? [] : [make("p", { className: "correction-flag", text: "contradiction" })];
    return make("li", { data: { id: String(id) } }, this.#tick(id, name), open, read, by, ...flag);
  }

  /** @param {number} id @param {string} name */
  #tick(id, name) {
    const box = make("input");
    box.type = "checkbox";
    box.checked = this.#selected.has(id);
    box.setAttribute("aria-label", `Select: ${name}`);
    box.addEventListener("change", () => {
      if (box.checked) this.#selected.add(id);
      else this.#selected.delete(id);
      this.onSelect();
    });
    return make("label", { className: "check" }, box);
  }
}

/** A control of a card. @param {Element} control */
function placeOf(control) {
  return `${control.localName} ${control.closest("li")?.dataset.id}`;
}
