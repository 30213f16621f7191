import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../src/mnist_classifier/web/static/js/shared/format.js";

/** Text with plain spaces. */
const plain = (text) => text.replaceAll("\u00a0", " ");

/** A reading that gives `share` to `digit` and the rest to `second`. */
function reading(verdict, digit, share, { prediction = digit, second = (digit + 1) % 10, candidates = [], not_a_digit = 0 } = {}) {
  const probabilities = Array(10).fill(0);
  probabilities[second] = 1 - share;
  probabilities[digit] = share;
  return { prediction, confidence: share, probabilities, verdict, candidates, not_a_digit };
}

test("percentages", async (t) => {
  const cases = [
    [0.9991, 1, "99.9 %"],
    [0, 1, "0.0 %"],
    [1, 1, "100.0 %"],
    [0.99999, 1, "> 99.9 %"],
    [0.999999, 2, "> 99.99 %"],
    [0.9964, 2, "99.64 %"],
    [null, 1, "–"],
    [undefined, 1, "–"],
    [NaN, 1, "–"],
  ];
  for (const [fraction, decimals, expected] of cases) {
    await t.test(`${fraction}`, () => assert.equal(plain(format.percent(fraction, decimals)), expected));
  }
});

test("estimated durations have one or two digits", () => {
  const shown = [0.2, 7.4, 43, 89, 91, 1000, 5000, 8000].map((seconds) => plain(format.roughDuration(seconds)));
  assert.deepEqual(shown, ["1 s", "7 s", "45 s", "90 s", "2 min", "15 min", "85 min", "2 h"]);
});

test("durations", () => {
  assert.equal(plain(format.duration(0)), "0 s");
  assert.equal(plain(format.duration(41.2)), "42 s");
  assert.equal(plain(format.duration(125)), "2 min 5 s");
  assert.equal(plain(format.duration(3720)), "1 h 2 min");
  assert.equal(format.duration(null), "–");
  assert.equal(format.duration(Infinity), "–");
});

test("counts, losses, sizes and days", () => {
  assert.equal(format.count(123456), "123,456");
  assert.equal(format.count(undefined), "–");
  assert.equal(format.loss(0.01234), "0.0123");
  assert.equal(format.loss(null), "–");
  assert.equal(plain(format.fileSize(999)), "999 B");
  assert.equal(plain(format.fileSize(34_400)), "34 kB");
  assert.equal(plain(format.fileSize(2_500_000)), "2.5 MB");
  assert.equal(format.day("2025-03-09T12:00:00+00:00"), "9 March 2025");
  assert.equal(format.day(undefined), "–");
  assert.equal(format.day("yesterday"), "–");
});

test("a score says what it was measured on", () => {
  assert.equal(plain(format.score({ accuracy: 0.9964, images: 10000 })), "99.64 % of 10,000");
  assert.equal(format.score(undefined), "not measured");
});

test("a clear digit is named with its confidence", () => {
  const { digit, words, sure } = format.describe(reading("digit", 7, 0.9991));
  assert.deepEqual([digit, words, plain(sure)], ["7", "Seven", "99.9 % sure"]);
});

test("an ambiguous reading offers its candidates", () => {
  const { digit, words, sure } = format.describe(reading("ambiguous", 4, 0.6, { second: 9, candidates: [4, 9] }));
  assert.deepEqual([digit, words, plain(sure)], ["4", "4 or 9?", "60.0 % for 4"]);
});

test("a reading may be of no digit", () => {
  const { words, sure } = format.describe(reading("ambiguous", 4, 0.6, { candidates: [4] }));
  assert.deepEqual([words, plain(sure)], ["4, or not a digit?", "60.0 % for 4, if it is a digit"]);
});

test("what is no digit gets no digit", () => {
  const { digit, words, sure } = format.describe(reading("not_a_digit", 3, 0.6, { prediction: null, not_a_digit: 0.99 }));
  assert.deepEqual([digit, words, plain(sure)], ["?", "Not a digit", "99.0 % sure"]);
});

test("a blank picture is called blank", () => {
  const blank = { prediction: null, confidence: 0, probabilities: Array(10).fill(0.1), verdict: "blank" };
  assert.deepEqual(format.describe(blank), { digit: "", words: "This picture is blank", sure: "There is nothing to read in it." });
});

test("warnings become advice, unknown ones their own words", () => {
  assert.equal(format.advice({ code: "touches_edge", message: "x" }), "The digit touches the edge. A part may be missing.");
  assert.equal(format.advice({ code: "several_digits", message: "x" }), "These seem to be several digits.");
  assert.equal(format.advice({ code: "new_one", message: "the paper is wet" }), "The paper is wet.");
});

test("stages have names", () => {
  assert.equal(format.stage("glyph"), "Scaled and centred");
  assert.equal(format.stage("some_new_stage"), "Some new stage");
});

test("a reading is held against the true label", () => {
  assert.deepEqual(format.compare(reading("digit", 7, 0.9), 7), { agrees: true, words: "Label 7: correct" });
  assert.deepEqual(format.compare(reading("digit", 7, 0.9), 1), { agrees: false, words: "Label 1: wrong" });
  const unread = reading("not_a_digit", 7, 0.3, { prediction: null });
  assert.deepEqual(format.compare(unread, 7), { agrees: false, words: "Label 7: not read" });
});

test("the server's words become sentences", () => {
  assert.equal(format.sentence("there is no image"), "There is no image.");
  assert.equal(format.sentence("Is it running?"), "Is it running?");
  assert.equal(format.sentence("no mirror answered:\n  a\n  b"), "No mirror answered:\n  a\n  b");
  assert.equal(format.sentence(""), "");
});
