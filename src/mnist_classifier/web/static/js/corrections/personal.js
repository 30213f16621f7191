// @ts-check
/** Personal models: make one from a writer's corrections, read with it, forget it. */

import { button, element, make, write } from "../shared/dom.js";
import { moment } from "../shared/format.js";
import { Latest, STALE } from "../shared/latest.js";
import { at } from "../shared/paths.js";
import { choosePersonal, personalWriter } from "../shared/personal.js";
import { messageOf, showToast } from "../shared/toast.js";
import * as api from "./api.js";
import { counted } from "./words.js";

/**
 * @typedef {import("../shared/api-types.js").PersonalModel} PersonalModel
 * @typedef {import("../shared/api-types.js").WriterCount} Writer
 */

export class Personal {
  #list = element("personal-list", HTMLUListElement);
  #note = element("personal-note", HTMLElement);
  #before;
  /** @type {readonly Writer[]} */
  #writers = [];
  /** The writers whose models are being made or deleted. @type {Set<string>} */
  #busy = new Set();
  #latest = new Latest();

  /** @param {() => Promise<void>} before  called before a model learns */
  constructor(before) {
    this.#before = before;
  }

  /** @param {readonly Writer[]} writers  those with a name */
  async show(writers) {
    this.#writers = writers;
    try {
      const found = await this.#latest.run(() => api.listPersonal());
      if (found === STALE) return;
      const { models, fewest_examples: fewest } = found;
      const known = new Map(models.map((each) => [each.writer, each]));
      // The totals name only the writers with most corrections.
      const names = new Set([...writers.map(({ name }) => name), ...known.keys()]);
      const counts = new Map(writers.map(({ name, count }) => [name, count]));
      this.#list.replaceChildren(...[...names].map((name) => this.#item(name, counts.get(name) ?? 0, fewest, known.get(name) ?? null)));
      if (this.#busy.size === 0) write(this.#note, names.size === 0 ? "Nobody has given a name yet. Add yours on the page Draw, under the reading." : "");
    } catch (error) {
      write(this.#note, messageOf(error));
    }
  }

  /** @param {string} name @param {number} count @param {number} fewest @param {PersonalModel | null} model */
  #item(name, count, fewest, model) {
    const actions = make("div", { className: "personal-actions" });
    const fit = button(model === null ? `Personalise for ${name}` : "Personalise again", "", () => this.#fit(name));
    const forget = button("Forget", "danger", () => this.#forget(name));
    forget.disabled = this.#busy.has(name);
    fit.disabled = forget.disabled || count < fewest;
    if (model !== null) {
      const read = make("a", { className: "button", text: `Read as ${name}` });
      read.href = at(`/?${new URLSearchParams({ personal: name })}`);
      actions.append(read);
    }
    if (count > 0) actions.append(fit);
    if (model !== null) actions.append(forget);
    const missing = fewest - count;
    const words = model === null ? (missing > 0 ? `${counted(count, "correction")}; ${missing} more needed.` : `${counted(count, "correction")}.`) : figuresWords(model);
    return make("li", { data: { writer: name } }, make("strong", { text: name }), make("p", { text: words }), actions);
  }

  /** The button that had the focus is new now; what comes next is beside it. @param {string} writer */
  async #showAgain(writer) {
    await this.show(this.#writers);
    if (document.activeElement !== document.body) return;
    /** @type {HTMLElement | null | undefined} */ (this.#itemOf(writer)?.querySelector("a, button:not(:disabled)"))?.focus();
  }

  /** @param {string} writer */
  #itemOf(writer) {
    return [...this.#list.children].find((each) => /** @type {HTMLElement} */ (each).dataset.writer === writer);
  }

  /** @param {string} writer */
  #fit(writer) {
    write(this.#note, `Learning how ${writer} writes…`);
    return this.#do(writer, async () => {
      await this.#before();
      await api.personalise(writer);
      return `The personal model for ${writer} is ready.`;
    });
  }

  /** @param {string} writer */
  #forget(writer) {
    return this.#do(writer, async () => {
      await api.forget(writer);
      if (personalWriter() === writer) choosePersonal("");
      return `The personal model for ${writer} was deleted. The corrections stay.`;
    });
  }

  /** Do one thing at a time for a writer. @param {string} writer @param {() => Promise<string>} act  returns what to say */
  async #do(writer, act) {
    this.#busy.add(writer);
    for (const each of this.#itemOf(writer)?.querySelectorAll("button") ?? []) each.disabled = true;
    try {
      showToast("personal", await act(), "good");
    } catch (error) {
      showToast("personal", messageOf(error));
    }
    this.#busy.delete(writer);
    await this.#showAgain(writer);
  }
}

/** How well it reads. @param {PersonalModel} model */
function figuresWords({ examples, figures: { right_before: before, right_after: after }, base_version: version, created_at: at, is_outdated: isOutdated }) {
  if (isOutdated) return "Corrections that it learned from were deleted or changed. It is learned again when it reads next.";
  const base = version === 0 ? "the model in the box" : `version ${version}`;
  return `Tested on examples that it had not learned from, it reads ${after} of ${examples} right; ${base} reads ${before}. Made ${moment(at)}.`;
}
