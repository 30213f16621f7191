import assert from "node:assert/strict";
import { test } from "node:test";

import { describeCell, heatOf, neighbourOf } from "../../src/mnist_classifier/web/static/js/explore/confusion.js";
import { figuresOf } from "../../src/mnist_classifier/web/static/js/explore/figures.js";
import { describeImage } from "../../src/mnist_classifier/web/static/js/explore/gallery.js";
import { heatPixels, placeOf, scaleOf } from "../../src/mnist_classifier/web/static/js/explore/heat.js";
import { DEFAULTS, format, pagesOf, parse, rangeOf, step, titleOf } from "../../src/mnist_classifier/web/static/js/explore/state.js";

const plain = (text) => text.replaceAll("\u00a0", " ");

/** 28 by 28 zeros with a value at some places [row, column, value]. */
function map28(...places) {
  const map = Array.from({ length: 28 }, () => Array(28).fill(0));
  for (const [row, column, value] of places) map[row][column] = value;
  return map;
}

/** 10 by 10, ten right each, with some mistakes [label, prediction, images]. */
function confusion(...mistakes) {
  const matrix = Array.from({ length: 10 }, (_, label) => Array.from({ length: 10 }, (_, prediction) => (label === prediction ? 10 : 0)));
  for (const [label, prediction, images] of mistakes) matrix[label][prediction] = images;
  return matrix;
}

test("an address that says nothing, or nonsense, is the view by default", () => {
  for (const search of ["", "?", "?version=newest&split=train&show=best&label=10&prediction=-1&page=0&image=x&digit=1.5"]) {
    assert.deepEqual(parse(search), { ...DEFAULTS });
  }
  assert.equal(format({ ...DEFAULTS }), "");
});

test("every view survives its address", () => {
  const views = [
    { version: "3", split: "validation", show: "all", label: 0, prediction: 9, page: 2, image: 0, digit: 0 },
    { ...DEFAULTS, version: "0", show: "uncertain" },
    { ...DEFAULTS, image: 9999 },
  ];
  for (const view of views) assert.deepEqual(parse(format(view)), view);
});

test("another list starts at its first page, without the open image", () => {
  const view = { ...DEFAULTS, page: 3, image: 947, digit: 8 };
  assert.deepEqual(step(view, { show: "all", label: 4, prediction: 9 }), { ...DEFAULTS, show: "all", label: 4, prediction: 9 });
  assert.deepEqual(step(view, { version: "2" }), { ...DEFAULTS, version: "2" });
  assert.deepEqual(step(view, { image: 5 }), { ...DEFAULTS, page: 3, image: 5 });
  assert.deepEqual(step(view, { image: null }), { ...DEFAULTS, page: 3 });
  assert.deepEqual(step(view, { digit: 2 }), { ...view, digit: 2 });
  assert.deepEqual(step(view, { show: view.show }), { ...view, digit: null });
});

test("lists have names", () => {
  const titles = [
    [{}, "Errors"],
    [{ show: "confident" }, "Most confident errors"],
    [{ show: "uncertain", label: 4 }, "Least confident images, label 4"],
    [{ show: "all" }, "All images"],
    [{ show: "all", label: 4, prediction: 9 }, "Label 4, read as 9"],
    [{ label: 0 }, "Errors, label 0"],
    [{ prediction: 0 }, "Errors, read as 0"],
  ];
  for (const [changes, expected] of titles) assert.equal(titleOf({ ...DEFAULTS, ...changes }), expected);
});

test("ranges and pages of a list", () => {
  assert.equal(rangeOf(1, 37), "1–24 of 37");
  assert.equal(rangeOf(2, 37), "25–37 of 37");
  assert.equal(rangeOf(2, 25), "25 of 25");
  assert.equal(rangeOf(100, 10_000), "2,377–2,400 of 10,000");
  assert.deepEqual([0, 1, 24, 25].map(pagesOf), [1, 1, 1, 2]);
});

