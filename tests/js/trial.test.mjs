import assert from "node:assert/strict";
import { test } from "node:test";

import { trialName, trialText } from "../../src/mnist_classifier/web/static/js/training/trial.js";

const trial = { search: "fast-1a2b3c", number: 3, stage: "search", values: { learning_rate: 0.03, batch_size: 96 }, losses: [], loss: null };

test("a trial is named by its search and its number", () => {
  assert.equal(trialName(trial, 0), "trial 3 of fast-1a2b3c");
  assert.equal(trialName({ ...trial, stage: "final" }, 2), "trial 3 of fast-1a2b3c, seed 2");
});

test("a trial shows what it varies and the latest loss that it has", () => {
  assert.equal(trialText(trial), "learning rate 0.03, batch size 96.");
  assert.match(trialText({ ...trial, losses: [0.5, 0.25] }), / Calibrated validation loss 0\.25/);
  assert.match(trialText({ ...trial, losses: [0.2, 0.25], loss: 0.2 }), / Calibrated validation loss 0\.2\d*\.$/);
});
