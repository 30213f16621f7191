import assert from "node:assert/strict";
import { test } from "node:test";

import { Network } from "../../src/mnist_classifier/web/static/js/offline/network.js";
import { Recogniser } from "../../src/mnist_classifier/web/static/js/offline/read-digit.js";
import { File, GLYPH } from "./model-file.mjs";

function at(features, side, channels, y, x, channel) {
  return y < 0 || x < 0 || y >= side || x >= side ? 0 : features[(y * side + x) * channels + channel];
}

/** The plain definition of a convolution. */
function convolved(features, side, channels, kernel, { values, added }) {
  const half = (kernel - 1) / 2;
  const result = [];
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      values.forEach((weights, row) => {
        let total = added[row];
        weights.forEach((weight, i) => {
          const [channel, place] = [i % channels, Math.floor(i / channels)];
          total += weight * at(features, side, channels, y + Math.floor(place / kernel) - half, x + (place % kernel) - half, channel);
        });
        result.push(total);
      });
    }
  }
  return result;
}

function assertClose(found, expected) {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-9 * (1 + Math.abs(value)), `${i}: ${found[i]} ${value}`));
}

const INK = [...GLYPH].map((level) => level / 255 - 0.25);

for (const [kernel, outputs] of [[3, 16], [5, 11], [1, 3]]) {
  test(`a convolution of ${kernel}x${kernel} with ${outputs} outputs is what its definition says`, () => {
    const file = new File();
    const layer = file.matrix(outputs, kernel * kernel);
    file.layers.push({ op: "conv", kernel, matrix: layer.matrix });
    assertClose(new Network(file.buffer()).logits(GLYPH), convolved(INK, 28, 1, kernel, layer));
  });
}

test("convolutions follow each other, channels last", () => {
  const file = new File();
  const first = file.matrix(5, 9);
  const second = file.matrix(9, 45, { bias: false, seed: 3 });
  file.layers.push({ op: "conv", kernel: 3, matrix: first.matrix }, { op: "relu" }, { op: "conv", kernel: 3, matrix: second.matrix });
  const between = convolved(INK, 28, 1, 3, first).map((value) => Math.max(value, 0));
  assertClose(new Network(file.buffer()).logits(GLYPH), convolved(between, 28, 5, 3, second));
});

test("a pool takes the largest of four, and each channel its scale and offset", () => {
  const file = new File();
  const [scale, offset] = [Float32Array.of(-2), Float32Array.of(0.5)];
  file.layers.push({ op: "pool" }, { op: "affine", count: 1, scale: file.store(scale), offset: file.store(offset) });
  const found = new Network(file.buffer()).logits(GLYPH);
  assert.equal(found.length, 196);
  assertClose([found[15]], [-2 * Math.max(INK[58], INK[59], INK[86], INK[87]) + 0.5]);
});

test("a pool leaves an odd row and column out", () => {
  const file = new File();
  file.layers.push({ op: "pool" }, { op: "pool" }, { op: "pool" });
  assert.equal(new Network(file.buffer()).logits(GLYPH).length, 9);
});

test("squares of pixels become channels", () => {
  const file = new File();
  file.layers.push({ op: "patches", patch: 2 });
  const found = new Network(file.buffer()).logits(GLYPH);
  assertClose(found.slice(4, 8), [INK[2], INK[3], INK[30], INK[31]]);
});

test("a file of another kind and an unknown layer are refused", () => {
  assert.throws(() => new Network(new ArrayBuffer(16)), /not in the format/);
  assert.throws(() => new Network(new ArrayBuffer(3)), /not in the format/);
  const file = new File();
  file.layers.push({ op: "attention" });
  assert.throws(() => new Network(file.buffer()), /does not know: attention/);
});

/** A recogniser whose logits are these, whatever it is shown. */
function saying(logits, header) {
  const file = new File();
  const [weights, scales] = [file.store(new Int16Array(784 * logits.length)), file.store(new Float32Array(logits.length))];
  const matrix = { rows: logits.length, columns: 784, weights, scales, bias: file.store(Float32Array.from(logits)) };
  file.layers.push({ op: "dense", matrix });
  return new Recogniser(file.buffer(header)).readGlyph(GLYPH);
}

test("the temperature softens the ten, and not the eleventh", () => {
  const reading = saying([6, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
  const odds = [3, 1, 0, 0, 0, 0, 0, 0, 0, 0].map(Math.exp);
  const total = odds.reduce((a, b) => a + b);
  assertClose(reading.probabilities, odds.map((each) => each / total));
  assert.deepEqual([reading.prediction, reading.verdict, reading.candidates], [0, "digit", []]);
  const thresholds = { ambiguous_below: 0.3, not_a_digit_above: 0.5 };
  assert.equal(saying([0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 5.8], { thresholds }).verdict, "digit");
});

test("verdicts follow the thresholds of the model", () => {
  const doubtful = saying([0, 4, 0, 0, 0, 0, 0, 3, 0, 0]);
  assert.deepEqual([doubtful.prediction, doubtful.verdict, doubtful.candidates], [1, "ambiguous", [1, 7]]);
  const uncertain = saying([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
  assert.deepEqual([uncertain.prediction, uncertain.verdict, uncertain.candidates], [1, "ambiguous", [1]]);
  const strange = saying([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
  assert.deepEqual([strange.prediction, strange.verdict], [null, "not_a_digit"]);
  const thresholds = { ambiguous_below: 0, not_a_digit_above: 1 };
  assert.equal(saying([0, 4, 0, 0, 0, 0, 0, 3, 0, 0, 9], { thresholds }).verdict, "digit");
});
