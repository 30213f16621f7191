// @ts-check
/** Export, import, and deleting many corrections for good. */

import { askInDialog } from "../shared/ask.js";
import { seenWords } from "../shared/corrections.js";
import { button, element, make, write } from "../shared/dom.js";
import { saveBlob } from "../shared/save.js";
import { count } from "../shared/format.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { nameOf } from "../shared/writer.js";
import * as api from "./api.js";
import { counted, writerWords } from "./words.js";

/** @typedef {import("../shared/api-types.js").CorrectionTotals} Totals */

export class Files {
  /** Called once something has changed. @type {() => void} */
  onChange = () => {};
  /** Called before an export. @type {() => Promise<void>} */
  before = async () => {};
  /** What the filters show. @type {import("./api.js").Filters} */
  filters = api.filtersOf(new URLSearchParams());

  #file = element("import-file", HTMLInputElement);
  #note = element("import-note", HTMLElement);
  #export = element("export", HTMLButtonElement);
  #purge = element("purge", HTMLButtonElement);
  /** @type {Totals | null} */
  #totals = null;
  #found = 0;
  #isExporting = false;

  constructor() {
    element("export-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    this.#file.addEventListener("change", () => this.#import());
    this.#purge.addEventListener("click", () => this.#askToPurge());
  }

  /** @param {Totals} totals @param {number} found  how many the filters show */
  show(totals, found) {
    this.#totals = totals;
    this.#found = found;
    this.#showExport();
    this.#purge.hidden = totals.count === 0;
    const words = found === totals.count ? `Exports all corrections (${count(found)}).` : `Exports only the corrections that match the filters (${count(found)}).`;
    write(element("export-note", HTMLElement), found === 0 ? "There is nothing to export." : words);
  }

  #showExport() {
    this.#export.disabled = this.#isExporting || this.#found === 0;
  }

  async #save() {
    hideToast("export");
    this.#isExporting = true;
    this.#showExport();
    try {
      await this.before();
      const { name, content } = await api.exportFile(this.filters, element("export-format", HTMLSelectElement).value);
      saveBlob(content, name);
    } catch (error) {
      showToast("export", messageOf(error));
    } finally {
      this.#isExporting = false;
      this.#showExport();
    }
  }

  async #import() {
    const chosen = this.#file.files?.[0];
    if (chosen === undefined) return;
    this.#file.disabled = true;
    hideToast("import");
    write(this.#note, `Checking ${chosen.name}…`);
    try {
      const reply = await api.importFile(chosen, nameOf(element("import-writer", HTMLInputElement).value));
      write(this.#note, importWords(reply));
      this.onChange();
    } catch (error) {
      write(this.#note, "Nothing was imported.");
      showToast("import", messageOf(error));
    } finally {
      this.#file.value = "";
      this.#file.disabled = false;
    }
  }

  async #askToPurge() {
    const totals = this.#totals;
    if (totals === null) return;
    const why = "This deletes the corrections and the personal model of a writer. “Everybody’s” deletes all of them, and the readings that wait for a label. It cannot be undone.";
    const chosen = await askInDialog("purge", "Delete many corrections", why, (close) => purgeForm(totals, close));
    if (chosen === "") return;
    /** @type {{writer: string | null}} */
    const { writer } = JSON.parse(chosen);
    try {
      const { deleted, seen_by: seenBy } = await api.purge(writer);
      showToast("purge", `Deleted ${counted(deleted, "correction")} for good.${seenWords(seenBy)}`, "good");
    } catch (error) {
      showToast("purge", messageOf(error));
    }
    this.onChange();
  }
}

/** A choice of the writer, and the number to type. @param {Totals} totals @param {(answer: string) => void} close */
function purgeForm(totals, close) {
  const choice = make("select");
  const choices = [{ name: null, words: "Everybody’s", count: totals.count }, ...totals.writers.map((each) => ({ ...each, words: writerWords(each.name) }))];
  choice.append(...choices.map(({ words, count: number }, index) => new Option(`${words} (${count(number)})`, String(index))));
  const typed = make("input");
  typed.type = "text";
  typed.autocomplete = "off";
  const words = make("span");
  const confirm = make("button", { className: "danger", text: "Delete for good" });
  const wanted = () => `delete ${choices[choice.selectedIndex].count}`;
  const check = () => {
    write(words, `Type “${wanted()}” to confirm`);
    confirm.disabled = typed.value.trim().toLowerCase() !== wanted();
  };
  typed.addEventListener("input", check);
  choice.addEventListener("change", check);
  check();
  const actions = make("div", { className: "dialog-actions" }, button("Cancel", "", () => close("")), confirm);
  const form = make("form", { className: "dialog-form" }, make("label", {}, "Whose corrections", choice), make("label", {}, words, typed), actions);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!confirm.disabled) close(JSON.stringify({ writer: choices[choice.selectedIndex].name }));
  });
  return [form];
}

/** @param {import("../shared/api-types.js").ImportedCorrections} reply */
function importWords({ added, merged, contradictions }) {
  const same = merged === 0 ? "" : ` ${count(merged)} ${merged === 1 ? "was" : "were"} already saved.`;
  const against = contradictions === 0 ? "" : ` ${count(contradictions)} ${contradictions === 1 ? "contradicts" : "contradict"} another one.`;
  return `Imported ${counted(added, "correction")}.${same}${against}`;
}
