import assert from "node:assert/strict";
import { test } from "node:test";

import { columns, facts, inkIndex, isWorthIt } from "../../src/mnist_classifier/web/static/js/models/drift-words.js";

const INK = { value: 0.062, low: 0.06, high: 0.064, reference: 0.1 };
const PERIODS = [
  { start: "2026-03-02T10:00:00+00:00", readings: 10, doubtful: 1, ink: 0.05 },
  { start: "2026-03-02T12:00:00+00:00", readings: 4, doubtful: 4, ink: null },
];

test("ink is told against the validation images", () => {
  assert.equal(inkIndex(INK), "62");
  assert.equal(inkIndex({ ...INK, reference: null }), "–");
});

test("periods become columns; what is unknown stays a gap", () => {
  const { times, doubtful, ink } = columns({ periods: PERIODS, ink: INK });
  assert.equal(times[1] - times[0], 7200);
  assert.deepEqual(doubtful, [0.1, 1]);
  assert.deepEqual(ink, [50, null]);
  assert.deepEqual(columns({ periods: PERIODS, ink: null }).ink, [null, null]);
});

test("figures have their intervals", () => {
  const share = { value: 0.09, low: 0.07, high: 0.11, reference: 0.01 };
  const report = { readings: 1240, verdicts: { blank: 3 }, doubtful: share, low_confidence: null, ink: INK, corrections: 41 };
  const found = Object.fromEntries(facts(report));
  assert.equal(found["Digits read"], "1,240; blank pictures: 3");
  assert.equal(found["Refused or ambiguous"].replaceAll("\u00a0", " "), "9.0 % (7.0 % to 11.0 %); validation 1.0 %");
  assert.equal(found["Confidence below 90 %"], "–");
  assert.equal(found["Ink of the strokes"], "62; validation 100");
});

test("a training is offered only if it is worth it", () => {
  assert.deepEqual(["wait", "nothing", "collect", "retrain"].map((advice) => isWorthIt({ advice })), [false, false, false, true]);
});
