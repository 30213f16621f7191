// @ts-check
/**
 * The charts of one run, or of several runs together.
 *
 * @typedef {import("./state.js").RunState} RunState
 * @typedef {{id: number, state: RunState}} Shown
 */

import { element } from "../shared/dom.js";
import { course, curves, overlay } from "./state.js";

const HEIGHT_PX = 220;
const SMALL_HEIGHT_PX = 120;
// Colours of several runs in one chart.
const COLOURS = ["--accent", "--warn", "--good", "--bad", "--muted", "--ink"];

/** @param {string} name */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A chart. Other curves need a new plot; other numbers do not. */
class Chart {
  #box;
  #height_px;
  /** @type {any} */
  #plot = null;
  #key = "";
  /** @type {any} */
  #data = null;

  /** @param {string} id @param {number} height_px */
  constructor(id, height_px) {
    this.#box = element(id, HTMLElement);
    this.#height_px = height_px;
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#box.clientWidth, height: this.#height_px })).observe(this.#box);
  }

  /**
   * @param {(number | null)[][]} data
   * @param {{label: string, colour: string, dash?: number[]}[]} lines
   * @param {(value: number) => string} format
   */
  draw(data, lines, format) {
    const key = JSON.stringify(lines);
    this.#data = data;
    if (this.#plot !== null && key === this.#key) return this.#plot.setData(data);
    this.#key = key;
    this.#plot?.destroy();
    // @ts-ignore  uPlot is a plain script, loaded before this module
    this.#plot = new globalThis.uPlot(this.#options(lines, format), data, this.#box);
  }

  forget() {
    this.#key = "";
  }

  /** @param {{label: string, colour: string, dash?: number[]}[]} lines @param {(value: number) => string} format */
  #options(lines, format) {
    const axis = { stroke: token("--muted"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
    /** @param {unknown} plot @param {number | null} value */
    const shown = (plot, value) => (value === null || value === undefined ? "–" : format(value));
    return {
      width: this.#box.clientWidth || 300,
      height: this.#height_px,
      scales: { x: { time: false } },
      axes: [
        { ...axis, size: 30 },
        { ...axis, size: 58, values: (/** @type {unknown} */ plot, /** @type {number[]} */ ticks) => ticks.map(format) },
      ],
      legend: { live: true },
      series: [
        { label: "Epoch", value: (/** @type {unknown} */ plot, /** @type {number | null} */ x) => (x === null ? "–" : String(Math.round(x * 100) / 100)) },
        ...lines.map(({ label, colour, dash }) => ({
          label, stroke: token(colour), dash, width: 2, spanGaps: true, points: { size: 5, show: this.#isShort() }, value: shown,
        })),
      ],
    };
  }

  /** Mark the points of short curves: a curve of one point would be invisible. */
  #isShort() {
    return (/** @type {any} */ plot) => plot.data[0].length < 40;
  }
}

export class Charts {
  #loss = new Chart("chart-loss", HEIGHT_PX);
  #accuracy = new Chart("chart-accuracy", HEIGHT_PX);
  #rate = new Chart("chart-rate", SMALL_HEIGHT_PX);
  #speed = new Chart("chart-speed", SMALL_HEIGHT_PX);
  /** @type {Shown[]} */
  #shown = [];

  constructor() {
    // The colours follow the theme.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const chart of [this.#loss, this.#accuracy, this.#rate, this.#speed]) chart.forget();
      this.draw(this.#shown);
    });
  }

  /** @param {Shown[]} shown  the opened run first */
  draw(shown) {
    this.#shown = shown;
    if (shown.length === 0) return;
    if (shown.length === 1) this.#drawOne(shown[0].state);
    else this.#drawSeveral(shown);
  }

  /** @param {RunState} state */
  #drawOne(state) {
    const lines = [
      { label: "Training", colour: "--muted", dash: [4, 4] },
      { label: "Validation", colour: "--accent" },
    ];
    this.#loss.draw(curves(state, "loss"), lines, asLoss);
    this.#accuracy.draw(curves(state, "accuracy"), lines, asPercent);
    const line = [{ label: "Now", colour: "--accent" }];
    this.#rate.draw(course(state, "learning_rate"), line, asRate);
    this.#speed.draw(course(state, "images_per_s"), line, asSpeed);
  }

  /** @param {Shown[]} shown */
  #drawSeveral(shown) {
    const states = shown.map(({ state }) => state);
    const lines = shown.map(({ id }, index) => ({ label: `Run ${id}`, colour: COLOURS[index % COLOURS.length] }));
    this.#loss.draw(overlay(states, "validation_loss"), lines, asLoss);
    this.#accuracy.draw(overlay(states, "validation_accuracy"), lines, asPercent);
    this.#rate.draw(overlay(states, "learning_rate"), lines, asRate);
    this.#speed.draw(overlay(states, "images_per_s"), lines, asSpeed);
  }
}

/** @param {number} value */
function asLoss(value) {
  return value.toPrecision(3);
}

/** @param {number} value */
function asRate(value) {
  return value === 0 ? "0" : value.toPrecision(2);
}

/** @param {number} value */
function asSpeed(value) {
  return Math.round(value).toLocaleString("en-GB");
}

/** @param {number} value */
function asPercent(value) {
  if (value >= 0.99995) return "100%";
  return `${(value * 100).toFixed(value > 0.9 ? 2 : 0)}%`;
}
