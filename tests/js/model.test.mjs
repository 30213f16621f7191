import assert from "node:assert/strict";
import { test } from "node:test";

import { modelLine } from "../../src/mnist_classifier/web/static/js/shared/model.js";

const TEST_SCORE = { accuracy: 0.9964, images: 10000, correct: 9964 };
const plain = (text) => text.replaceAll("\u00a0", " ");

test("the line names the model in the box and its test accuracy", () => {
  const model = { version: 0, name: "pretrained", metrics: { test: TEST_SCORE } };
  assert.equal(
    plain(modelLine({ status: "ready", model, training: null })),
    "Read by the model in the box. Test accuracy: 99.64 % of 10,000 images.",
  );
});

test("a model that was not measured makes no claim", () => {
  const model = { version: 2, name: "classic-2", metrics: {} };
  assert.equal(modelLine({ status: "ready", model, training: null }), "Read by version 2 (classic-2).");
});

test("without a model the line says what to do", () => {
  assert.equal(modelLine({ status: "no_model", model: null, training: null }), "There is no model yet. Train one.");
  assert.equal(modelLine({ status: "training", model: null, training: null }), "The first model is training.");
});
