// @ts-check
/**
 * The table of model versions: what stands in each column, and how it is sorted.  Pure but for `ModelsTable`.
 *
 * @typedef {import("./models-api.js").Version} Version
 * @typedef {{id: string, title: string, text: (version: Version) => string, value: (version: Version) => number | string, isFigure?: boolean}} Column
 * @typedef {{column: string, isDescending: boolean}} Order
 */

import { element } from "./dom.js";
import { count, fileSize, percent, UNKNOWN } from "./format.js";

/** What is not known sorts behind everything. */
const LEAST = -Infinity;

/** @param {Version} version */
export function called({ version, name }) {
  return version === 0 ? `0 · in the box` : `${version} · ${name}`;
}

/** @param {Version} version */
function robustness({ metrics }) {
  const measured = metrics.robustness;
  return measured === undefined ? UNKNOWN : `${measured.goals_reached} of ${measured.goals} goals`;
}

/** @param {string} iso */
function shortDay(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** @type {Column[]} */
export const COLUMNS = [
  { id: "version", title: "Version", text: called, value: ({ version }) => version },
  { id: "validation", title: "Validation", text: (v) => percent(v.metrics.validation?.accuracy, 2), value: (v) => v.metrics.validation?.accuracy ?? LEAST, isFigure: true },
  { id: "test", title: "Test", text: (v) => percent(v.metrics.test?.accuracy, 2), value: (v) => v.metrics.test?.accuracy ?? LEAST, isFigure: true },
  { id: "robustness", title: "Robustness", text: robustness, value: (v) => v.metrics.robustness?.goals_reached ?? LEAST, isFigure: true },
  { id: "parameters", title: "Parameters", text: (v) => count(v.parameters), value: (v) => v.parameters ?? LEAST, isFigure: true },
  { id: "bytes", title: "Size", text: (v) => fileSize(v.bytes), value: (v) => v.bytes, isFigure: true },
  { id: "created", title: "Trained", text: (v) => shortDay(v.created_at), value: (v) => Date.parse(v.created_at), isFigure: true },
  { id: "recipe", title: "Recipe", text: (v) => v.recipe ?? UNKNOWN, value: (v) => v.recipe ?? "" },
];

/**
 * @param {Version[]} versions
 * @param {Order} order
 * @returns {Version[]}
 */
export function sorted(versions, { column, isDescending }) {
  const { value } = COLUMNS.find(({ id }) => id === column) ?? COLUMNS[0];
  const sign = isDescending ? -1 : 1;
  return [...versions].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === b) return other.version - one.version;
    return sign * (a < b ? -1 : 1);
  });
}

export class ModelsTable {
  /** Called with the version whose button was pressed. @type {(version: Version) => void} */
  onOpen = () => {};

  #columns = element("models-columns", HTMLTableRowElement);
  #rows = element("models-rows", HTMLTableSectionElement);
  /** @type {Version[]} */
  #versions = [];
  /** @type {Order} */
  #order = { column: "version", isDescending: true };

  constructor() {
    for (const column of COLUMNS) this.#columns.append(this.#head(column));
  }

  /** @param {Version[]} versions */
  show(versions) {
    this.#versions = versions;
    for (const head of this.#columns.children) {
      const isSorted = head.getAttribute("data-column") === this.#order.column;
      if (isSorted) head.setAttribute("aria-sort", this.#order.isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.#rows.replaceChildren(...sorted(versions, this.#order).map((version) => this.#row(version)));
  }

  /** @param {Column} column */
  #head({ id, title, isFigure = false }) {
    const head = document.createElement("th");
    head.scope = "col";
    head.dataset.column = id;
    if (isFigure) head.className = "figure";
    const sort = document.createElement("button");
    sort.type = "button";
    sort.className = "sort";
    sort.textContent = title;
    sort.addEventListener("click", () => {
      const isDescending = this.#order.column === id ? !this.#order.isDescending : isFigure || id === "version";
      this.#order = { column: id, isDescending };
      this.show(this.#versions);
    });
    head.append(sort);
    return head;
  }

  /** @param {Version} version */
  #row(version) {
    const row = document.createElement("tr");
    row.dataset.version = String(version.version);
    if (version.aliases.includes("production")) row.dataset.serving = "true";
    for (const { id, title, text, isFigure = false } of COLUMNS) {
      const cell = document.createElement(id === "version" ? "th" : "td");
      if (id === "version") {
        /** @type {HTMLTableCellElement} */ (cell).scope = "row";
        cell.append(this.#open(version), ...version.aliases.map(badge), ...noteOf(version));
      } else {
        cell.textContent = text(version);
        cell.dataset.title = title;
        cell.className = isFigure ? "figure" : id;
      }
      row.append(cell);
    }
    return row;
  }

  /** @param {Version} version */
  #open(version) {
    const open = document.createElement("button");
    open.type = "button";
    open.className = "open";
    open.textContent = called(version);
    open.setAttribute("aria-haspopup", "dialog");
    open.addEventListener("click", () => this.onOpen(version));
    return open;
  }
}

/** @param {Version} version */
function noteOf({ note }) {
  if (note === "") return [];
  const made = document.createElement("p");
  made.className = "note";
  made.textContent = note;
  return [made];
}

/** @param {string} alias */
function badge(alias) {
  const made = document.createElement("span");
  made.className = "badge";
  made.dataset.alias = alias;
  made.textContent = alias;
  return made;
}
