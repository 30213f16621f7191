import assert from "node:assert/strict";
import { test } from "node:test";

import { colours, curvesOf, isDrawable } from "../../src/mnist_classifier/web/static/js/training/curves.js";
import { columns, coursePoints, nearest, shortCount, trainingPoints, validationPoints } from "../../src/mnist_classifier/web/static/js/training/points.js";
import { emptyState, fractionDone, timeLeft, withEvent } from "../../src/mnist_classifier/web/static/js/training/state.js";
import { headline, promise, statusWord } from "../../src/mnist_classifier/web/static/js/training/words.js";

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

test("the curves of steps and epochs share the axis of images seen", () => {
  const state = after(["step", step(1, 50, { images: 1000 })], ["epoch", epoch(1)], ["step", step(2, 50, { images: 1000 })]);
  assert.deepEqual(trainingPoints(state, "loss"), [[500, 2], [1000, 1], [1500, 2]]);
  assert.deepEqual(validationPoints(state, "loss"), [[1000, 0.5]]);
  assert.deepEqual(coursePoints(state, "images_per_s"), [[500, 900], [1000, 1000], [1500, 900]]);
});

test("runs with different epochs and images lie over each other with every point, their ends too", () => {
  const short = after(["step", step(1, 90, { images: 1000 })], ["epoch", epoch(1)]);
  const long = after(["step", step(1, 50, { images: 400 })], ["epoch", epoch(1)], ["epoch", epoch(2)], ["epoch", epoch(3)]);
  const curves = [short, long].map((state) => trainingPoints(state, "loss"));
  assert.deepEqual(curves, [[[900, 2], [1000, 1]], [[200, 2], [400, 1], [800, 1 / 2], [1200, 1 / 3]]]);
  assert.deepEqual(columns(curves), [
    [200, 400, 800, 900, 1000, 1200], [null, null, null, 2, 1, null], [2, 1, 1 / 2, null, null, 1 / 3],
  ]);
});

test("a run that broke is grey and takes no colour from the others", () => {
  const shown = ["succeeded", "failed", "succeeded"].map((status, index) => ({ id: index + 1, status, state: after(["epoch", epoch(1)]) }));
  assert.deepEqual(colours(shown), ["--accent", "--muted", "--warn"]);
  assert.deepEqual(curvesOf(shown, "learning_rate").map(({ label, colour }) => [label, colour]), [
    ["Run 1", "--accent"], ["Run 2", "--muted"], ["Run 3", "--warn"],
  ]);
});

test("a chart appears with a line, or with the only point that there will be", () => {
  const curves = (...events) => curvesOf([{ id: 1, status: "running", state: after(...events) }], "loss");
  assert.equal(isDrawable(curves(), false), false);
  assert.equal(isDrawable(curves(["step", step(1, 50)]), false), false);
  assert.equal(isDrawable(curves(["step", step(1, 50)], ["step", step(1, 60)]), false), true);
  assert.equal(isDrawable(curves(["epoch", epoch(1)]), true), true);
});

test("the tooltip takes the nearest point of each curve, and none beside its ends", () => {
  const points = [[100, 3], [200, 2], [1000, 1]];
  assert.deepEqual(nearest(points, 160), [200, 2]);
  assert.deepEqual(nearest(points, 1010), [1000, 1]);
  assert.equal(nearest(points, 1500), null);
  assert.equal(nearest([], 1), null);
  assert.deepEqual([900, 55_000, 38_400, 825_000, 1_100_000].map(shortCount), ["900", "55k", "38.4k", "825k", "1.1M"]);
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

test("the headline says what a training does at every moment", () => {
  const queued = { status: "queued", waiting: true, message: "", planned_epochs: 4 };
  assert.equal(headline(queued, emptyState()), "Another training is running. This one starts when it ends.");
  assert.equal(statusWord(queued), "queued");
  const starting = { ...queued, waiting: false };
  assert.equal(statusWord(starting), "starting");
  assert.equal(headline(starting, after(["phase", { text: "loading PyTorch" }])), "Starting: loading PyTorch…");
  const running = { ...starting, status: "running" };
  const events = [["phase", { text: "reading the images" }], ["step", step(1, 50)]];
  assert.equal(headline(running, after(...events.slice(0, 1))), "Starting: reading the images…");
  assert.equal(headline(running, after(...events)), "Training: epoch 1 of 4.");
  const measuring = after(...events, ["epoch", epoch(4)], ["phase", { text: "reading the test images" }]);
  assert.equal(headline(running, measuring), "Reading the test images…");
  assert.equal(headline({ ...running, status: "succeeded", message: "done" }, measuring), "Done.");
});

test("before the first points one line says what comes and how long it takes", () => {
  const running = { status: "running", waiting: false };
  assert.match(promise(running, emptyState(), 14.2), /^The first curves appear in a few seconds\. The training then takes about 15\ss here\.$/);
  assert.equal(promise(running, after(["step", step(1, 50)]), 14), "");
  assert.equal(promise({ status: "queued", waiting: true }, emptyState(), 14), "");
});
