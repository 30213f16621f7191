import assert from "node:assert/strict";
import { test } from "node:test";

import { COLUMNS, seconds } from "../../src/mnist_classifier/web/static/js/training/history.js";
import { sortedBy } from "../../src/mnist_classifier/web/static/js/shared/sorting.js";

const ROWS = [{ id: 3, figure: 0.99 }, { id: 2, figure: null }, { id: 1, figure: 0.995 }, { id: 0, figure: 0.98 }];
const ids = (rows) => rows.map(({ id }) => id);
const figure = (row) => row.figure;

test("both ways, what is not known stands last", () => {
  assert.deepEqual(ids(sortedBy(ROWS, figure, true)), [1, 3, 0, 2]);
  assert.deepEqual(ids(sortedBy(ROWS, figure, false)), [0, 3, 1, 2]);
});

test("equals keep their order, and the list that was given stays as it was", () => {
  assert.deepEqual(ids(sortedBy(ROWS, () => "same", true)), [3, 2, 1, 0]);
  assert.deepEqual(ids(sortedBy(ROWS, () => undefined, false)), [3, 2, 1, 0]);
  assert.deepEqual(ids(ROWS), [3, 2, 1, 0]);
});

test("texts and dates sort as well", () => {
  assert.deepEqual(sortedBy(["fast", "best", "classic"], (name) => name, false), ["best", "classic", "fast"]);
  const began = COLUMNS.find(({ id }) => id === "began").value;
  const runs = [{ created_at: "2026-11-22T16:11:55+00:00" }, { created_at: "2026-11-22T16:11:55+01:00" }];
  assert.deepEqual(sortedBy(runs, began, false), [runs[1], runs[0]]);
});

test("a run that goes on has no duration yet", () => {
  assert.equal(seconds({ started_at: "2026-11-22T16:00:00+00:00", finished_at: "2026-11-22T16:01:30+00:00" }), 90);
  assert.equal(seconds({ started_at: "2026-11-22T16:00:00+00:00", finished_at: null }), null);
});
