import assert from "node:assert/strict";
import { test } from "node:test";

import { findCuts, split } from "../../src/mnist_classifier/web/static/js/offline/numbers/cuts.js";
import { bestPath } from "../../src/mnist_classifier/web/static/js/offline/numbers/grouping.js";
import { findCandidates, linesOfInk, linesOfStrokes, runWidth } from "../../src/mnist_classifier/web/static/js/offline/numbers/segmentation.js";
import { groupLines } from "../../src/mnist_classifier/web/static/js/offline/numbers/text-lines.js";
import { floats, maskOf, sum } from "../../src/mnist_classifier/web/static/js/offline/planes.js";

/** Ink with filled boxes [left, top, width, height]. */
function inkOf(width, height, ...boxes) {
  const ink = floats(width, height);
  for (const [left, top, wide, high] of boxes) {
    for (let y = top; y < top + high; y += 1) ink.data.fill(1, y * width + left, y * width + left + wide);
  }
  return ink;
}

test("stroke width is that of the bar, whichever way it runs", () => {
  assert.equal(runWidth(maskOf(inkOf(40, 40, [5, 2, 4, 30]), 0.5)), 4);
  assert.equal(runWidth(maskOf(inkOf(40, 40, [2, 5, 30, 4]), 0.5)), 4);
});

test("a bridge between two bars is cut, and no ink is lost", () => {
  const ink = inkOf(30, 40, [2, 0, 4, 40], [6, 18, 16, 4], [22, 0, 4, 40]);
  const cuts = findCuts(ink, 4);
  assert.ok(cuts.length >= 1);
  assert.equal(split(ink, cuts).reduce((total, part) => total + sum(part), 0), sum(ink));
});

test("lines are read from the top, pieces from the left, and specks belong to the nearest line", () => {
  const lines = linesOfInk(inkOf(200, 130, [90, 2, 4, 40], [30, 0, 4, 40], [60, 80, 4, 40], [100, 82, 4, 40], [110, 116, 4, 4]));
  assert.deepEqual(lines.map(({ pieces }) => pieces.map(({ left }) => left)), [[30, 90], [60, 100, 110]]);
  assert.deepEqual(lines.map(({ height }) => height), [40, 40]);
});

test("a part between two lines joins the nearer one", () => {
  const part = (top, left, size = 20) => ({ top, bottom: top + size, left, right: left + size });
  const [first, second, low] = [part(0, 0), part(60, 0), part(52, 30, 4)];
  assert.deepEqual(groupLines([low, second, first], 20), [[first], [second, low]]);
});

test("each pen stroke is a piece, with the ink of a crossing in both", () => {
  const ink = inkOf(60, 60, [28, 5, 4, 50], [10, 28, 40, 4]);
  const [{ pieces }] = linesOfStrokes(ink, [
    [[30, 7], [30, 53]],
    [[12, 30], [48, 30]],
  ]);
  assert.equal(pieces.length, 2);
  assert.ok(pieces.reduce((total, piece) => total + sum(piece.ink), 0) > sum(ink));
  assert.deepEqual(findCandidates({ pieces, height: 50 }).map(({ start, end }) => [start, end]), [[0, 1], [0, 2], [1, 2]]);
});

test("the best path weighs one wide digit against two narrow ones", () => {
  const box = /** @type {const} */ ([0, 0, 9, 9]);
  const candidates = [{ start: 0, end: 1, box }, { start: 0, end: 2, box }, { start: 1, end: 2, box }];
  const scores = (digit, score) => Array.from({ length: 11 }, (_, label) => (label === digit ? score : label === 10 ? -Infinity : -20));
  const apart = bestPath(candidates, [scores(1, -1), scores(4, -5), scores(7, -1)], 2);
  assert.equal(apart.numbers[0].number, "17");
  assert.deepEqual(apart.edges, [{ candidate: 0, digit: 1 }, { candidate: 2, digit: 7 }]);
  const together = bestPath(candidates, [scores(1, -4), scores(4, -1), scores(7, -4)], 2);
  assert.equal(together.numbers[0].number, "4");
  assert.ok(Math.abs(together.numbers.reduce((total, { probability }) => total + probability, 0) - 1) < 1e-6);
});

test("a speck can be left out", () => {
  const box = /** @type {const} */ ([0, 0, 9, 9]);
  const digit = Array.from({ length: 11 }, (_, label) => (label === 3 ? 0 : -Infinity));
  const speck = Array.from({ length: 11 }, (_, label) => (label === 10 ? -1 : -9));
  const { edges, numbers } = bestPath([{ start: 0, end: 1, box }, { start: 1, end: 2, box }], [digit, speck], 2);
  assert.equal(numbers[0].number, "3");
  assert.deepEqual(edges, [{ candidate: 0, digit: 3 }]);
});
