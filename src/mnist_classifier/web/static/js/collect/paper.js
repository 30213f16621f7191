// @ts-check
/**
 * "On paper": a picture of the sheet becomes a grid of boxes, which a person checks and saves.
 *
 * @typedef {import("../shared/api-types.js").CellOfSheet} Cell
 * @typedef {import("../shared/api-types.js").ReadSheet} ReadSheet
 * @typedef {import("./choices.js").Choice} Choice
 */

import { isAnswer, request } from "../shared/api.js";
import { LABELS, labelWords, removeAll, seenWords } from "../shared/corrections.js";
import { button, element, make, write } from "../shared/dom.js";
import { Latest, STALE } from "../shared/latest.js";
import { messageOf, showToast } from "../shared/toast.js";
import { writer } from "../shared/writer.js";
import { addedBy, canStore, describe, firstChoices, nextDoubt, summary, toStore } from "./choices.js";
import { reduced } from "./picture.js";

const COLUMNS = 10;
const READING_MS = 60_000;
/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

export class Paper {
  #root = element("paper", HTMLElement);
  #note = element("paper-note", HTMLElement);
  #grid = element("paper-grid", HTMLElement);
  #image = "";
  /** @type {Cell[]} */
  #cells = [];
  /** @type {Choice[]} */
  #choices = [];
  #selected = -1;
  /** How often the server may have stored the picture. */
  #tries = 0;
  /** What the last save added: corrections that Undo deletes. @type {readonly number[]} */
  #added = [];
  #latest = new Latest();

