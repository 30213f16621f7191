import assert from "node:assert/strict";
import { test } from "node:test";

import { COLUMNS, called, sorted } from "../../src/mnist_classifier/web/static/js/models-table.js";

const plain = (text) => text.replaceAll("\u00a0", " ");

/** A version with such a validation accuracy and other facts. */
function version(number, accuracy, more = {}) {
  const metrics = accuracy === null ? {} : { validation: { accuracy, images: 5000 } };
  return { version: number, name: `v${number}`, metrics, aliases: [], note: "", bytes: 2_670_000, created_at: "2026-11-22T16:11:55+00:00", ...more };
}

const VERSIONS = [version(3, 0.99), version(2, null), version(1, 0.995), version(0, 0.9962)];
const numbers = (versions) => versions.map((each) => each.version);

test("versions are sorted by any column, both ways", () => {
  assert.deepEqual(numbers(sorted(VERSIONS, { column: "version", isDescending: true })), [3, 2, 1, 0]);
  assert.deepEqual(numbers(sorted(VERSIONS, { column: "validation", isDescending: true })), [0, 1, 3, 2]);
  assert.deepEqual(numbers(sorted(VERSIONS, { column: "validation", isDescending: false })), [2, 3, 1, 0]);
});

test("among equals the newest comes first, and the list that was given stays as it was", () => {
  assert.deepEqual(numbers(sorted(VERSIONS, { column: "bytes", isDescending: true })), [3, 2, 1, 0]);
  assert.deepEqual(numbers(VERSIONS), [3, 2, 1, 0]);
});

test("what was not measured is no number", () => {
  const texts = Object.fromEntries(COLUMNS.map(({ id, text }) => [id, plain(text(version(2, null)))]));
  assert.equal(texts.validation, "–");
  assert.equal(texts.robustness, "–");
  assert.equal(texts.bytes, "2.7 MB");
  assert.equal(called(version(0, 1)), "0 · in the box");
});
