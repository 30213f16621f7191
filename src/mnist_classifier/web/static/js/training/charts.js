// @ts-check
/**
 * The charts of one run, or of several runs together, over the images that they have seen.
 * A chart appears with its first points.  One tooltip serves all charts.
 *
 * @typedef {import("./curves.js").Shown} Shown
 * @typedef {import("./curves.js").Curve} Curve
 */

import { element, make, write } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { colours, curvesOf, isBroken, isDrawable } from "./curves.js";
import { columns, nearest, shortCount } from "./points.js";

const HEIGHT_PX = 220;
const SMALL_HEIGHT_PX = 120;
// A curve with fewer points shows them: one of one point would be invisible.
const FEW_POINTS = 40;
const TOOLTIP_GAP_PX = 14;

/** @param {string} name */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A chart. Other curves need a new plot; other numbers do not. */
class Chart {
  #box;
  #figure;
  #format;
  #tooltip;
  #height_px;
  /** @type {any} */
  #plot = null;
  #key = "";
  /** @type {Curve[]} */
  #curves = [];

  /**
   * @param {import("./curves.js").Figure} figure
   * @param {string} id
   * @param {number} height_px
   * @param {(value: number) => string} format
   * @param {Tooltip} tooltip
   */
  constructor(figure, id, height_px, format, tooltip) {
    this.figure = figure;
    this.#box = element(id, HTMLElement);
    this.#figure = /** @type {HTMLElement} */ (this.#box.closest("figure"));
    this.#height_px = height_px;
    this.#format = format;
    this.#tooltip = tooltip;
    new ResizeObserver(() => this.#box.clientWidth > 0 && this.#plot?.setSize({ width: this.#box.clientWidth, height: height_px })).observe(this.#box);
    this.#box.addEventListener("pointermove", (event) => this.#point(event));
    this.#box.addEventListener("pointerdown", (event) => this.#point(event));
    this.#box.addEventListener("pointerleave", () => tooltip.hide());
  }

  /** @param {Curve[]} curves @param {boolean} isOver  whether all runs are */
  draw(curves, isOver) {
    this.#curves = curves;
    this.#figure.hidden = !isDrawable(curves, isOver);
    if (this.#figure.hidden) return;
    this.#box.setAttribute("aria-label", this.#inWords());
    const data = columns(curves.map(({ points }) => points));
    const key = JSON.stringify(curves.map(({ label, colour }) => [label, colour]));
    if (this.#plot !== null && key === this.#key) return this.#plot.setData(data);
    this.#key = key;
    this.#plot?.destroy();
    // @ts-ignore  uPlot is a plain script, loaded before this module
    this.#plot = new globalThis.uPlot(this.#options(curves), data, this.#box);
  }

  forget() {
    this.#key = "";
  }

  /** The latest values, for those who do not see the chart. */
  #inWords() {
    const latest = this.#curves.flatMap(({ label, points }) => {
      const last = points.at(-1);
      return last ? [`${label} ${this.#format(last[1])}`] : [];
    });
    return `${this.#figure.querySelector("figcaption")?.textContent ?? ""} over the images seen. Latest: ${latest.join(", ")}.`;
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (this.#plot === null) return;
    const over = this.#plot.over.getBoundingClientRect();
    const x = this.#plot.posToVal(event.clientX - over.left, "x");
    const rows = this.#curves.flatMap(({ label, colour, dash, points }) => {
      const point = nearest(points, x);
      return point === null ? [] : [{ label, colour, isDashed: dash !== undefined, text: this.#format(point[1]) }];
    });
    if (event.clientX < over.left || event.clientX > over.right || rows.length === 0) return this.#tooltip.hide();
    this.#tooltip.show(`${count(Math.max(0, x))} images`, rows, event);
  }

  /** @param {Curve[]} curves */
  #options(curves) {
    const axis = { stroke: token("--muted"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
    return {
      width: this.#box.clientWidth || 300,
      height: this.#height_px,
      scales: { x: { time: false, range: (/** @type {unknown} */ plot, /** @type {number} */ low, /** @type {number} */ high) => [0, high] } },
      axes: [
        { ...axis, size: 30, values: (/** @type {unknown} */ plot, /** @type {number[]} */ ticks) => ticks.map(shortCount) },
        { ...axis, size: 66, values: (/** @type {unknown} */ plot, /** @type {number[]} */ ticks) => ticks.map(this.#format) },
      ],
      legend: { show: false },
      cursor: { y: false, sync: { key: "training" } },
      series: [
        {},
        ...curves.map(({ label, colour, dash }) => ({
          label, stroke: token(colour), dash, width: 2, spanGaps: true, points: { size: 5, show: hasFewPoints },
        })),
      ],
    };
  }
}

/** @param {any} plot @param {number} series */
function hasFewPoints(plot, series) {
  return plot.data[series].filter((/** @type {number | null} */ value) => value !== null).length < FEW_POINTS;
}

/** The box beside the pointer with the values of all curves of the chart below it. */
class Tooltip {
  #box = element("chart-tooltip", HTMLElement);

  /**
   * @param {string} title
   * @param {{label: string, colour: string, isDashed: boolean, text: string}[]} rows
   * @param {{clientX: number, clientY: number}} at
   */
  show(title, rows, { clientX, clientY }) {
    this.#box.replaceChildren(make("strong", { text: title }), ...rows.map(({ label, colour, isDashed, text }) =>
      make("div", {}, swatch(colour, isDashed), make("span", { text: label }), make("b", { text }))));
    this.#box.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.#box;
    const right = clientX + TOOLTIP_GAP_PX + width < innerWidth;
    this.#box.style.left = `${Math.max(0, right ? clientX + TOOLTIP_GAP_PX : clientX - TOOLTIP_GAP_PX - width)}px`;
    this.#box.style.top = `${Math.max(0, Math.min(clientY - height / 2, innerHeight - height))}px`;
  }

  hide() {
    this.#box.hidden = true;
  }
}

/** @param {string} colour @param {boolean} isDashed */
function swatch(colour, isDashed) {
  const made = make("i", { className: "swatch", data: { dashed: String(isDashed) } });
  made.style.setProperty("--colour", `var(${colour})`);
  return made;
}

export class Charts {
  #tooltip = new Tooltip();
  #charts = [
    new Chart("loss", "chart-loss", HEIGHT_PX, asLoss, this.#tooltip),
    new Chart("accuracy", "chart-accuracy", HEIGHT_PX, asPercent, this.#tooltip),
    new Chart("learning_rate", "chart-rate", SMALL_HEIGHT_PX, asRate, this.#tooltip),
    new Chart("images_per_s", "chart-speed", SMALL_HEIGHT_PX, asSpeed, this.#tooltip),
  ];
  #legend = element("chart-legend", HTMLElement);
  /** @type {Shown[]} */
  #shown = [];
  #isOver = false;

  constructor() {
    // The colours follow the theme.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const chart of this.#charts) chart.forget();
      this.draw(this.#shown, this.#isOver);
    });
  }

  /** @param {Shown[]} shown  the opened run first @param {boolean} isOver  whether the opened run is */
  draw(shown, isOver) {
    this.#shown = shown;
    this.#isOver = isOver;
    for (const chart of this.#charts) chart.draw(curvesOf(shown, chart.figure), isOver);
    this.#showLegend();
  }

  #showLegend() {
    const several = this.#shown.length > 1;
    const ofRun = colours(this.#shown);
    const items = this.#shown.map(({ id, status }, index) =>
      make("li", {}, swatch(ofRun[index], false), `Run ${id}${isBroken(status) ? ` (${status})` : ""}`));
    const kinds = ["Training", "Validation"].map((text, index) =>
      make("li", {}, swatch(several ? "--ink" : index === 0 ? "--muted" : ofRun[0] ?? "--accent", index === 0), text));
    const made = [...(several ? items : []), ...kinds, make("li", { className: "hint", text: "Across: images seen" })];
    const key = made.map(({ textContent }) => textContent).join("|");
    if (this.#legend.dataset.key === key) return;
    this.#legend.dataset.key = key;
    this.#legend.replaceChildren(...made);
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
  if (value >= 0.99995) return "100 %";
  return `${(value * 100).toFixed(value > 0.9 ? 2 : 0)} %`;
}
