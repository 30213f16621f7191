// @ts-check
/**
 * The dialog of one image: reading, deciding pixels, similar training images, preprocessing.
 *
 * @typedef {import("./api.js").Explained} Explained
 * @typedef {import("./state.js").View} View
 */

import { element, make, write } from "../shared/dom.js";
import { advice, compare, describe, percent, stage } from "../shared/format.js";
import { keepFocus } from "../shared/focus.js";
import { heatMaps, neighbourList } from "./evidence.js";
import { picture, viewLink } from "./parts.js";
import { step } from "./state.js";

export class Inspector {
  /** Called when the user closes the dialog. */
  onClose = () => {};
  /** Called with "before" or "after" for the arrow keys. @type {(where: "before" | "after") => void} */
  onMove = () => {};

  #dialog = element("inspector", HTMLDialogElement);
  #heading = element("inspector-heading", HTMLElement);
  #close = element("inspector-close", HTMLButtonElement);
  #pages = element("inspector-pages", HTMLElement);
  #status = element("inspector-status", HTMLElement);
  #body = element("inspector-body", HTMLElement);

  constructor() {
    this.#close.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.onClose());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.onMove("before");
      if (event.key === "ArrowRight") this.onMove("after");
    });
  }

  /** Open the dialog while the image loads; the previous image stays until then. @param {View} view */
  showBusy(view) {
    write(this.#heading, `${view.split === "test" ? "Test" : "Validation"} image ${view.image}`);
    this.#dialog.setAttribute("aria-busy", "true");
    if (this.#body.childElementCount === 0) write(this.#status, "Loading the image…");
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** @param {View} view @param {{before: number | null, after: number | null}} around */
  showAround(view, { before, after }) {
    const link = (/** @type {number | null} */ image, /** @type {string} */ text, /** @type {string} */ label) =>
      image === null ? [] : [viewLink(step(view, { image }), { text, label })];
    const links = [...link(before, "‹", "Previous image"), ...link(after, "›", "Next image")];
    keepFocus(this.#pages, () => this.#pages.replaceChildren(...links), { otherwise: this.#close });
  }

  /** @param {string} message */
  showError(message) {
    this.#dialog.removeAttribute("aria-busy");
    this.#body.replaceChildren();
    write(this.#status, message);
  }

  hide() {
    this.#body.replaceChildren();
    if (this.#dialog.open) this.#dialog.close();
  }

  /** @param {Explained} found @param {View} view */
  show(found, view) {
    this.#dialog.removeAttribute("aria-busy");
    write(this.#status, "");
    const parts = [make("div", { className: "inspector-columns" }, readingOf(found), barsOf(found)), ...evidenceOf(found, view)];
    const change = () => this.#body.replaceChildren(...parts, ...neighbourList(found.neighbours), stepsOf(found));
    // Without the focus the dialog would not hear the arrow keys.
    keepFocus(this.#body, change, { otherwise: this.#close });
  }
}

/** @param {Explained} found */
function readingOf(found) {
  const { digit, words, sure } = describe(found);
  const { agrees, words: truth } = compare(found, found.label);
  const lines = [make("p", { className: "inspector-verdict", text: words }), make("p", { className: "inspector-sure", text: sure })];
  const line = make("p", { className: agrees ? "is-right" : "is-wrong", text: truth });
  const remarks = (found.warnings ?? []).map((warning) => make("p", { className: "inspector-sure", text: advice(warning) }));
  if (found.disputed) remarks.push(make("p", { className: "is-disputed", text: "This label is disputed." }));
  const seen = make("div", { className: "glyph-frame" });
  if (found.glyph !== null) seen.append(picture(found.glyph, `Image with label ${found.label}`));
  const large = make("p", { className: "inspector-digit", text: digit });
  return make("div", { className: "inspector-reading" }, seen, large, make("div", {}, ...lines, line, ...remarks));
}

/** @param {Explained} found */
function barsOf({ probabilities, label }) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const list = make("ol", { className: "bars" });
  list.setAttribute("aria-label", "Probability of each digit");
  probabilities.forEach((share, digit) => {
    const fill = make("span", { className: "bar-fill" });
    fill.style.transform = `scaleX(${share})`;
    const value = make("span", { className: "bar-value", text: percent(share) });
    const row = make("li", {}, make("span", { text: String(digit) }), make("span", { className: "bar-track" }, fill), value);
    row.dataset.best = String(digit === best);
    row.dataset.label = String(digit === label);
    list.append(row);
  });
  return list;
}

/** @param {Explained} found @param {View} view */
function evidenceOf({ saliency, glyph, label, probabilities }, view) {
  if (saliency === null || glyph === null) return [];
  const best = probabilities.indexOf(Math.max(...probabilities));
  return [make("section", { className: "evidence" }, make("h3", { text: "Which pixels decided the answer" }), ...tabsOf(best, label, saliency.digit, view), heatMaps(saliency, glyph))];
}

/** @param {number} best @param {number} label @param {number} digit  the one whose evidence is shown @param {View} view */
function tabsOf(best, label, digit, view) {
  if (best === label) return [];
  const why = viewLink(step(view, { digit: null }), { text: `Why ${best}?`, current: digit === best });
  const whyNot = viewLink(step(view, { digit: label }), { text: `Why not ${label}?`, current: digit === label });
  const tabs = make("nav", { className: "explore-tabs" }, why, whyNot);
  tabs.setAttribute("aria-label", "Digit to explain");
  return [tabs];
}

/** @param {Explained} found */
function stepsOf({ steps = [] }) {
  const items = steps.map(({ name, image }) => make("li", {}, picture(image), document.createTextNode(stage(name))));
  return make("section", { className: "steps" }, make("h3", { text: "From the picture to the network input" }), make("ol", {}, ...items));
}
