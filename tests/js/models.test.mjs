import assert from "node:assert/strict";
import { test } from "node:test";

import { COLUMNS, called } from "../../src/mnist_classifier/web/static/js/models/table.js";
import { sortedBy } from "../../src/mnist_classifier/web/static/js/shared/sorting.js";

const plain = (text) => text.replaceAll("\u00a0", " ");

/** A version with such a validation accuracy and other facts. */
function version(number, accuracy, more = {}) {
  const metrics = accuracy === null ? {} : { validation: { accuracy, images: 5000 } };
  return { version: number, name: `v${number}`, metrics, aliases: [], note: "", bytes: 2_670_000, created_at: "2026-11-22T16:11:55+00:00", ...more };
}

const VERSIONS = [version(3, 0.99), version(2, null), version(1, 0.995), version(0, 0.9962)];
const numbers = (versions) => versions.map((each) => each.version);

test("columns sort by their figures; what was not measured has none", () => {
  const by = (id) => COLUMNS.find((column) => column.id === id).value;
  assert.deepEqual(numbers(sortedBy(VERSIONS, by("validation"), true)), [0, 1, 3, 2]);
  assert.deepEqual(numbers(sortedBy(VERSIONS, by("version"), false)), [0, 1, 2, 3]);
});

test("what was not measured is no number", () => {
  const texts = Object.fromEntries(COLUMNS.map(({ id, text }) => [id, plain(text(version(2, null)))]));
  assert.equal(texts.validation, "–");
  assert.equal(texts.robustness, "–");
  assert.equal(texts.bytes, "2.7 MB");
  assert.equal(called(version(0, 1)), "0 · in the box");
});
