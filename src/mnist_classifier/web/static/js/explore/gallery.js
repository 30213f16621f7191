// @ts-check
/**
 * The list of images: heading, thumbnails, pages.
 *
 * @typedef {import("./api.js").Page} Page
 * @typedef {import("./api.js").Thumbnail} Thumbnail
 * @typedef {import("./state.js").View} View
 */

import { element, make, write } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { keepFocus } from "../shared/focus.js";
import { picture, viewLink } from "./parts.js";
import { pagesOf, rangeOf, SHOWS, step, titleOf } from "./state.js";

const TABS = { errors: "Errors", confident: "Most confident errors", uncertain: "Least confident", all: "All" };

/** Describes a thumbnail to screen readers. @param {Thumbnail} image */
export function describeImage({ index, label, prediction, confidence, disputed, verdict }) {
  const read = label === prediction ? "read correctly" : `read as ${prediction}`;
  const remarks = [disputed ? "label disputed" : "", verdict === "digit" ? "" : verdict.replaceAll("_", " ")].filter((text) => text !== "");
  return [`Image ${index}: label ${label}, ${read}, ${percent(confidence)}`, ...remarks].join(", ");
}

export class Gallery {
  /** @type {Thumbnail[]} */
  images = [];

  #root = element("gallery", HTMLElement);
  #heading = element("gallery-heading", HTMLElement);
  #tabs = element("gallery-tabs", HTMLElement);
  #note = element("gallery-note", HTMLElement);
  #list = element("thumbnails", HTMLElement);
  #pages = element("gallery-pages", HTMLElement);

  /** @param {View} view */
  showBusy(view) {
    this.#root.setAttribute("aria-busy", "true");
    this.#list.inert = true; // they are of the list before
    write(this.#heading, titleOf(view));
    this.#showTabs(view);
  }

  /** Remove the images, because the requested ones could not be loaded. */
  showFailed() {
    this.#root.removeAttribute("aria-busy");
    this.#list.inert = false;
    this.images = [];
    write(this.#note, "The images could not be loaded. Reload the page.");
    this.#list.replaceChildren();
    this.#pages.replaceChildren();
  }

  /** @param {Page} page @param {View} view */
  show({ total, images }, view) {
    this.#root.removeAttribute("aria-busy");
    this.#list.inert = false;
    this.images = images;
    if (images.length > 0) write(this.#note, rangeOf(view.page, total));
    else this.#note.replaceChildren(...emptyNote(total, view));
    this.#list.replaceChildren(...images.map((image) => itemOf(image, view)));
    this.#showPages(total, view);
  }

  /** Scroll to the list. */
  reveal() {
    this.#heading.focus({ preventScroll: true });
    this.#root.scrollIntoView({ block: "start" });
  }

  /** The images before and after an image of the list. @param {number} index */
  around(index) {
    const at = this.images.findIndex((image) => image.index === index);
    if (at < 0) return { before: null, after: null };
    return { before: this.images[at - 1]?.index ?? null, after: this.images[at + 1]?.index ?? null };
  }

  /** @param {View} view */
  #showTabs(view) {
    const isFiltered = view.label !== null || view.prediction !== null;
    const tabs = SHOWS.map((show) => viewLink(step(view, { show }), { text: TABS[show], current: show === view.show }));
    const everything = step(view, { label: null, prediction: null, show: view.show === "all" ? "errors" : view.show });
    const clear = viewLink(everything, { text: "All digits ×", className: "explore-clear" });
    keepFocus(this.#tabs, () => this.#tabs.replaceChildren(...tabs, ...(isFiltered ? [clear] : [])));
  }

  /** @param {number} total @param {View} view */
  #showPages(total, view) {
    const last = pagesOf(total);
    if (last === 1) return this.#pages.replaceChildren();
    const page = Math.min(view.page, last + 1);
    const before = page > 1 ? viewLink(step(view, { page: page - 1 }), { text: "Previous" }) : make("span");
    const after = page < last ? viewLink(step(view, { page: page + 1 }), { text: "Next" }) : make("span");
    const where = make("span", { className: "explore-page", text: `Page ${view.page} of ${last}` });
    keepFocus(this.#pages, () => this.#pages.replaceChildren(before, where, after));
  }
}

/** Say why the list is empty, and where to go on. @param {number} total @param {View} view @returns {Node[]} */
function emptyNote(total, view) {
  if (total > 0) return [document.createTextNode("This page does not exist. "), viewLink(step(view, { page: 1 }), { text: "Go to page 1" })];
  const isAboutErrors = view.show === "errors" || view.show === "confident";
  const words = isAboutErrors ? "The model reads all of these images right. " : "There is no such image. ";
  const link = isAboutErrors ? { text: "See the least confident ones", view: step(view, { show: "uncertain" }) } : { text: "See all images", view: step(view, { show: "all", label: null, prediction: null }) };
  return [document.createTextNode(words), viewLink(link.view, { text: link.text })];
}

/** @param {Thumbnail} image @param {View} view */
function itemOf(image, view) {
  const wrong = image.label !== image.prediction;
  const read = make("b", { className: wrong ? "is-wrong" : "is-right", text: String(image.prediction) });
  const label = make("b", { text: String(image.label) });
  const words = make("span", { className: "thumbnail-words" }, label, document.createTextNode(" → "), read);
  const sure = make("span", { className: "thumbnail-sure", text: percent(image.confidence) });
  const remark = image.disputed ? "disputed" : image.verdict === "digit" ? "" : image.verdict.replaceAll("_", " ");
  const mark = remark === "" ? [] : [make("span", { className: "thumbnail-mark", text: remark })];
  const link = viewLink(step(view, { image: image.index }), { label: describeImage(image) }, picture(image.image), words, sure, ...mark);
  return make("li", {}, link);
}
