// @ts-check
/**
 * How one value came about: the patches, kernels and products, then the calculation that follows.
 *
 * @typedef {import("../offline/network.js").Features} Features
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../offline/stages.js").Made} Made
 * @typedef {import("../offline/stages.js").Part} Part
 */

import { make, write } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { drawFromStrip, drawGrid, fillStrip, fixed, outline } from "./story-draw.js";
import { largestOf, short } from "./story-numbers.js";
import { chain, plural } from "./story-words.js";

/** Inputs that are shown with all their products. */
const SHOWN_MAPS = 2;
const SHOWN_UNITS = 8;
const WHERE_PX = 112;
const POOL_PX = 112;
/** Side of a cell by the side of the grid; larger grids share the last size. */
const CELLS_PX = [0, 132, 66, 50, 45, 45, 42];
/** Grids of these sides have so many numbers that they need the whole width. */
const WIDE_SIDES = [4, 5, 6];
const LARGE_GRID_PX = 156;

export class SumView {
  #title = make("h4");
  #products = make("div", { className: "story-products" });
  #rest = make("p", { className: "story-rest" });
  #chain = make("ol", { className: "story-chain" });
  #pool = hiddenCanvas();
  #heat = figure();
  /** Figures of maps, made once. @type {ReturnType<typeof mapRow>[]} */
  #rows = [];
  root = make("div", { className: "story-sum" }, make("div", {}, this.#title, this.#products, this.#rest), this.#chain);

  /**
   * @param {Stage} stage @param {Made} made
   * @param {string} title  what was made
   * @param {(channel: number) => string} inputName  name of an input map or unit
   */
  show(stage, made, title, inputName) {
    write(this.#title, title);
    const isOfUnits = made.source.side === 1;
    const parts = made.parts.slice(0, isOfUnits ? SHOWN_UNITS : SHOWN_MAPS);
    if (isOfUnits) this.#products.replaceChildren(unitTable(parts, inputName));
    else this.#showMaps(stage, made, parts, inputName);
    const others = made.parts.slice(parts.length);
    const sum = others.reduce((total, part) => total + part.total, 0);
    const noun = isOfUnits ? "unit" : "channel";
    write(this.#rest, others.length === 0 ? "" : `The other ${plural(others.length, noun)} add ${short(sum)}.`);
    this.root.dataset.wide = String(!isOfUnits && stage.kind === "conv" && WIDE_SIDES.includes(parts[0].side));
    this.#chain.replaceChildren(...chain(stage, made).map((step) => chainItem(step, made, this.#pool)));
  }

  /** @param {Stage} stage @param {Made} made @param {Part[]} parts @param {(channel: number) => string} inputName */
  #showMaps(stage, made, parts, inputName) {
    while (this.#rows.length < parts.length) this.#rows.push(mapRow());
    const heat = stage.kind === "dense" ? [heatOf(made, this.#heat)] : [];
    const scale = largestOf(made.source.data);
    const weight = largestOf(...parts.map(({ weights }) => weights));
    parts.forEach((part, index) => this.#rows[index].show(made.source, part, scale, weight, inputName(part.channel), stage.kind === "dense"));
    const rows = this.#rows.slice(0, parts.length).map(({ root }) => root);
    this.#products.replaceChildren(...heat, ...rows);
  }
}

/** @param {ReturnType<typeof chain>[number]} step @param {Made} made @param {HTMLCanvasElement} canvas  for the four values of a pool */
function chainItem({ what, result, isPool }, { candidates, picked }, canvas) {
  const words = make("span", { text: what });
  if (isPool) {
    const context = drawGrid(canvas, candidates, { shown: POOL_PX, scale: largestOf(candidates) });
    const cell = POOL_PX / 2;
    outline(context, (picked % 2) * cell + 2, (picked >> 1) * cell + 2, cell - 4);
    words.append(canvas);
  }
  return make("li", {}, words, make("b", { text: result }));
}

/** One input map: where the patch is, the patch, the kernel, the products. */
function mapRow() {
  const strip = document.createElement("canvas");
  const [where, patch, kernel, products] = Array.from({ length: 4 }, () => figure());
  const root = make("div", { className: "story-row" }, where.root, patch.root, sign("×"), kernel.root, sign("="), products.root);
  return {
    root,
    /** @param {Features} source @param {Part} part @param {number} scale @param {number} weight  the largest weight @param {string} name @param {boolean} isWhole  the patch is the whole map */
    show(source, part, scale, weight, name, isWhole) {
      const shown = CELLS_PX[part.side] * part.side || LARGE_GRID_PX;
      const context = fixed(where.canvas, WHERE_PX, WHERE_PX);
      const pixel = WHERE_PX / source.side;
      fillStrip(strip, source, [part.channel], scale);
      drawFromStrip(context, strip, 0, 0, 0, WHERE_PX);
      outline(context, part.left * pixel, part.top * pixel, part.side * pixel);
      root.dataset.whole = String(isWhole);
      where.root.hidden = isWhole;
      write(where.words, name);
      drawGrid(patch.canvas, part.values, { shown, scale, isGrey: true });
      write(patch.words, isWhole ? name : "Patch");
      drawGrid(kernel.canvas, part.weights, { shown, scale: weight });
      write(kernel.words, isWhole ? "Weights" : "Kernel");
      const terms = part.values.map((value, i) => value * part.weights[i]);
      drawGrid(products.canvas, terms, { shown, scale: largestOf(terms) });
      write(products.words, `Products: ${short(part.total)}`);
    },
  };
}

/** A canvas whose content is in the text, too. */
function hiddenCanvas() {
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

function figure() {
  const canvas = hiddenCanvas();
  const words = make("figcaption");
  return { canvas, words, root: make("figure", {}, canvas, words) };
}

/** @param {string} text */
function sign(text) {
  return make("span", { className: "story-sign", text });
}

/** All products of a connected layer, summed over the channels of each position. @param {Made} made @param {ReturnType<typeof figure>} figure */
function heatOf({ parts, products }, { canvas, words, root }) {
  const sums = new Float64Array(parts[0].values.length);
  for (const { values, weights } of parts) values.forEach((value, i) => (sums[i] += value * weights[i]));
  const { side } = parts[0];
  drawGrid(canvas, sums, { shown: LARGE_GRID_PX, scale: largestOf(sums) });
  write(words, "Where it comes from");
  const plus = make("span", { className: "story-plus", text: "adds" });
  const minus = make("span", { className: "story-minus", text: "subtracts" });
  const text = `All ${count(products)} products: ${plural(parts.length, "channel")} of ${side} by ${side}, added up at each position.`;
  return make("div", { className: "story-row" }, root, make("div", { className: "story-heat" }, make("p", { text }), make("p", {}, plus, minus)));
}

/** The strongest contributions of single values. @param {Part[]} parts @param {(channel: number) => string} inputName */
function unitTable(parts, inputName) {
  const most = Math.max(...parts.map(({ total }) => Math.abs(total))) || 1;
  const body = make("tbody");
  for (const { channel, values, weights, total } of parts) {
    const bar = make("span", { className: total < 0 ? "story-bar-minus" : "story-bar-plus" });
    bar.style.width = `${(100 * Math.abs(total)) / most}%`;
    const head = make("th", { text: inputName(channel) });
    head.scope = "row";
    const cells = [short(values[0]), `× ${short(weights[0])}`, `= ${short(total)}`].map((text) => make("td", { text }));
    body.append(make("tr", {}, head, ...cells, make("td", { className: "story-bar" }, bar)));
  }
  const names = ["Unit", "Value", "Weight", "Product"].map((text) => Object.assign(make("th", { text }), { scope: "col" }));
  return make("table", { className: "story-units" }, make("thead", {}, make("tr", {}, ...names, make("td"))), body);
}
