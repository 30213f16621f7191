// @ts-check
/**
 * The parts of the page that only numbers need: boxes over the pad, lines and tables, the inspector, hints and forms.
 * The page loads this module when the user switches to numbers.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./found.js").Item} Item
 * @typedef {import("./workbench.js").Subject} Subject
 * @typedef {import("./pad.js").Pad} Pad
 */

import { predictForm, predictNumber, predictNumberFile } from "../shared/api.js";
import { FormEditor } from "./form-editor.js";
import { readingOfForm } from "./form.js";
import { itemsOf } from "./found.js";
import { Hints } from "./hints.js";
import { Inspector } from "./inspector.js";
import { NumberView } from "./number-view.js";
import { Overlay } from "./overlay.js";
import { load } from "./paint.js";
import { SIDE, toPaths } from "./strokes.js";

export class Numbers {
  #pad;
  #hints = new Hints();
  #form = new FormEditor();
  #view = new NumberView();
  #overlay = new Overlay();
  #inspector = new Inspector();
  /** @type {{reading: NumberReading, subject: Subject, items: readonly Item[], picture: () => Promise<HTMLImageElement>} | null} */
  #shown = null;

  /** @param {Pad} pad @param {() => void} read  reads the picture or drawing on the pad again */
  constructor(pad, read) {
    this.#pad = pad;
    this.#hints.onChange = this.#form.onRead = read;
    this.#overlay.onChoose = (item) => this.#choose(item);
    this.#inspector.onClose = () => this.#choose(null);
    this.#view.onChoose = (kind, index) => this.#choose(this.#find(kind, index));
    this.changed();
  }

  /** Ask the server. @param {Subject} subject @param {AbortSignal} signal @returns {Promise<NumberReading>} */
  async read({ source, strokes }, signal) {
    const { expected } = this.#hints;
    const { fields } = this.#form;
    if ("image" in source) return predictNumber(source.image, toPaths(strokes), expected, signal);
    return fields === null ? predictNumberFile(source.file, expected, signal) : readingOfForm(await predictForm(source.file, fields, signal));
  }

  /** @param {NumberReading} reading @param {Subject} subject */
  show(reading, subject) {
    const { backdrop, width } = this.#pad;
    const { source } = subject;
    const isOnPad = "image" in source || backdrop?.subject === subject;
    const items = isOnPad ? itemsOf(reading) : [];
    this.#shown = { reading, subject, items, picture: async () => backdrop?.picture ?? ("image" in source ? load(source.image) : Promise.reject()) };
    const pad = { width, height: SIDE };
    this.#overlay.show(items, backdrop === null ? pad : sizeOf(backdrop.picture), pad, backdrop !== null);
    this.#inspector.hide();
    this.#view.show(reading);
  }

  /** The pad shows something else, so the boxes no longer belong to it. */
  changed() {
    this.#overlay.hide();
    this.#inspector.hide();
    const { backdrop, width } = this.#pad;
    const picture = backdrop === null ? null : { ...sizeOf(backdrop.picture), scale: backdrop.subject?.scale ?? 1 };
    this.#form.setPicture(picture, { width, height: SIDE });
  }

  clear() {
    this.changed();
    this.#shown = null;
    this.#view.show(null);
  }

  /** Show an error at the input that it is about.  Returns whether there is one. @param {unknown} error */
  showError(error) {
    return this.#hints.showError(error) || this.#form.showError(error);
  }

  /** @param {Item["kind"]} kind @param {number} index */
  #find(kind, index) {
    return this.#shown?.items.find((each) => each.kind === kind && each.index === index) ?? null;
  }

  /** @param {Item | null} item */
  async #choose(item) {
    const shown = this.#shown;
    this.#overlay.mark(item);
    this.#view.mark(item);
    if (item === null || shown === null) return this.#inspector.hide();
    const picture = await shown.picture();
    if (this.#shown === shown) this.#inspector.show(item, shown.reading, picture, shown.subject);
  }
}

/** @param {HTMLImageElement} picture */
function sizeOf({ naturalWidth, naturalHeight }) {
  return { width: naturalWidth, height: naturalHeight };
}
