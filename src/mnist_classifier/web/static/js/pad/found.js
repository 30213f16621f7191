// @ts-check
/**
 * What was found in a picture: lines, cells, digits and marks, with their boxes.  Pure.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").DigitInNumber} DigitInNumber
 * @typedef {readonly [number, number, number, number]} Box  x, y, width, height in pixels of the picture
 * @typedef {"line" | "cell" | "digit" | "mark"} Kind
 * @typedef {{kind: Kind, index: number, box: Box, label: string, name: string, sure: boolean}} Item
 *   index: place in the reading; label: short, for the picture; name: in words
 */

import { percent } from "../shared/format.js";
import { describeDigit, layoutOf } from "./number.js";

/** The characters and names of marks. @type {Record<string, [string, string]>} */
const MARKS = {
  slash: ["/", "Slash"],
  opening_bracket: ["(", "Opening bracket"],
  closing_bracket: [")", "Closing bracket"],
  hyphen: ["-", "Hyphen"],
  equals: ["=", "Equals sign"],
  number_sign: ["#", "Number sign"],
  comma: [",", "Comma"],
  point: [".", "Point"],
  colon: [":", "Colon"],
  plus: ["+", "Plus sign"],
  percent: ["%", "Per cent sign"],
};
/** @type {[string, string]} */
const OTHER_MARK = ["?", "Unknown mark"];

/** Names of the kinds, in the order of the legend. @type {readonly [Kind, string][]} */
export const KINDS = [
  ["digit", "Digit"],
  ["mark", "Mark"],
  ["line", "Line"],
  ["cell", "Cell"],
];

/** The large items first, so that the small ones lie on top of them. @param {NumberReading} reading @returns {Item[]} */
export function itemsOf(reading) {
  const { digits, cells = [], marks = [] } = reading;
  return [...linesOf(reading), ...cells.map((cell, index) => itemOfCell(cell, index)), ...inReadingOrder(digits, marks)];
}

/** Lines of a table and a single line say nothing new. @param {NumberReading} reading @returns {Item[]} */
function linesOf(reading) {
  const { digits, lines = [] } = reading;
  if (layoutOf(reading) !== "lines") return [];
  return lines.map(({ box, text, confidence, name }, index) => ({
    kind: "line",
    index,
    box,
    label: "",
    name: `${name ?? `Line ${index + 1}`}: ${text}, ${percent(confidence)}`,
    sure: digitsIn(box, digits).every(isSure),
  }));
}

/** @param {NonNullable<NumberReading["cells"]>[number]} cell @param {number} index @returns {Item} */
function itemOfCell({ row, column, box, number, confidence, verdict }, index) {
  const content = number === null ? (verdict === "blank" ? "empty" : "not a number") : `${number}, ${percent(confidence)}`;
  const name = `Row ${row + 1}, column ${column + 1}: ${content}`;
  return { kind: "cell", index, box, label: "", name, sure: verdict === "number" || verdict === "blank" };
}

/** @param {readonly DigitInNumber[]} digits @param {NonNullable<NumberReading["marks"]>} marks @returns {Item[]} */
function inReadingOrder(digits, marks) {
  const items = digits.map(itemOfDigit);
  for (const [index, { kind, box, confidence }] of marks.entries()) {
    const [label, name] = MARKS[kind] ?? OTHER_MARK;
    const next = items.findIndex((each) => each.kind === "digit" && overlapsRow(each.box, box) && each.box[0] > box[0]);
    /** @type {Item} */
    const item = { kind: "mark", index, box, label, name: `${name}, ${percent(confidence)}`, sure: kind !== "other" };
    items.splice(next < 0 ? items.length : next, 0, item);
  }
  return items;
}

/** @param {DigitInNumber} digit @param {number} index @returns {Item} */
function itemOfDigit(digit, index) {
  const { text, sure } = describeDigit(digit);
  return { kind: "digit", index, box: digit.box, label: text, name: `Digit ${text}, ${sure}`, sure: isSure(digit) };
}

/** @param {{verdict: string}} digit */
export function isSure({ verdict }) {
  return verdict === "digit";
}

/** The digits whose middle is in a box. @param {Box} box @param {readonly DigitInNumber[]} digits */
export function digitsIn([left, top, width, height], digits) {
  return digits.filter(({ box: [x, y, w, h] }) => {
    const [middleX, middleY] = [x + w / 2 - left, y + h / 2 - top];
    return middleX >= 0 && middleX <= width && middleY >= 0 && middleY <= height;
  });
}

/**
 * The item at a point: the smallest around it, else the nearest digit or mark within `reach`.
 * @param {readonly Item[]} items
 * @param {number} x @param {number} y @param {number} reach  in pixels of the picture
 * @returns {Item | null}
 */
export function itemAt(items, x, y, reach) {
  const small = items.filter(({ kind }) => kind === "digit" || kind === "mark");
  const near = least(small, ({ box }) => distance(box, x, y));
  if (near !== null && distance(near.box, x, y) <= reach) return near;
  return least(items.filter(({ box }) => distance(box, x, y) === 0), ({ box: [, , width, height] }) => width * height);
}

/** How far a point is outside a box. @param {Box} box @param {number} x @param {number} y */
function distance([left, top, width, height], x, y) {
  return Math.hypot(Math.max(left - x, 0, x - left - width), Math.max(top - y, 0, y - top - height));
}

/** @template T @param {readonly T[]} values @param {(value: T) => number} measure @returns {T | null} */
function least(values, measure) {
  return values.reduce((/** @type {T | null} */ best, each) => (best === null || measure(each) < measure(best) ? each : best), null);
}

/** Whether two boxes share at least half the height of the lower one. @param {Box} first @param {Box} second */
function overlapsRow([, y, , height], [, otherY, , otherHeight]) {
  const shared = Math.min(y + height, otherY + otherHeight) - Math.max(y, otherY);
  return shared >= Math.min(height, otherHeight) / 2;
}

/**
 * The part of a picture around a box, with a margin.
 * @param {Box} box @param {number} width @param {number} height  of the picture
 * @returns {Box}
 */
export function cropAround([x, y, boxWidth, boxHeight], width, height) {
  const margin = Math.ceil(boxHeight * 0.1) + 2;
  const [left, top] = [Math.max(0, x - margin), Math.max(0, y - margin)];
  const [right, bottom] = [Math.min(width, x + boxWidth + margin), Math.min(height, y + boxHeight + margin)];
  return [left, top, Math.max(1, right - left), Math.max(1, bottom - top)];
}
