// @ts-check
/**
 * The dialog of one version: promotion check, promote, rename, note, export, delete.
 *
 * @typedef {import("./api.js").Version} Version
 * @typedef {import("./api.js").Details} Details
 */

import { element, make, mark, write } from "../shared/dom.js";
import { saveBlob } from "../shared/save.js";
import { count, day, duration, fileSize, score, sentence, UNKNOWN } from "../shared/format.js";
import * as api from "./api.js";
import { promote } from "./moves.js";
import { called } from "./table.js";
import { at } from "../shared/paths.js";
import { messageOf, showToast } from "../shared/toast.js";

export class ModelDialog {
  /** Called once something has changed. */
  onChange = () => {};

  #dialog = element("model-dialog", HTMLDialogElement);
  #heading = element("dialog-heading", HTMLElement);
  #promotionCheck = element("dialog-promotion-check", HTMLElement);
  #reason = element("dialog-reason", HTMLElement);
  #facts = element("dialog-facts", HTMLElement);
  #error = element("dialog-error", HTMLElement);
  #promoteForm = element("promote-form", HTMLFormElement);
  #editForm = element("edit-form", HTMLFormElement);
  #name = element("edit-name", HTMLInputElement);
  #note = element("edit-note", HTMLTextAreaElement);
  #export = element("export", HTMLAnchorElement);
  #delete = element("delete", HTMLButtonElement);
  /** @type {Version | null} */
  #version = null;
  #production = 0;
  #isSure = false;
  #isBusy = false;

  constructor() {
    element("dialog-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#promoteForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#promote();
    });
    this.#editForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    // A double click would answer the question that its first press asks.
    this.#delete.addEventListener("click", ({ detail }) => detail < 2 && this.#remove());
    this.#export.addEventListener("click", (event) => {
      event.preventDefault();
      this.#saveArchive();
    });
  }

  /** Fetch the archive instead of following the link, because the server may ask for its token. */
  async #saveArchive() {
    if (this.#version === null) return;
    try {
      const { name, content } = await api.exportArchive(this.#version.version);
      saveBlob(content, name);
    } catch (error) {
      write(this.#error, messageOf(error));
    }
  }

  /** @param {Version} version @param {number} production  the version that the page shows as in production */
  async open(version, production) {
    this.#version = { ...version }; // another one each time: a late reply must not close what was opened since
    this.#production = production;
    this.#show(version);
    this.#dialog.showModal();
    const shown = this.#version;
    try {
      const details = await api.getModel(version.version);
      if (this.#version === shown) this.#showDetails(details);
    } catch (error) {
      if (this.#version === shown) this.#fail(error);
    }
  }

  /** @param {Version} version */
  #show(version) {
    const serves = version.aliases.includes("production");
    write(this.#heading, `Version ${called(version)}`);
    write(this.#promotionCheck, serves ? "This version is in production." : "");
    write(this.#reason, "");
    write(this.#error, "");
    this.#promoteForm.reset();
    this.#promoteForm.hidden = serves;
    this.#editForm.hidden = !version.editable;
    this.#name.value = version.name;
    this.#note.value = version.note;
    this.#export.href = at(api.exportPath(version.version));
    this.#delete.hidden = !version.deletable;
    this.#ask(false);
    this.#showFacts(version, {});
  }

  /** @param {Details} details */
  #showDetails(details) {
    const { gate: check, imported_from: origin, training } = details;
    if (check !== null) {
      write(this.#promotionCheck, check.summary);
      write(this.#reason, `${sentence(check.reason)} ${check.advice}`);
    }
    this.#showFacts(details, {
      Training: details.run_id === null ? UNKNOWN : `run ${details.run_id}`,
      "Imported from": origin === null ? "" : `version ${origin.version ?? UNKNOWN} elsewhere`,
      Epochs: count(training.epochs),
      "Training time": duration(training.elapsed_s),
      Seed: details.seed === null ? UNKNOWN : String(details.seed),
    });
  }

  /** @param {Version} version @param {Record<string, string>} more */
  #showFacts(version, more) {
    const { metrics } = version;
    const facts = {
      "Validation accuracy": score(metrics.validation),
      "Test accuracy": score(metrics.test),
      Robustness: metrics.robustness ? `${metrics.robustness.goals_reached} of ${metrics.robustness.goals} goals` : "not measured",
      Recipe: version.recipe ?? UNKNOWN,
      Parameters: count(version.parameters),
      Size: fileSize(version.bytes),
      Trained: day(version.created_at),
      ...more,
    };
    this.#facts.replaceChildren(
      ...Object.entries(facts).flatMap(([title, text]) => (text === "" ? [] : [fact(title, text)])),
    );
  }

  async #promote() {
    const reason = String(new FormData(this.#promoteForm).get("reason") ?? "").trim();
    const page = { production: this.#production, onChange: () => this.onChange() };
    await this.#do((version) => promote(version.version, reason, page));
  }

  async #save() {
    const changes = { name: this.#name.value, note: this.#note.value };
    await this.#do((version) => api.edit(version.version, changes), () => "Saved.");
  }

  /** The first press asks, the second deletes. */
  async #remove() {
    if (!this.#isSure) return this.#ask(true);
    await this.#do((version) => api.remove(version.version), (version) => `Version ${version.version} was deleted.`);
    this.#ask(false);
  }

  /** @param {boolean} isSure */
  #ask(isSure) {
    this.#isSure = isSure;
    write(this.#delete, isSure ? "Delete permanently?" : "Delete");
  }

  /**
   * @param {(version: Version) => Promise<unknown>} act  false leaves the dialog open
   * @param {((version: Version) => string) | null} [said]  the message on success; null if `act` shows one
   */
  async #do(act, said = null) {
    const version = this.#version;
    if (version === null || this.#isBusy) return;
    write(this.#error, "");
    this.#setBusy(true);
    try {
      if ((await act(version)) === false) return;
      if (this.#version === version) this.#dialog.close();
      if (said !== null) showToast("models", said(version), "good");
      this.onChange();
    } catch (error) {
      if (this.#version === version && this.#dialog.open) this.#fail(error);
      else showToast("models", messageOf(error));
    } finally {
      this.#setBusy(false);
    }
  }

  /** One change at a time. @param {boolean} busy */
  #setBusy(busy) {
    this.#isBusy = busy;
    for (const id of ["promote", "edit-save", "delete"]) mark(element(id, HTMLButtonElement), "aria-disabled", String(busy));
  }

  /** Show the error in the dialog, which would cover a toast. @param {unknown} error */
  #fail(error) {
    write(this.#error, messageOf(error));
    this.#error.scrollIntoView({ block: "nearest" });
  }
}

/** @param {string} title @param {string} text */
function fact(title, text) {
  return make("div", {}, make("dt", { text: title }), make("dd", { text }));
}
