// @ts-check
/**
 * The table of model versions and its columns.  Pure, except for `ModelsTable`.
 *
 * @typedef {import("./api.js").Version} Version
 * @typedef {import("../shared/sorting.js").SortColumn<Version> & {text: (version: Version) => string}} Column
 */

import { button, element, make } from "../shared/dom.js";
import { count, fileSize, percent, UNKNOWN } from "../shared/format.js";
import { keepFocus } from "../shared/focus.js";
import { SortHead } from "../shared/sorting.js";

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
  { id: "validation", title: "Validation accuracy", text: (v) => percent(v.metrics.validation?.accuracy, 2), value: (v) => v.metrics.validation?.accuracy, isFigure: true },
  { id: "test", title: "Test accuracy", text: (v) => percent(v.metrics.test?.accuracy, 2), value: (v) => v.metrics.test?.accuracy, isFigure: true },
  { id: "robustness", title: "Robustness", text: robustness, value: (v) => v.metrics.robustness?.goals_reached, isFigure: true },
  { id: "parameters", title: "Parameters", text: (v) => count(v.parameters), value: (v) => v.parameters, isFigure: true },
  { id: "bytes", title: "Size", text: (v) => fileSize(v.bytes), value: (v) => v.bytes, isFigure: true },
  { id: "created", title: "Trained", text: (v) => shortDay(v.created_at), value: (v) => Date.parse(v.created_at), isFigure: true },
  { id: "recipe", title: "Recipe", text: (v) => v.recipe ?? UNKNOWN, value: (v) => v.recipe },
];

const NEWEST_FIRST = { column: "version", isDescending: true };

export class ModelsTable {
  /** Called with the version whose button was pressed. @type {(version: Version) => void} */
  onOpen = () => {};

  #rows = element("models-rows", HTMLTableSectionElement);
  #head = new SortHead(element("models-columns", HTMLTableRowElement), COLUMNS, NEWEST_FIRST, () => this.show(this.#versions));
  /** @type {Version[]} */
  #versions = [];

  /** @param {Version[]} versions  newest first */
  show(versions) {
    this.#versions = versions;
    const rows = this.#head.sorted(versions).map((version) => this.#row(version));
    keepFocus(this.#rows, () => this.#rows.replaceChildren(...rows), { name: (control) => control.closest("tr")?.dataset.version ?? "" });
  }

  /** @param {Version} version */
  #row(version) {
    const row = make("tr");
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
        if (isFigure) cell.className = "figure";
      }
      row.append(cell);
    }
    return row;
  }

  /** @param {Version} version */
  #open(version) {
    const open = button(called(version), "open", () => this.onOpen(version));
    open.setAttribute("aria-haspopup", "dialog");
    return open;
  }
}

/** @param {Version} version */
function noteOf({ note }) {
  return note === "" ? [] : [make("p", { className: "note", text: note })];
}

/** @param {string} alias */
function badge(alias) {
  return make("span", { className: "badge", text: alias, data: { alias } });
}
