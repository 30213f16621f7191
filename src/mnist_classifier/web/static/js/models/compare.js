// @ts-check
/**
 * Two versions side by side: metrics, errors, images that they read differently.
 *
 * @typedef {import("./api.js").Version} Version
 * @typedef {import("./api.js").Comparison} Comparison
 * @typedef {import("./api.js").Disagreement} Disagreement
 * @typedef {import("./api.js").Disagreements} Disagreements
 */

import { ApiError } from "../shared/api.js";
import { DatasetNotice } from "../shared/dataset.js";
import { element, make, write } from "../shared/dom.js";
import { count, fileSize, percent, sentence, UNKNOWN } from "../shared/format.js";
import { Latest, STALE } from "../shared/latest.js";
import * as api from "./api.js";
import { inWords } from "./moves.js";
import { called } from "./table.js";
import { messageOf, showToast } from "../shared/toast.js";

/** @type {[string, (version: Version) => string][]} */
const FIGURES = [
  ["Validation accuracy", (v) => percent(v.metrics.validation?.accuracy, 2)],
  ["Validation errors", (v) => wrong(v.metrics.validation)],
  ["Validation loss", (v) => v.metrics.validation?.nll?.toFixed(4) ?? UNKNOWN],
  ["Test accuracy", (v) => percent(v.metrics.test?.accuracy, 2)],
  ["Test errors", (v) => wrong(v.metrics.test)],
  ["Test calibration error", (v) => percent(v.metrics.test?.ece, 2)],
  ["Robustness goals", (v) => (v.metrics.robustness ? `${v.metrics.robustness.goals_reached} of ${v.metrics.robustness.goals}` : "not measured")],
  ["Pen digits", (v) => percent(v.metrics.robustness?.pen_digits_mean, 2)],
  ["Corrupted digits", (v) => percent(v.metrics.robustness?.corruptions_mean, 2)],
  ["Parameters", (v) => count(v.parameters)],
  ["Size", (v) => fileSize(v.bytes)],
];

/** @param {import("../shared/api-types.js").SplitMetrics | undefined} figures */
function wrong(figures) {
  const { images, correct } = figures ?? {};
  return images === undefined || correct === undefined ? UNKNOWN : count(images - correct);
}

