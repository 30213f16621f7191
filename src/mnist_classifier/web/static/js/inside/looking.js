// @ts-check
/**
 * Which pixels decided the answer.
 *
 * @typedef {import("../pad/workbench.js").Subject} Subject
 * @typedef {import("./api.js").Explanation} Explanation
 */

import { button, element, make, write } from "../shared/dom.js";
import { keepFocus } from "../shared/focus.js";
import { heatMaps, neighbourList } from "../explore/evidence.js";
import { Latest, STALE } from "../shared/latest.js";
import { messageOf } from "../shared/toast.js";
import * as api from "./api.js";

/** A panel about the drawing.  It keeps its content until the next reply arrives. */
class Panel {
  #root;
  #note;
  #body;
  #empty;
  #latest = new Latest();

  /** @param {string} id */
  constructor(id) {
    this.#root = element(id, HTMLElement);
    this.#note = element(`${id}-note`, HTMLElement);
    this.#body = element(`${id}-body`, HTMLElement);
    this.#empty = this.#note.textContent ?? "";
  }

  clear(words = this.#empty) {
    this.#latest.cancel();
    this.#root.removeAttribute("aria-busy");
    write(this.#note, words);
    this.#body.replaceChildren();
  }

  /**
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} task
   * @param {(found: T) => Node[]} draw
   */
  async ask(task, draw) {
    this.#root.setAttribute("aria-busy", "true");
    if (this.#body.childElementCount === 0) write(this.#note, "Looking for the evidence…");
    try {
      const found = await this.#latest.run(task);
      if (found === STALE) return;
      keepFocus(this.#body, () => this.#body.replaceChildren(...draw(found)));
      write(this.#note, "");
    } catch (error) {
      this.#body.replaceChildren();
      write(this.#note, messageOf(error));
    }
    this.#root.removeAttribute("aria-busy");
  }
}

export class Looking {
  #why = new Panel("why");
  /** What is on the pad; the panel may still show the drawing before. @type {import("../pad/workbench.js").Source | null} */
  #source = null;

  clear() {
    this.#why.clear();
  }

  /** @param {Subject} subject */
  show({ source, mode }) {
    if (mode === "number") this.#why.clear("This works for one digit only. Switch to Digit to see it.");
    else this.#explain(source, null);
    this.#source = source;
  }

  /** @param {import("../pad/workbench.js").Source} source @param {number | null} digit */
  #explain(source, digit) {
    this.#why.ask(
      (signal) => api.explain(source, signal, digit),
      (found) => {
        const { saliency, glyph, neighbours } = found;
        if (saliency === null || glyph === null) return [];
        const tabs = questions(found).map(({ of, text }) => {
          const tab = button(text, "", () => this.#explain(this.#source ?? source, of));
          tab.setAttribute("aria-pressed", String(of === saliency.digit));
          return tab;
        });
        const choice = make("div", { className: "why-choice" }, ...tabs);
        choice.setAttribute("role", "group");
        choice.setAttribute("aria-label", "Digit to explain");
        return [choice, heatMaps(saliency, glyph), ...neighbourList(neighbours)];
      },
    );
  }
}

/** "Why 4?", and "Why not 9?" for the next two most likely digits. @param {{probabilities: number[]}} reading */
export function questions({ probabilities }) {
  const order = probabilities.map((_, digit) => digit).sort((a, b) => probabilities[b] - probabilities[a]);
  return order.slice(0, 3).map((of, rank) => ({ of, text: rank === 0 ? `Why ${of}?` : `Why not ${of}?` }));
}
