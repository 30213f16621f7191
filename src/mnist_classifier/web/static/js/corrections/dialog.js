// @ts-check
/**
 * The dialog of one correction: its picture, what the model read, relabel, rename, delete.
 *
 * @typedef {import("./api.js").Correction} Correction
 * @typedef {import("./changes.js").Changes} Changes
 */

import { LABELS, labelWords } from "../shared/corrections.js";
import { button, element, make, write } from "../shared/dom.js";
import { moment, UNKNOWN } from "../shared/format.js";
import { messageOf } from "../shared/toast.js";
import { nameOf } from "../shared/writer.js";
import { picture } from "./api.js";
import { againstWords, counted, readWords, SOURCES } from "./words.js";

export class CorrectionDialog {
  #dialog = element("correction-dialog", HTMLDialogElement);
  #picture = element("correction-picture", HTMLImageElement);
  #glyph = element("correction-glyph", HTMLImageElement);
  #labels = element("correction-labels", HTMLElement);
  #writer = element("correction-writer", HTMLInputElement);
  #error = element("correction-error", HTMLElement);
  #changes;
  /** @type {Correction | null} */
  #shown = null;

  /** @param {Changes} changes */
  constructor(changes) {
    this.#changes = changes;
    element("correction-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => URL.revokeObjectURL(this.#picture.src));
    element("correction-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const writer = nameOf(this.#writer.value);
      this.#change({ writer }, () => writer === "" ? "Removed the writer’s name" : `Changed the writer to ${writer}`);
    });
    element("correction-delete", HTMLButtonElement).addEventListener("click", () => {
      const shown = this.#shown;
      this.#dialog.close();
      if (shown !== null) this.#changes.delete([shown]);
    });
    const choices = LABELS.map((label) => {
      const made = button(labelWords(label), "", () => this.#change({ label }, () => `Relabelled as ${labelWords(label)}`));
      made.dataset.label = String(label);
      return made;
    });
    this.#labels.replaceChildren(...choices);
  }

  /** @param {Correction} correction */
  async open(correction) {
    this.#shown = correction;
    write(element("correction-heading", HTMLElement), `Correction ${correction.id}`);
    write(this.#error, "");
    this.#writer.value = correction.writer;
    for (const each of /** @type {HTMLCollectionOf<HTMLButtonElement>} */ (this.#labels.children)) {
      each.setAttribute("aria-pressed", String(each.dataset.label === String(correction.label)));
    }
    write(element("correction-contradicts", HTMLElement), againstWords(correction.contradicts));
    this.#glyph.src = correction.glyph;
    this.#picture.src = correction.glyph;
    this.#showFacts(correction);
    this.#dialog.showModal();
    if (!correction.has_image) return;
    try {
      const content = await picture(correction.id);
      if (this.#shown === correction && this.#dialog.open) this.#picture.src = URL.createObjectURL(content);
    } catch (error) {
      if (this.#shown === correction) write(this.#error, messageOf(error));
    }
  }

  /** @param {Correction} correction */
  #showFacts(correction) {
    const { reading, model_version: version, source, created_at, changed_at, times } = correction;
    const facts = {
      "The model": `${readWords(correction)}${reading?.verdict === "ambiguous" ? ", not sure" : ""}`,
      "Model version": version === null ? UNKNOWN : version === 0 ? "0 · in the box" : String(version),
      Source: SOURCES[source],
      Saved: moment(created_at),
      ...(changed_at === created_at ? {} : { Changed: moment(changed_at) }),
      ...(times === 1 ? {} : { Sent: counted(times, "time") }),
    };
    const rows = Object.entries(facts).map(([title, text]) => make("div", {}, make("dt", { text: title }), make("dd", { text })));
    element("correction-facts", HTMLElement).replaceChildren(...rows);
  }

  /** @param {import("./changes.js").Change} change @param {() => string} words */
  #change(change, words) {
    const shown = this.#shown;
    this.#dialog.close();
    if (shown !== null) this.#changes.apply([shown], change, words);
  }
}