export class ComparePanel {
  #root = element("compare", HTMLElement);
  #form = element("compare-form", HTMLFormElement);
  #selects = [element("compare-first", HTMLSelectElement), element("compare-second", HTMLSelectElement)];
  #split = element("compare-split", HTMLSelectElement);
  #start = element("compare-start", HTMLButtonElement);
  #note = element("compare-note", HTMLElement);
  #result = element("compare-result", HTMLElement);
  #latest = new Latest();
  #dataset = new DatasetNotice();

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#compare();
    });
    this.#dataset.onReady = () => this.#compare();
  }

  /** Offer these versions, and keep the chosen ones. @param {Version[]} versions @param {number} production */
  offer(versions, production) {
    const newest = versions.find(({ version }) => version !== production)?.version ?? production;
    for (const [index, select] of this.#selects.entries()) {
      const before = select.value;
      select.replaceChildren(...versions.map((version) => new Option(called(version), String(version.version))));
      const fallback = String(index === 0 ? production : newest);
      select.value = versions.some(({ version }) => String(version) === before) ? before : fallback;
    }
    this.#start.disabled = versions.length < 2;
    this.#form.hidden = versions.length < 2;
    if (versions.length < 2) write(this.#note, "Train or import a second version, then compare the two here.");
  }

  /** Compare two versions at once, as the address asks. @param {number} first @param {number} second */
  start(first, second) {
    [first, second].forEach((version, index) => (this.#selects[index].value = String(version)));
    this.#root.scrollIntoView();
    this.#compare();
  }

  async #compare() {
    const [first, second] = this.#selects.map(({ value }) => Number(value));
    if (first === second) return write(this.#note, "Choose two different versions.");
    this.#root.dataset.state = "loading";
    this.#start.setAttribute("aria-busy", "true");
    write(this.#note, "Comparing…");
    try {
      const result = await this.#latest.run((signal) => this.#load(first, second, signal));
      if (result === STALE) return;
      this.#root.dataset.state = "ready";
    } catch (error) {
      this.#root.dataset.state = "error";
      write(this.#note, messageOf(error));
      showToast("compare", messageOf(error));
    } finally {
      if (!this.#latest.isBusy) this.#start.removeAttribute("aria-busy");
    }
  }

  /** Show the metrics at once, and the images when both networks have read them. @param {number} first @param {number} second @param {AbortSignal} signal */
  async #load(first, second, signal) {
    const split = this.#split.value;
    const comparison = await api.compareModels(first, second, signal);
    this.#showFigures(comparison, split);
    const note = element("disagreements-note", HTMLElement);
    const images = element("disagreements", HTMLElement);
    images.replaceChildren();
    write(note, `Both versions are reading the ${split} images. The first time takes some seconds…`);
    try {
      const found = await api.listDisagreements(first, second, split, signal);
      if (found.is_sample) this.#dataset.showMissing("Only the 200 test images that come with the program were read. MNIST has 10,000.");
      else this.#dataset.hide();
      this.#showImages(found, comparison);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiError && error.code === "data_missing") {
        write(note, "");
        this.#dataset.showMissing("The validation images are part of MNIST, which is not on this computer yet. You can choose the test images: 200 of them come with the program.");
      } else write(note, messageOf(error));
    }
  }

  /** @param {Comparison} comparison @param {string} split */
  #showFigures({ models, confusion_difference: differences, gate: check }, split) {
    this.#result.hidden = false;
    write(this.#note, "");
    const verdict = element("compare-verdict", HTMLElement);
    write(verdict, `${sentence(outcome(check))} ${check.summary}`);
    write(element("compare-reason", HTMLElement), `${sentence(check.reason)} ${check.advice}`);
    verdict.dataset.good = String(check.passed);
    models.forEach((model, index) => write(element(`compare-name-${index}`, HTMLElement), called(model)));
    element("compare-figures", HTMLElement).replaceChildren(
      ...FIGURES.map(([title, text]) => line(title, models.map(text))),
    );
    showConfusion(differences[split]);
  }

  /** @param {Disagreements} found @param {Comparison} comparison */
  #showImages({ split, is_sample: isSample, count: total, right, images }, { models }) {
    const [one, other] = models.map(({ version }) => version);
    const all = isSample ? `200 ${split} images` : `${split} images`;
    const words =
      total === 0
        ? `Both versions read all ${all} the same way.`
        : `They read ${count(total)} ${split} images differently. Version ${one} gets ${count(right[0])} of them right, version ${other} gets ${count(right[1])}.` +
          (images.length < total ? ` The ${images.length} most confident are shown.` : "");
    write(element("disagreements-note", HTMLElement), words);
    element("disagreements", HTMLElement).replaceChildren(...images.map((image) => picture(image, [one, other])));
  }
}

/** The promotion check in words. @param {Comparison["gate"]} check */
function outcome({ passed, checks, champion, challenger }) {
  if (passed) return `${inWords(challenger)} can replace ${inWords(champion)}`;
  return checks.every((check) => check.passed) ? `${inWords(challenger)} is not measured enough` : `${inWords(champion)} is better`;
}

/** @param {number[][] | null} difference  [true digit][prediction], second version minus first */
function showConfusion(difference) {
  const table = element("confusion", HTMLTableElement);
  const note = element("confusion-note", HTMLElement);
  table.replaceChildren();
  if (difference === null) return write(note, "One of the versions has no confusion matrix.");
  write(note, "Rows are labels and columns are predictions. + means that the second version makes this error more often.");
  const head = make("tr", {}, make("td"), ...difference.map((_, digit) => cell("th", String(digit), "col")));
  const rows = difference.map((counts, label) =>
    make("tr", {}, cell("th", String(label), "row"), ...counts.map((value, read) => confusionCell(value, label, read))),
  );
  table.append(head, ...rows);
}

/** @param {number} value @param {number} label @param {number} read */
function confusionCell(value, label, read) {
  const made = cell("td", value === 0 ? "" : value > 0 ? `+${value}` : `−${-value}`);
  if (label === read) made.dataset.kind = "right";
  else if (value !== 0) made.dataset.kind = value > 0 ? "more" : "less";
  return made;
}

/** @param {string} title @param {string[]} texts */
function line(title, texts) {
  return make("tr", {}, cell("th", title, "row"), ...texts.map((text) => cell("td", text)));
}

/** @param {"td" | "th"} kind @param {string} text @param {string} [scope] */
function cell(kind, text, scope) {
  const made = make(kind, { text });
  if (scope !== undefined) made.setAttribute("scope", scope);
  return made;
}

/** @param {Disagreement} found @param {number[]} versions */
function picture({ index, label, predictions, confidences, image }, versions) {
  const shown = make("img");
  shown.src = image;
  shown.alt = `Image ${index} with label ${label}`;
  shown.width = shown.height = 56;
  const words = make("p", { text: `label ${label}` });
  predictions.forEach((digit, side) => {
    const text = `version ${versions[side]}: ${digit}, ${percent(confidences[side])}`;
    words.append(make("span", { text, data: { right: String(digit === label) } }));
  });
  return make("li", {}, shown, words);
}