  constructor() {
    for (const id of ["paper-file", "paper-camera"]) {
      const chooser = element(id, HTMLInputElement);
      chooser.addEventListener("change", () => {
        const file = chooser.files?.[0];
        if (file) this.read(file);
        chooser.value = "";
      });
    }
    this.#listenForDrops();
    this.#grid.addEventListener("keydown", (event) => this.#move(event));
    element("paper-doubt", HTMLButtonElement).addEventListener("click", () => this.#select(nextDoubt(this.#choices, this.#selected)));
    element("paper-save", HTMLButtonElement).addEventListener("click", () => this.#save());
    element("paper-discard", HTMLButtonElement).addEventListener("click", () => this.#finish("empty", "The picture was discarded. Nothing was saved."));
    element("paper-undo", HTMLButtonElement).addEventListener("click", () => {
      const added = this.#added;
      this.#close("deleting", "Deleting…");
      this.#takeBack(added, this.#cells);
    });
    const labels = element("paper-labels", HTMLElement);
    labels.append(
      ...LABELS.map((label) => labelButton(labelWords(label), () => this.#choose(label))),
      labelButton("leave out", () => this.#choose(null)),
    );
  }

  /** Read a picture of a sheet; a newer one replaces it.  Nothing is stored. @param {File} file */
  async read(file) {
    this.#close("reading", "Reading the sheet…");
    try {
      const found = await this.#latest.run(async (signal) => {
        const image = await reduced(file).catch(() => {
          throw new Error("The browser cannot read this file as a picture.");
        });
        const sheet = await request("/api/corrections/sheet", { method: "POST", json: { image }, signal, timeout_ms: READING_MS });
        return { image, sheet };
      });
      if (found === STALE) return;
      this.#image = found.image;
      this.#open(found.sheet);
    } catch (error) {
      this.#close("error", messageOf(error));
    }
  }

  /** @param {ReadSheet} found */
  #open({ cells }) {
    this.#cells = cells;
    this.#choices = firstChoices(cells);
    this.#grid.replaceChildren(...cells.map((cell) => this.#box(cell)));
    this.#root.dataset.state = "found";
    element("paper-found", HTMLElement).hidden = false;
    write(this.#note, "");
    this.#select(nextDoubt(this.#choices, -1));
    this.#show();
  }

  /** @param {string} state @param {string} words */
  #close(state, words) {
    this.#root.dataset.state = state;
    this.#cells = [];
    this.#choices = [];
    this.#selected = -1;
    this.#tries = 0;
    this.#offerUndo([]);
    this.#grid.replaceChildren();
    element("paper-found", HTMLElement).hidden = true;
    element("paper-found", HTMLElement).inert = false;
    write(this.#note, words);
  }

  /** What had the keyboard focus is hidden now, so the next picture gets it. @param {string} state @param {string} words */
  #finish(state, words) {
    this.#close(state, words);
    element("paper-file", HTMLInputElement).focus();
  }

  /** @param {Cell} cell */
  #box(cell) {
    const box = button("", "paper-box", () => this.#select(cell.cell));
    box.dataset.state = cell.state;
    if (cell.image !== null) {
      const picture = make("img");
      picture.src = cell.image;
      picture.alt = "";
      box.append(picture);
    }
    box.append(make("span", { className: "paper-label" }));
    return box;
  }

  /** @param {number} cell  -1 for none */
  #select(cell) {
    this.#selected = cell;
    this.#show();
  }

  /** @param {Choice["label"]} label */
  #choose(label) {
    this.#choices[this.#selected] = { label, isChecked: true };
    this.#show();
  }

  #show() {
    const boxes = /** @type {HTMLButtonElement[]} */ ([...this.#grid.children]);
    for (const [cell, box] of boxes.entries()) {
      const choice = this.#choices[cell];
      box.dataset.kept = String(choice.label !== null);
      box.dataset.doubt = String(!choice.isChecked);
      box.setAttribute("aria-label", describe(this.#cells[cell], choice, labelWords));
      box.setAttribute("aria-pressed", String(cell === this.#selected));
      box.tabIndex = cell === Math.max(0, this.#selected) ? 0 : -1;
      write(/** @type {HTMLElement} */ (box.lastElementChild), mark(this.#cells[cell], choice));
    }
    write(element("paper-count", HTMLElement), summary(this.#cells, this.#choices));
    element("paper-doubt", HTMLButtonElement).hidden = nextDoubt(this.#choices, -1) < 0;
    const save = element("paper-save", HTMLButtonElement);
    const kept = this.#choices.filter(({ label }) => label !== null).length;
    save.disabled = kept === 0;
    write(save, kept === 0 ? "Nothing to save" : `Save ${kept}`);
    this.#showCell();
  }

  #showCell() {
    const panel = element("paper-cell", HTMLElement);
    panel.hidden = this.#selected < 0;
    if (this.#selected < 0) return;
    const cell = this.#cells[this.#selected];
    const choice = this.#choices[this.#selected];
    write(element("paper-cell-words", HTMLElement), describe(cell, choice, labelWords));
    const labels = element("paper-labels", HTMLElement);
    labels.hidden = !canStore(cell);
    for (const [index, each] of [...labels.children].entries()) {
      const label = LABELS[index] ?? null;
      each.setAttribute("aria-pressed", String(choice.isChecked && choice.label === label));
    }
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = Math.max(0, this.#selected) + step;
    if (to < 0 || to >= this.#cells.length) return;
    this.#select(to);
    /** @type {HTMLElement} */ (this.#grid.children[to]).focus();
  }

  async #save() {
    const found = element("paper-found", HTMLElement);
    found.inert = true; // what is changed now would not be saved
    write(this.#note, "Saving…");
    const name = writer();
    const cells = this.#cells;
    const json = { image: this.#image, writer: name, ...toStore(cells, this.#choices) };
    const tries = (this.#tries += 1);
    try {
      /** @type {ReadSheet} */
      const reply = await request("/api/corrections/sheet", { method: "POST", json, timeout_ms: READING_MS });
      const added = addedBy(reply.cells, tries);
      this.#tell(cells, "saved", saved(added.length, json.store.length - added.length, reply.contradictions, name), added);
    } catch (error) {
      const words = isAnswer(error) ? `Nothing was saved. ${messageOf(error)}` : `${messageOf(error)} Save again: no digit is stored twice.`;
      if (this.#cells !== cells) return showToast("paper", words);
      if (isAnswer(error)) this.#tries -= 1;
      write(this.#note, words);
      found.inert = false;
      if (document.activeElement === document.body) element("paper-save", HTMLButtonElement).focus();
    }
  }

  /** Delete what a save added. @param {readonly number[]} added @param {Cell[] | null} shown  as for `#tell` */
  async #takeBack(added, shown) {
    const left = [...added];
    try {
      const words = `Deleted ${digits(added.length)} of the sheet.${seenWords(await removeAll(left))}`;
      this.#tell(shown, "deleted", words, []);
    } catch (error) {
      this.#tell(shown, "error", `${digits(left.length)} of the sheet ${left.length === 1 ? "is" : "are"} still stored. ${messageOf(error)}`, left);
    }
  }

  /**
   * Say what became of a sheet, and offer Undo for what it added.
   * @param {Cell[] | null} shown  the boxes at the start: the user may have chosen another picture meanwhile
   * @param {"saved" | "deleted" | "error"} state @param {string} words @param {readonly number[]} added
   */
  #tell(shown, state, words, added) {
    if (this.#cells === shown) {
      this.#finish(state, words);
      this.#offerUndo(added);
      return;
    }
    const undo = { text: "Undo", onClick: () => void this.#takeBack(added, null) };
    showToast("paper", words, state === "error" ? "error" : "good", added.length === 0 ? null : undo);
  }

  /** @param {readonly number[]} added */
  #offerUndo(added) {
    this.#added = added;
    element("paper-undo", HTMLButtonElement).hidden = added.length === 0;
  }

  #listenForDrops() {
    const zone = element("paper-drop", HTMLElement);
    document.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      zone.dataset.over = "true";
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) zone.dataset.over = "false";
    });
    document.addEventListener("drop", (event) => {
      zone.dataset.over = "false";
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      this.read(file);
    });
    document.addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.read(file);
    });
  }
}

/** @param {string} text @param {() => void} onClick */
function labelButton(text, onClick) {
  return button(text, text.length > 1 ? "paper-choice wide" : "paper-choice", onClick);
}

/** The short text on a box; none if the sheet is right. @param {Cell} cell @param {Choice} choice */
function mark({ state, label: printed }, { label, isChecked }) {
  if (state === "empty") return "";
  if (state === "spoilt") return "×";
  if (!isChecked) return "?";
  if (label === printed) return "";
  return label === null ? "–" : label === "not_a_digit" ? "∅" : String(label);
}

/** @param {number} stored @param {number} merged @param {number} contradictions @param {string} name */
function saved(stored, merged, contradictions, name) {
  const by = name === "" ? "" : ` by ${name}`;
  const known = merged === 0 ? "" : ` ${merged} ${merged === 1 ? "was" : "were"} already saved.`;
  const against = contradictions === 0 ? "" : ` ${contradictions} ${contradictions === 1 ? "contradicts" : "contradict"} another correction.`;
  return `Saved ${digits(stored)}${by}.${known}${against}`;
}

/** @param {number} count */
function digits(count) {
  return `${count} ${count === 1 ? "digit" : "digits"}`;
}
