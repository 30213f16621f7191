import assert from "node:assert/strict";
import { test } from "node:test";

import { cropAround, digitsIn, itemAt, itemsOf } from "../../src/mnist_classifier/web/static/js/pad/found.js";

const digit = (prediction, box, verdict = "digit") => ({ box, prediction, confidence: 0.9, probabilities: [], verdict, candidates: [prediction, 4] });
const line = (text, box) => ({ number: text, text, confidence: 0.9, box });
const cell = (row, column, box, number, verdict = "number") => ({ row, column, box, number, confidence: 0.9, verdict });

const DATE = {
  number: "73",
  confidence: 0.9,
  verdict: "number",
  digits: [digit(7, [0, 0, 20, 40]), digit(3, [60, 0, 20, 40], "ambiguous")],
  marks: [{ kind: "slash", box: [30, -5, 20, 50], confidence: 0.97 }],
};
const TWO_LINES = {
  number: "7\n3",
  confidence: 0.9,
  verdict: "number",
  digits: [digit(7, [0, 0, 20, 40]), digit(3, [0, 60, 20, 40], "ambiguous")],
  lines: [line("7", [0, 0, 20, 40]), line("3", [0, 60, 20, 40])],
};

test("digits and marks come in reading order", () => {
  assert.deepEqual(itemsOf(DATE).map(({ label }) => label), ["7", "/", "3"]);
  assert.deepEqual(itemsOf(DATE).map(({ name }) => name), ["Digit 7, 90.0\u00a0%", "Slash, 97.0\u00a0%", "Digit 3, 90.0\u00a0%, or 4"]);
});

test("a reading without lines, cells and marks has its digits", () => {
  const { number, confidence, verdict, digits } = DATE;
  assert.deepEqual(itemsOf({ number, confidence, verdict, digits }).map(({ kind }) => kind), ["digit", "digit"]);
});

test("a mark of a kind that this page does not know is an unknown mark", () => {
  const [mark] = itemsOf({ ...DATE, digits: [], marks: [{ kind: "ampersand", box: [0, 0, 9, 9], confidence: 0.5 }] });
  assert.equal(mark.name, "Unknown mark, 50.0\u00a0%");
});

test("lines are shown if there are several, and are as sure as their digits", () => {
  const lines = itemsOf(TWO_LINES).filter(({ kind }) => kind === "line");
  assert.deepEqual(lines.map(({ name, sure }) => [name, sure]), [["Line 1: 7, 90.0\u00a0%", true], ["Line 2: 3, 90.0\u00a0%", false]]);
  assert.equal(itemsOf({ ...TWO_LINES, lines: TWO_LINES.lines.slice(0, 1) }).length, 2);
});

test("a table shows its cells and not its lines", () => {
  const cells = [cell(0, 0, [0, 0, 50, 50], "7"), cell(0, 1, [50, 0, 50, 50], null, "blank"), cell(1, 0, [0, 50, 50, 50], null, "not_a_number")];
  const found = itemsOf({ ...TWO_LINES, cells }).filter(({ kind }) => kind !== "digit");
  assert.deepEqual(found.map(({ name }) => name), ["Row 1, column 1: 7, 90.0\u00a0%", "Row 1, column 2: empty", "Row 2, column 1: not a number"]);
  assert.deepEqual(found.map(({ sure }) => sure), [true, true, false]);
});

test("a click chooses the digit near it before the line around it", () => {
  const items = itemsOf({ ...TWO_LINES, lines: [line("7", [0, 0, 300, 40]), TWO_LINES.lines[1]] });
  assert.equal(itemAt(items, 10, 10, 12)?.name, "Digit 7, 90.0\u00a0%");
  assert.equal(itemAt(items, 30, 10, 12)?.kind, "digit");
  assert.equal(itemAt(items, 100, 10, 12)?.kind, "line");
  assert.equal(itemAt(items, 100, 200, 12), null);
  assert.equal(itemAt([], 1, 1, 12), null);
});

test("digits belong to the box around their middle", () => {
  assert.deepEqual(digitsIn([0, 50, 100, 40], TWO_LINES.digits), [TWO_LINES.digits[1]]);
});

test("a crop has a margin and stays inside the picture", () => {
  assert.deepEqual(cropAround([50, 50, 20, 40], 200, 200), [44, 44, 32, 52]);
  assert.deepEqual(cropAround([0, 0, 200, 100], 200, 100), [0, 0, 200, 100]);
});