test("a single mistake shows beside many, and nothing does not", () => {
  const matrix = confusion([4, 9, 16], [9, 4, 1]);
  assert.equal(heatOf(matrix, 4, 9), 1);
  assert.equal(heatOf(matrix, 9, 4), 0.25);
  assert.equal(heatOf(matrix, 9, 5), 0);
  assert.equal(heatOf(matrix, 0, 0), 1);
  assert.equal(heatOf(confusion([1, 7, 10]), 1, 1), 0.5);
});

test("cells say what they are", () => {
  assert.equal(describeCell(1, 4, 9), "1 image of 4 read as 9");
  assert.equal(describeCell(1134, 1, 1), "1,134 images of 1 read correctly");
});

test("arrow keys lead to the next cell that has images", () => {
  const matrix = confusion([4, 9, 3]);
  assert.deepEqual(neighbourOf(matrix, [4, 4], "ArrowRight"), [4, 9]);
  assert.deepEqual(neighbourOf(matrix, [4, 9], "ArrowDown"), [9, 9]);
  assert.deepEqual(neighbourOf(matrix, [4, 9], "ArrowLeft"), [4, 4]);
  assert.equal(neighbourOf(matrix, [4, 9], "ArrowUp"), null);
  assert.equal(neighbourOf(matrix, [0, 0], "ArrowUp"), null);
  assert.equal(neighbourOf(matrix, [0, 0], "a"), null);
});

test("figures of a split", () => {
  const summary = { images: 10_000, correct: 9963, accuracy: 0.9963, interval_95: [0.9949, 0.9973], ece: 0.00103, verdicts: { digit: 9939, ambiguous: 54, not_a_digit: 7 } };
  const words = (disputed) => figuresOf({ ...summary, disputed }).map((pair) => plain(pair.join(": ")));
  assert.ok(words({ images: 15, wrong: 7 }).includes("Errors: 37 of 10,000, 7 with a disputed label"));
  assert.ok(words({ images: 0, wrong: 0 }).includes("Errors: 37 of 10,000"));
  assert.ok(words({ images: 0, wrong: 0 }).includes("95 % interval: 99.49 % to 99.73 %"));
});

test("a thumbnail is told in words", () => {
  const image = { index: 947, label: 8, prediction: 9, confidence: 0.954, disputed: true, verdict: "digit" };
  assert.equal(plain(describeImage(image)), "Image 947: label 8, read as 9, 95.4 %, label disputed");
  const unsure = { ...image, prediction: 8, disputed: false, verdict: "not_a_digit" };
  assert.equal(plain(describeImage(unsure)), "Image 947: label 8, read correctly, 95.4 %, not a digit");
});

test("evidence is coloured by its sign and strength", () => {
  const map = map28([0, 0, 4], [0, 1, -2]);
  const scale = scaleOf(map, map28());
  assert.equal(scale, 4);
  const pixels = heatPixels(map, scale);
  assert.equal(pixels.length, 28 * 28 * 4);
  const [speaksFor, against, nothing] = [0, 1, 2].map((index) => [...pixels.slice(index * 4, index * 4 + 4)]);
  assert.ok(speaksFor[0] > speaksFor[2] && against[2] > against[0]);
  assert.ok(Math.abs(speaksFor[3] - 2 * against[3]) <= 1);
  assert.equal(nothing[3], 0);
});

test("weak evidence stays faint", () => {
  assert.equal(scaleOf(map28([3, 3, 0.01])), 1);
  assert.ok(heatPixels(map28([3, 3, 0.01]), 1).every((value, index) => index % 4 !== 3 || value < 5));
});

test("evidence has a place in words", () => {
  assert.equal(placeOf(map28()), "nowhere");
  assert.equal(placeOf(map28([5, 5, -3])), "nowhere");
  assert.equal(placeOf(map28([14, 14, 1])), "in the middle");
  assert.equal(placeOf(map28([2, 25, 1])), "at the top right");
  assert.equal(placeOf(map28([26, 14, 1])), "at the bottom");
  assert.equal(placeOf(map28([14, 1, 1])), "at the left");
});
