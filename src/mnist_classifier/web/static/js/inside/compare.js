// @ts-check
/**
 * The readings of one drawing by two versions.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../pad/workbench.js").Subject} Subject
 */

import { element, write } from "../shared/dom.js";
import { choices } from "../explore/api.js";
import { describe, percent } from "../shared/format.js";
import { Latest, STALE } from "../shared/latest.js";
import { describeNumber } from "../pad/number.js";
import { barsOf, showBars } from "../pad/result.js";
import { messageOf } from "../shared/toast.js";
import { versionName } from "../shared/versions.js";
import { predictWith } from "./api.js";

const SIDES = ["left", "right"];

export class Comparison {
  #note = element("compare-note", HTMLElement);
  #body = element("compare-body", HTMLElement);
  #selects = SIDES.map((side) => element(`compare-${side}-version`, HTMLSelectElement));
  #views = SIDES.map((side) => viewOf(element(`compare-${side}`, HTMLElement)));
  #latest = new Latest();
  /** @type {Subject | null} */
  #subject = null;

  constructor() {
    for (const select of this.#selects) select.addEventListener("change", () => this.#ask());
  }

  /** List the versions; at first choose the one in production and the newest other. */
  async refresh() {
    try {
      const { versions, production } = await choices();
      if (versions.length < 2) {
        write(this.#note, "There is only one version. Train another to compare how they read a drawing.");
        return;
      }
      const other = versions.find(({ version }) => version !== production)?.version ?? production;
      this.#selects.forEach((select, index) => {
        const chosen = select.value === "" ? [production, other][index] : Number(select.value);
        select.replaceChildren(
          ...versions.map((each) => new Option(versionName(each), String(each.version), false, each.version === chosen)),
        );
      });
      this.#body.hidden = false;
      if (this.#subject === null) this.clear();
      else this.#ask();
    } catch (error) {
      write(this.#note, messageOf(error));
    }
  }

  clear() {
    this.#subject = null;
    this.#latest.cancel();
    if (this.#body.hidden) return;
    write(this.#note, "Draw a digit to compare both versions.");
    for (const view of this.#views) showNothing(view);
  }

  /** @param {Subject} subject */
  show(subject) {
    this.#subject = subject;
    this.#ask();
  }

  async #ask() {
    const subject = this.#subject;
    if (subject === null || this.#body.hidden) return;
    if ((this.#views[0].root.dataset.state ?? "empty") === "empty") write(this.#note, "Comparing…");
    try {
      const found = await this.#latest.run((signal) =>
        Promise.all(this.#selects.map(({ value }) => predictWith(Number(value), subject.source, subject.mode, signal))),
      );
      if (found === STALE) return;
      found.forEach((reading, index) => showReading(this.#views[index], reading));
      write(this.#note, verdictOn(found[0], found[1]));
    } catch (error) {
      for (const view of this.#views) showNothing(view);
      write(this.#note, messageOf(error));
    }
  }
}

/** Whether two readings agree, in words. @param {Reading | NumberReading} first @param {Reading | NumberReading} second */
export function verdictOn(first, second) {
  const [one, other] = [first, second].map(answerOf);
  if (one !== other) return `They disagree: ${one} and ${other}.`;
  if (one === "nothing") return "Both find nothing to read.";
  const [sure, alsoSure] = [first, second].map(surenessOf);
  if (Math.abs(sure - alsoSure) < 0.005) return "They agree, with the same confidence.";
  return `They agree. The first is ${percent(sure)} sure, the second ${percent(alsoSure)}.`;
}

/** How sure a reading is of its answer, which may be that there is no digit. @param {Reading | NumberReading} reading */
function surenessOf(reading) {
  return "not_a_digit" in reading && reading.verdict === "not_a_digit" ? (reading.not_a_digit ?? 0) : reading.confidence;
}

/** @param {Reading | NumberReading} reading */
function answerOf(reading) {
  if ("digits" in reading) return reading.number ?? "no number";
  if (reading.verdict === "blank") return "nothing";
  return reading.prediction === null ? "not a digit" : String(reading.prediction);
}

/** @param {HTMLElement} root */
function viewOf(root) {
  const part = (/** @type {string} */ name) => {
    const found = root.querySelector(name);
    if (!(found instanceof HTMLElement)) throw new Error(`a comparison lacks its ${name}`);
    return found;
  };
  const list = part(".bars");
  return { root, digit: part(".compared-digit"), words: part(".compared-words"), sure: part(".compared-sure"), list, bars: barsOf(list) };
}

/** @param {ReturnType<typeof viewOf>} view @param {Reading | NumberReading} reading */
function showReading({ root, digit, words, sure, list, bars }, reading) {
  const said = "digits" in reading ? describeNumber(reading) : describe(reading);
  root.dataset.state = reading.verdict;
  write(digit, said.digit);
  write(words, said.words);
  write(sure, said.sure);
  list.hidden = "digits" in reading;
  if (!("digits" in reading)) showBars(bars, reading);
}

/** @param {ReturnType<typeof viewOf>} view */
function showNothing({ root, digit, words, sure, bars }) {
  root.dataset.state = "empty";
  for (const part of [digit, words, sure]) write(part, "");
  showBars(bars, null);
}
