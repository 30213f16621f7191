import assert from "node:assert/strict";
import { test } from "node:test";

import { Network } from "../../src/mnist_classifier/web/static/js/offline/network.js";
import { byActivity, made, outputOf, peakOf, stagesOf, valueAt } from "../../src/mnist_classifier/web/static/js/offline/stages.js";
import { File, GLYPH } from "./model-file.mjs";

const HIDDEN = 6;

/** Like a recipe's network: patches, two blocks of one and two layers, two connected layers. */
function network({ patch, kernel = 3, second = 2 }) {
  const file = new File();
  const add = (op, rows, columns, fields, options) => file.layers.push({ op, ...fields, matrix: file.matrix(rows, columns, options).matrix });
  const affine = (count) => {
    const [scale, offset] = [[2, -1, 0.5], [-0.5, 0.25, 1]].map((each) => file.store(Float32Array.from({ length: count }, (_, i) => each[i % 3])));
    file.layers.push({ op: "affine", count, scale, offset });
  };
  if (patch > 1) file.layers.push({ op: "patches", patch });
  add("conv", 4, kernel * kernel * patch * patch, { kernel }, { bias: false });
  file.layers.push({ op: "pool" });
  affine(4);
  file.layers.push({ op: "relu" });
  let channels = 4;
  for (let layer = 1; layer <= second; layer += 1) {
    add("conv", 5, 9 * channels, { kernel: 3 }, { bias: layer < second, seed: layer });
    channels = 5;
    if (layer === second) {
      file.layers.push({ op: "pool" });
      affine(5);
    }
    file.layers.push({ op: "relu" });
  }
  const side = Math.floor(28 / patch / 4);
  add("dense", HIDDEN, side * side * 5, {}, { seed: 9 });
  file.layers.push({ op: "relu" });
  add("dense", 11, HIDDEN, {}, { seed: 4 });
  return new Network(file.buffer());
}

function assertNear(found, expected, words) {
  assert.ok(Math.abs(found - expected) < 1e-9 * (1 + Math.abs(expected)), `${words}: ${found} ${expected}`);
}

for (const shape of [{ patch: 1, kernel: 5 }, { patch: 2 }, { patch: 4, second: 1 }]) {
  test(`the parts of every value add up to it, with patches of ${shape.patch}`, () => {
    const net = network(shape);
    const trace = net.trace(GLYPH);
    for (const stage of stagesOf(net).filter(({ kind }) => kind !== "patches")) {
      const { side, channels } = outputOf(trace, stage);
      for (let channel = 0; channel < channels; channel += 1) {
        for (const x of [0, side >> 1, side - 1]) {
          const place = { x, y: side - 1 - x, channel };
          const found = made(net, trace, stage, place);
          assertNear(found.sum + found.bias, found.candidates[found.picked], "sum");
          assertNear(stage.hasRelu ? Math.max(0, found.before) : found.before, found.value, "value");
          assert.equal(found.value, valueAt(outputOf(trace, stage), place));
          for (const part of found.parts) assertNear(part.values.reduce((sum, value, i) => sum + value * part.weights[i], 0), part.total, "part");
        }
      }
    }
  });
}

test("a convolution of patches is one larger kernel on the glyph", () => {
  const net = network({ patch: 2 });
  const [, first] = stagesOf(net);
  const { parts, products, source } = made(net, net.trace(GLYPH), first, { x: 3, y: 2, channel: 1 });
  assert.deepEqual([parts.length, parts[0].side, products, source.side], [1, 6, 36, 28]);
  assert.ok(parts[0].left % 2 === 0 && parts[0].left >= 10 && parts[0].left <= 12);
  assert.equal(parts[0].values[0], valueAt(source, { x: parts[0].left, y: parts[0].top, channel: 0 }));
});

test("stages name their block, and a pool ends it", () => {
  const kinds = stagesOf(network({ patch: 2 })).map(({ kind, block, hasPool, hasRelu }) => [kind, block, hasPool, hasRelu]);
  const expected = [["patches", 0, false, false], ["conv", 1, true, true], ["conv", 2, false, true], ["conv", 2, true, true]];
  assert.deepEqual(kinds, [...expected, ["dense", 0, false, true], ["dense", 0, false, false]]);
});

test("the trace ends with the logits", () => {
  const net = network({ patch: 1 });
  assert.deepEqual(net.trace(GLYPH).at(-1).data, net.logits(GLYPH));
});

test("channels are ordered by what the drawing adds to an empty picture", () => {
  const empty = { side: 2, channels: 2, data: Float64Array.of(9, 0, 9, 0, 9, 0, 9, 0) };
  const drawn = { side: 2, channels: 2, data: Float64Array.of(9, 0, 8, 0, 9, 3, 9, 1) };
  assert.deepEqual(byActivity(drawn, empty), [1, 0]);
  assert.deepEqual(peakOf(drawn, empty, 1), { x: 0, y: 1, channel: 1 });
});
