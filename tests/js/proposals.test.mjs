import assert from "node:assert/strict";
import { test } from "node:test";

import { kept, keyFor, labelName, opinion, waiting } from "../../src/mnist_classifier/web/static/js/corrections/proposal-words.js";

const READING = { prediction: 1, confidence: 0.6, verdict: "ambiguous", not_a_digit: 0 };
const NBSP = "\u00a0";

test("the model's opinion is a sentence", () => {
  assert.equal(opinion(READING), `The model says: 1 (60.0${NBSP}% sure).`);
  assert.equal(opinion({ ...READING, not_a_digit: 0.4 }), `The model says: 1 (60.0${NBSP}% sure, if it is a digit).`);
  assert.equal(opinion({ ...READING, prediction: null, verdict: "not_a_digit", not_a_digit: 0.9 }), `The model says: not a digit (90.0${NBSP}% sure).`);
});

test("keys label and skip, but shortcuts of the browser do not", () => {
  assert.deepEqual(["0", "7", "n", "N", "s", "x", "Enter", "10"].map((key) => keyFor({ key })), [0, 7, "not_a_digit", "not_a_digit", "skip", null, null, null]);
  assert.equal(keyFor({ key: "s", ctrlKey: true }), null);
});

test("the note says how many wait, and how to switch it on", () => {
  assert.match(waiting(0, false), /MNIST_PROPOSE=1/);
  assert.match(waiting(0, true), /No readings wait/);
  assert.match(waiting(1, true), /^1 uncertain reading waits/);
  assert.match(waiting(1200, false), /^1,200 uncertain readings wait/);
});

test("it says what is kept, and for how long", () => {
  assert.match(kept({ is_on: true, most: 2000, days: 0 }), /^This server stores the 28x28 pixels.*until somebody labels, skips or deletes it.*at most 2,000/);
  assert.match(kept({ is_on: false, most: 2000, days: 90 }), /^With MNIST_PROPOSE=1.*at most 90 days/);
  assert.equal(labelName("not_a_digit"), "not a digit");
});
