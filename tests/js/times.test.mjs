import assert from "node:assert/strict";
import { test } from "node:test";

import { faultOf } from "../../src/mnist_classifier/web/static/js/training/faults.js";
import { lengthOf, secondsOf, timeText } from "../../src/mnist_classifier/web/static/js/training/times.js";

const plain = (text) => text.replaceAll(/\s/g, " ");

test("a recipe says how long it trains once that is measured", () => {
  assert.equal(plain(timeText({ state: "measured", seconds: { fast: 14.2 } }, "fast")), "About 15 s of training on this machine.");
  assert.equal(timeText({ state: "measuring", seconds: {} }, "fast"), "Measuring how long it takes here…");
});

test("a training with other epochs or fewer images takes as much more or less", () => {
  const share = lengthOf({ epochs: 4, train_images: 5500 }) / lengthOf({ epochs: 2, train_images: 0 });
  assert.equal(share, 0.2);
  assert.equal(plain(timeText({ state: "measured", seconds: { fast: 100 } }, "fast", share)), "About 20 s of training on this machine.");
});

test("a run with other settings than its recipe takes another time", () => {
  const times = { state: "measured", seconds: { fast: 100 } };
  const values = { epochs: 2, train_images: 40_000 };
  assert.equal(secondsOf({ recipe: "fast", config: { epochs: 1, train_images: 20_000 } }, times, values), 25);
  assert.equal(secondsOf({ recipe: "best", config: values }, times, values), undefined);
  assert.equal(secondsOf({ recipe: "fast" }, times, values), undefined);
});

test("a refused value is explained in the words of the page", () => {
  const fault = (value, validity) => faultOf({ value, validity: { valid: false, badInput: false, stepMismatch: false, ...validity }, min: "1", max: "1000" });
  assert.equal(fault("0", {}), "Use a number from 1 to 1000, not 0.");
  assert.equal(fault("1.5", { stepMismatch: true }), "Use a whole number, not 1.5.");
  assert.equal(fault("", { badInput: true }), "This is not a number.");
  assert.equal(faultOf({ value: "3", validity: { valid: true, badInput: false, stepMismatch: false } }), "");
});

test("beside a training nothing is measured, and the page says so", () => {
  assert.match(timeText({ state: "busy", seconds: {} }, "fast"), /after the running training/);
  assert.equal(timeText({ state: "unavailable", seconds: {} }, "fast"), "");
});
