// @ts-check
/**
 * The section "Readings over time": whether people write differently from the validation images.
 *
 * @typedef {import("../shared/api-types.js").DriftReport} Report
 */

import { request } from "../shared/api.js";
import { element, make, write } from "../shared/dom.js";
import { Latest, STALE } from "../shared/latest.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { messageOf } from "../shared/toast.js";
import { columns, facts, inkIndex, inWords, isWorthIt } from "./drift-words.js";

const HEIGHT_PX = 150;

const section = element("drift", HTMLElement);
const note = element("drift-note", HTMLElement);
const hours = element("drift-hours", HTMLSelectElement);
const found = element("drift-found", HTMLElement);
const train = element("drift-train", HTMLElement);
const list = element("drift-facts", HTMLElement);
const retry = element("drift-retry", HTMLButtonElement);

/** @param {string} name */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A line over time, and the value of the validation images dashed. */
class Chart {
  #box;
  #format;
  /** @type {any} */
  #plot = null;

  /** @param {string} id @param {(value: number) => string} format */
  constructor(id, format) {
    this.#box = element(id, HTMLElement);
    this.#format = format;
    new ResizeObserver(() => this.#box.clientWidth > 0 && this.#plot?.setSize({ width: this.#box.clientWidth, height: HEIGHT_PX })).observe(this.#box);
  }

  /** @param {string} words  for those who do not see it @param {(number | null)[][]} data  x, values, validation */
  draw(words, data) {
    this.#box.setAttribute("aria-label", words);
    this.#plot?.destroy();
    // @ts-ignore  uPlot is a plain script, loaded before this module
    this.#plot = new globalThis.uPlot(this.#options(), data, this.#box);
  }

  #options() {
    const axis = { stroke: token("--muted"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
    const highest = (/** @type {unknown} */ plot, /** @type {number} */ low, /** @type {number} */ high) => [0, Math.max(high * 1.1, 0.01)];
    return {
      width: this.#box.clientWidth || 300,
      height: HEIGHT_PX,
      scales: { y: { range: highest } },
      axes: [{ ...axis, size: 30 }, { ...axis, size: 56, values: (/** @type {unknown} */ plot, /** @type {number[]} */ ticks) => ticks.map(this.#format) }],
      legend: { show: false },
      cursor: { show: false },
      series: [
        {},
        { stroke: token("--accent"), width: 2, spanGaps: true, points: { show: true, size: 5 } },
        { stroke: token("--muted"), width: 2, dash: [6, 4], points: { show: false } },
      ],
    };
  }
}

const charts = {
  doubtful: new Chart("drift-doubtful", (value) => `${Math.round(value * 1000) / 10} %`),
  ink: new Chart("drift-ink", (value) => String(Math.round(value))),
};
/** @type {Report | null} */
let shown = null;
const latest = new Latest();

async function refresh() {
  try {
    const report = await latest.run((signal) => request(`/api/drift?hours=${hours.value}`, { signal }));
    if (report === STALE) return;
    shown = report;
    retry.hidden = true;
    show();
  } catch (error) {
    section.dataset.state = "error";
    retry.hidden = false;
    found.hidden = true;
    train.hidden = true;
    write(note, messageOf(error));
    goOnWhenBack(error, refresh);
  }
}

function show() {
  if (shown === null) return;
  const report = shown;
  section.dataset.state = report.doubtful === null ? "empty" : "ready";
  write(note, report.sentence);
  train.hidden = !isWorthIt(report);
  found.hidden = report.doubtful === null;
  if (found.hidden) return;
  list.replaceChildren(...facts(report).map(([name, value]) =>
    make("div", {}, make("dt", { text: name }), make("dd", { text: value }))));
  const { times, doubtful, ink } = columns(report);
  const same = (/** @type {number | null} */ value) => times.map(() => value);
  charts.doubtful.draw(inWords(report), [times, doubtful, same(report.doubtful?.reference ?? null)]);
  const figure = /** @type {HTMLElement} */ (element("drift-ink", HTMLElement).closest("figure"));
  figure.hidden = report.ink === null;
  if (report.ink !== null) charts.ink.draw(`Ink of the strokes: ${inkIndex(report.ink)}. Validation images: 100.`, [times, ink, same(100)]);
}

hours.addEventListener("change", refresh);
retry.addEventListener("click", refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
refresh();
