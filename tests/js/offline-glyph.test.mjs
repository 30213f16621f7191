import assert from "node:assert/strict";
import { test } from "node:test";

import { prepare } from "../../src/mnist_classifier/web/static/js/offline/to-glyph.js";
import { reduced } from "../../src/mnist_classifier/web/static/js/offline/pixels.js";
import { inkBox, median, quantile, round } from "../../src/mnist_classifier/web/static/js/offline/planes.js";

const WHITE = [255, 255, 255, 255];
const BLACK = [0, 0, 0, 255];
const CLEAR = [0, 0, 0, 0];

/** A picture with rectangles on it: [left, top, width, height, colour]. */
function picture(side, paper, ...rectangles) {
  const data = new Uint8ClampedArray(side * side * 4);
  for (let i = 0; i < data.length; i += 1) data[i] = paper[i % 4];
  for (const [left, top, width, height, colour] of rectangles) {
    for (let y = top; y < top + height; y += 1) {
      for (let x = left; x < left + width; x += 1) data.set(colour, (y * side + x) * 4);
    }
  }
  return { width: side, height: side, data };
}

const codes = ({ warnings }) => warnings.map(({ code }) => code);

test("halves are rounded to the even number, as Python does", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(round).map((value) => value + 0), [0, 2, 2, 0, -2, 2, 3]);
});

test("medians and quantiles are interpolated as NumPy's", () => {
  assert.equal(median(Uint8Array.of(9, 1, 4, 100)), 6.5);
  for (let size = 1; size < 60; size += 1) {
    const values = Float32Array.from({ length: size }, (_, i) => (i * 7919 * size) % (size % 3 === 0 ? 5 : 101));
    const sorted = values.slice().sort();
    assert.equal(median(values), (sorted[size >> 1] + sorted[(size - 1) >> 1]) / 2);
  }
  assert.ok(Math.abs(quantile(Float32Array.of(0, 10, 20, 30), 0.7) - 21) < 1e-9);
});

test("a drawing fills the 20 px box, whatever its size, place and polarity", () => {
  const drawn = prepare(picture(280, BLACK, [120, 50, 30, 180, WHITE])).glyph;
  const { top, bottom } = inkBox(drawn);
  assert.deepEqual([top, bottom], [4, 24]);
  const smaller = prepare(picture(280, WHITE, [20, 100, 15, 90, BLACK])).glyph;
  assert.deepEqual(smaller.data, drawn.data);
  const clear = prepare(picture(280, CLEAR, [20, 100, 15, 90, BLACK])).glyph;
  assert.deepEqual(clear.data, drawn.data);
});

test("what is a glyph already passes unchanged", () => {
  const { glyph } = prepare(picture(280, BLACK, [120, 50, 30, 180, WHITE]));
  const rgba = Uint8ClampedArray.from({ length: 784 * 4 }, (_, i) => (i % 4 === 3 ? 255 : glyph.data[i >> 2]));
  assert.deepEqual(prepare({ width: 28, height: 28, data: rgba }).glyph.data, glyph.data);
});

test("a pale glyph becomes as strong as a drawn one", () => {
  const { glyph } = prepare(picture(280, BLACK, [120, 50, 30, 180, WHITE]));
  const rgba = Uint8ClampedArray.from({ length: 784 * 4 }, (_, i) => (i % 4 === 3 ? 255 : Math.round(glyph.data[i >> 2] * 0.6)));
  const found = prepare({ width: 28, height: 28, data: rgba }).glyph;
  assert.equal(Math.max(...found.data), 255);
  assert.ok(found.data.every((level, i) => Math.abs(level - glyph.data[i]) <= 1));
});

test("nothing drawn gives no glyph", () => {
  for (const paper of [WHITE, BLACK, CLEAR]) assert.equal(prepare(picture(280, paper)).glyph, null);
  assert.equal(prepare(picture(280, WHITE, [100, 100, 20, 90, [250, 250, 250, 255]])).glyph, null);
});

test("faint ink on a clean background is read and warned of", () => {
  const faint = prepare(picture(280, WHITE, [100, 100, 20, 90, [240, 240, 240, 255]]));
  assert.deepEqual(faint.glyph.data, prepare(picture(280, WHITE, [100, 100, 20, 90, BLACK])).glyph.data);
  assert.deepEqual(codes(faint), ["low_contrast"]);
});

test("yellow on white is looked at in blue", () => {
  const yellow = prepare(picture(280, WHITE, [120, 50, 30, 180, [255, 255, 0, 255]])).glyph;
  assert.deepEqual(yellow.data, prepare(picture(280, WHITE, [120, 50, 30, 180, BLACK])).glyph.data);
});

test("a speck far from the digit is left out", () => {
  const clean = prepare(picture(280, WHITE, [120, 100, 30, 150, BLACK]));
  const dirty = prepare(picture(280, WHITE, [120, 100, 30, 150, BLACK], [10, 10, 4, 4, BLACK]));
  assert.deepEqual(dirty.glyph.data, clean.glyph.data);
  assert.deepEqual(dirty.steps.map(({ name }) => name), ["grey", "ink", "digit", "glyph"]);
});

test("thin and thick strokes are redrawn and warned of", () => {
  const thin = prepare(picture(280, WHITE, [140, 40, 2, 200, BLACK]));
  assert.deepEqual(codes(thin), ["very_thin"]);
  assert.ok(inkBox(thin.glyph).right - inkBox(thin.glyph).left >= 2);
  const thick = prepare(picture(280, WHITE, [80, 40, 120, 200, BLACK]));
  assert.deepEqual(codes(thick), ["very_thick"]);
});

test("what may spoil a reading is told in the server's words", () => {
  assert.deepEqual(codes(prepare(picture(280, WHITE, [140, 0, 15, 100, BLACK]))), ["touches_edge"]);
  const small = prepare(picture(280, WHITE, [140, 50, 3, 15, BLACK])).warnings;
  assert.deepEqual(small, [{ code: "small", message: "the digit is small: 3 by 15 pixels" }]);
  assert.ok(codes(prepare(picture(280, WHITE, [120, 50, 30, 180, [190, 190, 190, 255]]))).includes("low_contrast"));
});

test("ink from edge to edge goes the way of photographs", () => {
  const line = prepare(picture(280, WHITE, [0, 130, 280, 20, BLACK], [100, 60, 20, 160, BLACK]));
  const names = line.steps.map(({ name }) => name);
  assert.deepEqual(names, ["grey", "background", "ink", "without_lines", "digit", "glyph"]);
});

test("a digit from edge to edge is a drawing, as one with a margin", () => {
  const one = prepare(picture(280, WHITE, [130, 0, 20, 280, BLACK], [70, 40, 60, 20, BLACK]));
  assert.deepEqual(one.steps.map(({ name }) => name), ["grey", "ink", "glyph"]);
  const grid = prepare(picture(280, WHITE, [0, 100, 280, 4, BLACK], [0, 180, 280, 4, BLACK], [70, 0, 4, 280, BLACK], [200, 0, 4, 280, BLACK], [120, 40, 20, 120, BLACK]));
  assert.ok(grid.steps.some(({ name }) => name === "without_lines"));
});

test("large pictures are averaged by blocks, the rest of a block at the edge too", () => {
  const small = reduced(picture(5, WHITE, [0, 0, 1, 1, BLACK], [4, 4, 1, 1, BLACK]), 2);
  assert.deepEqual([small.width, small.height], [3, 3]);
  assert.deepEqual([...small.data.slice(0, 4)], [191, 191, 191, 255]);
  assert.deepEqual([...small.data.slice(-4)], BLACK);
});
