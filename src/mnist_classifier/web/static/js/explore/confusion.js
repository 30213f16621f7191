// @ts-check
/**
 * The confusion matrix: a table whose numbers link to their images.
 *
 * @typedef {import("./state.js").View} View
 */

import { make } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { viewLink } from "./parts.js";
import { step } from "./state.js";

const DIGITS = [...Array(10).keys()];

/**
 * How strongly to colour a cell, 0 to 1: correct readings by their share of the
 * row, errors by the square root of their share of the most frequent error.
 * @param {number[][]} confusion @param {number} label @param {number} prediction
 */
export function heatOf(confusion, label, prediction) {
  const images = confusion[label][prediction];
  if (images === 0) return 0;
  if (label === prediction) return images / confusion[label].reduce((sum, each) => sum + each, 0);
  const wrong = confusion.flatMap((row, of) => row.filter((_, as) => as !== of));
  return Math.sqrt(images / Math.max(...wrong));
}

/** Describes a cell to screen readers. @param {number} images @param {number} label @param {number} prediction */
export function describeCell(images, label, prediction) {
  const what = `${count(images)} ${images === 1 ? "image" : "images"} of ${label}`;
  return label === prediction ? `${what} read correctly` : `${what} read as ${prediction}`;
}

/**
 * The target of an arrow key: the next cell with images in that direction.
 * @param {number[][]} confusion
 * @param {[number, number]} from  label and prediction
 * @param {string} key
 * @returns {[number, number] | null}
 */
export function neighbourOf(confusion, [label, prediction], key) {
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  if (move === undefined) return null;
  const [down, right] = move;
  for (let row = label + down, column = prediction + right; confusion[row]?.[column] !== undefined; row += down, column += right) {
    if (confusion[row][column] > 0) return [row, column];
  }
  return null;
}

export class ConfusionMatrix {
  #root;
  /** @type {number[][]} */
  #confusion = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {number[][]} confusion @param {View} view */
  show(confusion, view) {
    this.#confusion = confusion;
    const columns = DIGITS.map((digit) => {
      const wrongly = step(view, { show: "errors", label: null, prediction: digit });
      return heading("col", digit, `Errors with prediction ${digit}`, wrongly);
    });
    const rows = DIGITS.map((label) => {
      const head = heading("row", label, `Errors with label ${label}`, step(view, { show: "errors", label, prediction: null }));
      return make("tr", {}, head, ...DIGITS.map((prediction) => this.#cell(label, prediction, view)));
    });
    const words = "Number of images by label (rows) and prediction (columns)";
    const caption = make("caption", { className: "visually-hidden", text: words });
    const head = make("thead", {}, make("tr", {}, make("th", { text: "Label" }), ...columns));
    this.#root.replaceChildren(make("table", { className: "matrix" }, caption, head, make("tbody", {}, ...rows)));
    this.mark(view);
  }

  /** Mark the cell whose images are shown.  Tab leads to it, or to the first cell. @param {View} view */
  mark({ show, label, prediction }) {
    const links = [...this.#root.querySelectorAll("td a")];
    const current = show === "all" ? this.#link(label, prediction) : null;
    for (const link of links) {
      link.removeAttribute("aria-current");
      link.setAttribute("tabindex", "-1");
    }
    current?.setAttribute("aria-current", "true");
    (current ?? links[0])?.setAttribute("tabindex", "0");
  }

  /** @param {number} label @param {number} prediction @param {View} view */
  #cell(label, prediction, view) {
    const images = this.#confusion[label][prediction];
    const cell = make("td");
    cell.dataset.right = String(label === prediction);
    if (images === 0) {
      cell.append(make("span", { className: "matrix-none", text: "0" }));
      return cell;
    }
    cell.style.setProperty("--heat", heatOf(this.#confusion, label, prediction).toFixed(3));
    const words = { text: String(images), label: describeCell(images, label, prediction) };
    const link = viewLink(step(view, { show: "all", label, prediction }), words);
    link.dataset.cell = `${label}-${prediction}`;
    cell.append(link);
    return cell;
  }

  /** @param {number | null} label @param {number | null} prediction */
  #link(label, prediction) {
    return this.#root.querySelector(`[data-cell="${label}-${prediction}"]`);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const link = event.target instanceof HTMLElement ? event.target.closest("[data-cell]") : null;
    if (!(link instanceof HTMLElement)) return;
    const [label, prediction] = (link.dataset.cell ?? "").split("-").map(Number);
    const place = neighbourOf(this.#confusion, [label, prediction], event.key);
    const next = place === null ? null : this.#link(...place);
    if (!(next instanceof HTMLElement)) return;
    event.preventDefault();
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

/** @param {"row" | "col"} scope @param {number} digit @param {string} label @param {View} view */
function heading(scope, digit, label, view) {
  const cell = make("th", {}, viewLink(view, { text: String(digit), label }));
  cell.scope = scope;
  return cell;
}
