import assert from "node:assert/strict";
import { test } from "node:test";

import { timeText } from "../../src/mnist_classifier/web/static/js/training/times.js";

const plain = (text) => text.replaceAll(/\s/g, " ");

test("a recipe says how long it trains once that is measured", () => {
  assert.equal(plain(timeText({ state: "measured", seconds: { fast: 14.2 } }, "fast")), "About 15 s of training on this machine.");
  assert.equal(timeText({ state: "measuring", seconds: {} }, "fast"), "Measuring how long it takes here…");
});

test("without a measurement nothing is said", () => {
  assert.equal(timeText({ state: "busy", seconds: {} }, "fast"), "");
  assert.equal(timeText({ state: "unavailable", seconds: {} }, "fast"), "");
});
