import assert from "node:assert/strict";
import { test } from "node:test";

import { describeDigit, describeNumber, frames, placement } from "../../src/mnist_classifier/web/static/js/pad/number.js";

const SEVEN = { box: [10, 20, 30, 40], prediction: 7, confidence: 0.998, probabilities: [], verdict: "digit", candidates: [] };
const DOUBTFUL = { ...SEVEN, prediction: 1, confidence: 0.61, verdict: "ambiguous", candidates: [1, 7] };

test("a number is told with its digits and how sure that is", () => {
  const reading = { number: "71", confidence: 0.987, verdict: "number", digits: [SEVEN, SEVEN] };
  assert.deepEqual(describeNumber(reading), { digit: "71", words: "2 digits", sure: "98.7\u00a0% sure" });
  assert.equal(describeNumber({ ...reading, verdict: "ambiguous" }).words, "2 digits, perhaps");
  assert.equal(describeNumber({ ...reading, number: "7", digits: [SEVEN] }).words, "1 digit");
});

test("nothing and no number are told as such", () => {
  const nothing = { number: null, confidence: 0, digits: [] };
  assert.deepEqual(describeNumber({ ...nothing, verdict: "blank" }), { digit: "", words: "Nothing drawn yet", sure: "" });
  assert.deepEqual(describeNumber({ ...nothing, verdict: "not_a_number" }), { digit: "?", words: "Not a number", sure: "" });
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

test("frames follow the picture and say what was read", () => {
  const [plain, doubtful] = frames([SEVEN, DOUBTFUL], { x: 210, y: 0, scale: 2 });
  assert.deepEqual(plain, { x: 226, y: 36, width: 68, height: 88, text: "7", sure: true });
  assert.equal(doubtful.sure, false);
});
