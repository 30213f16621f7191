import assert from "node:assert/strict";
import { test } from "node:test";

import { alternatives, asWritten, describeDigit, describeNumber, layoutOf, onPad, placement } from "../../src/mnist_classifier/web/static/js/pad/number.js";

const SEVEN = { box: [10, 20, 30, 40], prediction: 7, confidence: 0.998, probabilities: [], verdict: "digit", candidates: [] };
const DOUBTFUL = { ...SEVEN, prediction: 1, confidence: 0.61, verdict: "ambiguous", candidates: [1, 7] };
const NUMBER = { number: "71", confidence: 0.987, verdict: "number", digits: [SEVEN, SEVEN] };
const CELL = { row: 0, column: 0, box: [0, 0, 9, 9], number: "7", confidence: 0.9, verdict: "number" };
const LINE = { number: "7", text: "7", confidence: 0.9, box: [0, 0, 9, 9] };

test("a number is told with its digits and how sure that is", () => {
  assert.deepEqual(describeNumber(NUMBER), { digit: "71", words: "2 digits", sure: "98.7\u00a0% sure" });
  assert.equal(describeNumber({ ...NUMBER, verdict: "ambiguous" }).words, "2 digits, perhaps");
  assert.equal(describeNumber({ ...NUMBER, number: "7", digits: [SEVEN] }).words, "1 digit");
});

test("a page is told with its lines, a table with its rows and columns", () => {
  assert.equal(describeNumber({ ...NUMBER, lines: [LINE, LINE] }).words, "2 lines, 2 digits");
  assert.equal(describeNumber({ ...NUMBER, cells: [CELL, { ...CELL, column: 2, number: "71" }] }).words, "1 row, 3 columns");
});

test("one line or one cell is a plain number", () => {
  assert.equal(layoutOf({ ...NUMBER, lines: [LINE], cells: [CELL] }), "number");
  assert.equal(layoutOf(NUMBER), "number");
  assert.equal(layoutOf({ ...NUMBER, lines: [LINE, LINE], cells: [CELL, { ...CELL, row: 1 }] }), "table");
});

test("a row of boxes with a digit each is one number", () => {
  const boxes = [CELL, { ...CELL, column: 1, number: null }, { ...CELL, column: 2 }];
  assert.equal(layoutOf({ ...NUMBER, lines: [LINE], cells: boxes }), "number");
  assert.equal(layoutOf({ ...NUMBER, cells: [...boxes, { ...CELL, column: 3, number: "12" }] }), "table");
});

test("nothing and no number are told as such", () => {
  const nothing = { number: null, confidence: 0, digits: [] };
  const blank = { digit: "", words: "This picture is blank", sure: "There is nothing to read in it." };
  assert.deepEqual(describeNumber({ ...nothing, verdict: "blank" }), blank);
  assert.equal(describeNumber({ ...nothing, verdict: "blank", lines: [LINE, LINE] }).words, "All fields are empty");
  assert.deepEqual(describeNumber({ ...nothing, verdict: "not_a_number" }), { digit: "?", words: "Not a number", sure: "" });
});

test("the text is shown only if it has more than the number", () => {
  assert.equal(asWritten({ ...NUMBER, number: "120724", text: "12/07/24" }), "Written 12/07/24");
  assert.equal(asWritten({ ...NUMBER, text: "71" }), "");
  assert.equal(asWritten(NUMBER), "");
});

test("other candidates are shown with their probability, the number itself and hopeless ones are not", () => {
  const candidates = [
    { number: "71", probability: 0.87 },
    { number: "77", probability: 0.12 },
    { number: "7\n1", probability: 0.006 },
    { number: "11", probability: 0.001 },
  ];
  assert.deepEqual(alternatives({ ...NUMBER, candidates }), ["or 77, 12\u00a0%", "or 7 / 1, 1\u00a0%"]);
  assert.deepEqual(alternatives(NUMBER), []);
});

test("a doubtful digit names the other that it may be", () => {
  assert.deepEqual(describeDigit(SEVEN), { text: "7", sure: "99.8\u00a0%" });
  assert.deepEqual(describeDigit(DOUBTFUL), { text: "1", sure: "61.0\u00a0%, or 7" });
  assert.deepEqual(describeDigit({ ...DOUBTFUL, candidates: [1] }).sure, "61.0\u00a0%, or not a digit");
  assert.equal(describeDigit({ ...SEVEN, prediction: null, verdict: "not_a_digit" }).text, "?");
});

test("a picture lies in the middle of the pad, as large as fits", () => {
  assert.deepEqual(placement(700, 280, 700, 280), { x: 0, y: 0, scale: 1 });
  assert.deepEqual(placement(140, 140, 700, 280), { x: 210, y: 0, scale: 2 });
  assert.deepEqual(placement(1400, 100, 700, 280), { x: 0, y: 115, scale: 0.5 });
});

test("boxes follow the picture on the pad", () => {
  assert.deepEqual(onPad([35, 14, 70, 28], { x: 210, y: 0, scale: 2 }, { width: 700, height: 280 }), { left: 40, top: 10, width: 20, height: 20 });
});
