import assert from "node:assert/strict";
import { test } from "node:test";

import { course, curves, emptyState, fractionDone, overlay, timeLeft, withEvent } from "../../src/mnist_classifier/web/static/js/training/state.js";

const at = "2026-01-01T00:00:00+00:00";

function epoch(number, more = {}) {
  return {
    epoch: number, epochs: 4, train_loss: 1 / number, train_accuracy: 0.9, validation_loss: 0.5 / number,
    validation_accuracy: 0.95, learning_rate: 0.001, images_per_s: 1000, elapsed_s: 10 * number, ...more,
  };
}

function step(epoch, done, more = {}) {
  return { epoch, step: done, steps: 100, loss: 2, accuracy: 0.5, images_per_s: 900, learning_rate: 0.0005, ...more };
}

function after(...events) {
  return events.reduce((state, [kind, data], index) => withEvent(state, { id: index + 1, kind, at, data }), emptyState());
}

test("an event that came already changes nothing", () => {
  const state = after(["epoch", epoch(1)]);
  assert.equal(withEvent(state, { id: 1, kind: "epoch", at, data: epoch(2) }), state);
});

test("an epoch that is done again after a resume counts once", () => {
  const state = after(["epoch", epoch(1)], ["epoch", epoch(2)], ["epoch", epoch(2, { validation_loss: 0.1 })]);
  assert.deepEqual(state.epochs.map(({ epoch, validation_loss }) => [epoch, validation_loss]), [[1, 0.5], [2, 0.1]]);
});

test("steps before a resume make room for those after it", () => {
  const state = after(["step", step(1, 50)], ["step", step(1, 90)], ["step", step(1, 60)]);
  assert.deepEqual(state.steps.map(({ at }) => at), [0.5, 0.6]);
});

test("the curves of steps and epochs share an axis", () => {
  const state = after(["step", step(1, 50)], ["epoch", epoch(1)], ["step", step(2, 50)]);
  assert.deepEqual(curves(state, "loss"), [[0.5, 1, 1.5], [2, 1, 2], [null, 0.5, null]]);
  assert.deepEqual(course(state, "images_per_s"), [[0.5, 1, 1.5], [900, 1000, 900]]);
});

test("runs of different lengths lie over each other", () => {
  const states = [after(["epoch", epoch(1)]), after(["epoch", epoch(1)], ["epoch", epoch(2)])];
  assert.deepEqual(overlay(states, "validation_loss"), [[1, 2], [0.5, null], [0.5, 0.25]]);
});

test("how far a run is, and how long it will take", () => {
  const run = { planned_epochs: 4 };
  assert.equal(fractionDone(emptyState(), 4), 0);
  assert.equal(timeLeft(emptyState(), run), null);
  const first = after(["step", step(1, 50, { images: 9000 })]);
  assert.equal(timeLeft(first, run), 35); // 3.5 epochs of 10 s
  const state = after(["epoch", epoch(1)], ["step", step(2, 50)]);
  assert.equal(fractionDone(state, 4), 0.375);
  assert.equal(timeLeft(state, run), 25);
});

test("the log tells what people want to know", () => {
  const state = after(["status", { status: "running" }], ["epoch", epoch(1)], ["message", { text: "measuring" }]);
  assert.deepEqual(state.log.map(({ text }) => text), ["running", "Epoch 1 of 4 done", "measuring"]);
});
