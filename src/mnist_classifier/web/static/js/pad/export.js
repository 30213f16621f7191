// @ts-check
/**
 * A reading as a grid, as text and as CSV.  Pure.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {NonNullable<NumberReading["cells"]>[number]} Cell
 */

import { layoutOf } from "./number.js";

/** A spreadsheet runs cells that begin so as formulas, unless they are plain numbers.  Source: OWASP, CSV Injection. */
const FORMULA = /^(?![+-]?\d+([.,]\d+)?$)[=+\-@\t\r\n]/;

/** The cells in rows and columns; null where the picture has no cell. @param {readonly Cell[]} cells @returns {(Cell | null)[][]} */
export function gridOf(cells) {
  const columns = Math.max(0, ...cells.map(({ column }) => column + 1));
  const rows = Math.max(0, ...cells.map(({ row }) => row + 1));
  /** @type {(Cell | null)[][]} */
  const grid = Array.from({ length: rows }, () => Array(columns).fill(null));
  for (const cell of cells) grid[cell.row][cell.column] = cell;
  return grid;
}

/** Rows of texts: those of the table, or a row for each line as it is written. @param {NumberReading} reading @returns {string[][]} */
export function rowsOf(reading) {
  const { number, text = null, lines = [], cells = [] } = reading;
  if (layoutOf(reading) === "table") return gridOf(cells).map((row) => row.map((cell) => (cell?.number ?? "").replaceAll("\n", " ")));
  if (lines.length > 0) return lines.map(({ text, name }) => (name === undefined ? [text] : [name, text]));
  return (text ?? number ?? "").split("\n").map((line) => [line]);
}

/** Text with a tab between columns. @param {readonly (readonly string[])[]} rows */
export function asText(rows) {
  return rows.map((row) => row.join("\t")).join("\n");
}

/** @param {readonly (readonly string[])[]} rows */
export function asCsv(rows) {
  return rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** @param {string} text */
function quoted(text) {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
