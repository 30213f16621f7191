// @ts-check
/**
 * The reading of a number below the headline: its lines or its table, its digits, and ways to take it away.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").DigitInNumber} DigitInNumber
 * @typedef {import("./export.js").Cell} Cell
 * @typedef {import("./found.js").Item} Item
 */

import { copyText } from "../shared/clipboard.js";
import { button, element, make, write } from "../shared/dom.js";
import { saveText } from "../shared/save.js";
import { percent, UNKNOWN } from "../shared/format.js";
import { showToast } from "../shared/toast.js";
import { asCsv, asText, gridOf, rowsOf } from "./export.js";
import { digitsIn, isSure } from "./found.js";
import { alternatives, asWritten, describeDigit, layoutOf } from "./number.js";

export class NumberView {
  /** Called when the user chooses a line, a cell or a digit. @type {(kind: Item["kind"], index: number) => void} */
  onChoose = () => {};

  #written = element("written", HTMLElement);
  #alternatives = element("alternatives", HTMLElement);
  #layout = element("number-layout", HTMLElement);
  #digits = element("number-digits", HTMLElement);
  #exports = element("number-export", HTMLElement);
  /** The exported site has none. */
  #hint = document.getElementById("correct-hint");
  /** @type {NumberReading | null} */
  #reading = null;

  constructor() {
    element("copy-text", HTMLButtonElement).addEventListener("click", () => this.#copy(asText));
    element("copy-csv", HTMLButtonElement).addEventListener("click", () => this.#copy(asCsv));
    element("save-csv", HTMLButtonElement).addEventListener("click", () => this.#save());
  }

  /** @param {NumberReading | null} reading  null for none */
  show(reading) {
    const hasNumber = reading !== null && reading.number !== null;
    this.#reading = reading;
    write(this.#written, hasNumber ? asWritten(reading) : "");
    write(this.#alternatives, hasNumber ? alternatives(reading).join("; ") : "");
    const layout = reading === null ? null : this.#layoutOf(reading);
    this.#layout.replaceChildren(...(layout === null ? [] : [layout]));
    this.#showDigits(layout === null ? (reading?.digits ?? []) : []);
    this.#exports.hidden = !hasNumber;
    if (this.#hint !== null) this.#hint.hidden = !hasNumber;
  }

  /** Show which line, cell or digit is chosen, and the digits of that line or cell. @param {Item | null} chosen */
  mark(chosen) {
    const hasLayout = this.#layout.childElementCount > 0;
    if (hasLayout && chosen === null) this.#showDigits([]);
    if (chosen?.kind === "line" || chosen?.kind === "cell") this.#showDigits(digitsIn(chosen.box, this.#reading?.digits ?? []));
    for (const choice of element("result", HTMLElement).querySelectorAll("button[data-choice]")) {
      const isChosen = chosen !== null && choice.getAttribute("data-choice") === `${chosen.kind} ${chosen.index}`;
      choice.setAttribute("aria-pressed", String(isChosen));
    }
  }

  /** A table, a list of lines, or null if the number is a single line. @param {NumberReading} reading */
  #layoutOf(reading) {
    const { digits, lines = [], cells = [] } = reading;
    const layout = layoutOf(reading);
    if (layout === "table") return this.#table(cells);
    return layout === "lines" ? this.#list(lines, digits) : null;
  }

  /** @param {readonly Cell[]} cells */
  #table(cells) {
    const grid = gridOf(cells);
    const heading = (/** @type {string} */ scope, /** @type {number} */ index) => {
      const made = make("th", { text: String(index + 1) });
      made.setAttribute("scope", scope);
      return made;
    };
    const columns = grid[0].map((_, column) => heading("col", column));
    const rows = grid.map((row, index) => {
      const shown = row.map((cell) => make("td", {}, ...(cell === null ? [] : [this.#cell(cell, cells.indexOf(cell))])));
      return make("tr", {}, heading("row", index), ...shown);
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...columns)), make("tbody", {}, ...rows));
    table.setAttribute("aria-label", "Numbers in the table");
    return make("div", { className: "table-scroll number-table" }, table);
  }

  /** @param {Cell} cell @param {number} index */
  #cell({ number, verdict, confidence }, index) {
    if (number === null && verdict === "blank") return "";
    return this.#choice("cell", index, number ?? "?", confidence, verdict === "number");
  }

  /** @param {NonNullable<NumberReading["lines"]>} lines @param {readonly DigitInNumber[]} digits */
  #list(lines, digits) {
    const rows = lines.map(({ text, confidence, box, name }, index) => {
      const choice = this.#choice("line", index, text || UNKNOWN, confidence, digitsIn(box, digits).every(isSure));
      return make("li", {}, ...(name === undefined ? [] : [make("span", { text: name })]), choice, make("span", { className: "number-sure", text: percent(confidence) }));
    });
    const list = make("ol", { className: "number-lines" }, ...rows);
    list.setAttribute("aria-label", "Lines");
    return list;
  }

  /** @param {Item["kind"]} kind @param {number} index @param {string} text @param {number} confidence @param {boolean} sure */
  #choice(kind, index, text, confidence, sure) {
    const made = button(text, "number-choice", () => this.onChoose(kind, index));
    Object.assign(made.dataset, { choice: `${kind} ${index}`, sure: String(sure) });
    made.setAttribute("aria-pressed", "false");
    made.title = percent(confidence);
    if (!sure) made.append(make("span", { className: "number-doubt", text: "?" }), make("span", { className: "visually-hidden", text: "not sure" }));
    return made;
  }

  /** @param {readonly DigitInNumber[]} digits */
  #showDigits(digits) {
    this.#digits.replaceChildren(...digits.map((digit) => this.#itemOfDigit(digit)));
  }

  /** @param {DigitInNumber} digit */
  #itemOfDigit(digit) {
    const index = this.#reading?.digits.indexOf(digit) ?? -1;
    const { text, sure } = describeDigit(digit);
    const made = button("", "", () => this.onChoose("digit", index));
    made.append(make("span", { className: "number-digit", text }), make("span", { className: "number-sure", text: sure }));
    Object.assign(made.dataset, { choice: `digit ${index}`, verdict: digit.verdict });
    made.setAttribute("aria-pressed", "false");
    return make("li", {}, made);
  }

  /** @param {(rows: string[][]) => string} format */
  async #copy(format) {
    if (this.#reading === null) return;
    const isCopied = await copyText(format(rowsOf(this.#reading)));
    if (isCopied) showToast("export", "Copied.", "good");
    else showToast("export", "This browser does not allow pages to copy. Save the CSV file instead.");
  }

  #save() {
    if (this.#reading !== null) saveText("numbers.csv", asCsv(rowsOf(this.#reading)), "text/csv");
  }
}
