import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { boxesOf, heightOf } from "../../src/mnist_classifier/web/static/js/inside/story-layout.js";
import { largestOf, short } from "../../src/mnist_classifier/web/static/js/inside/story-numbers.js";
import { chain, placeName, size, spoken } from "../../src/mnist_classifier/web/static/js/inside/story-words.js";

const JS = new URL("../../src/mnist_classifier/web/static/js/", import.meta.url);
const CONV = { kind: "conv", block: 1, first: 0, last: 3, hasPool: true, hasRelu: true, affine: 2 };
const MADE = { products: 144, sum: 1.5, bias: -0.25, candidates: [0, 1.25, -1, 0.5], picked: 1, scale: -2, offset: 0.5, before: -2, value: 0 };

test("the story can be shown without a server", () => {
  const imports = (path) => {
    const text = readFileSync(new URL(path, JS), "utf-8");
    return [...text.matchAll(/^import\b[^;]*?from "([^"]+)"/gm)].map(([, to]) => new URL(to, new URL(path, JS)).href.slice(JS.href.length));
  };
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    imports(path).forEach(visit);
  };
  visit("inside/story.js");
  assert.ok(readdirSync(new URL("inside/", JS)).filter((name) => /^story-(?!of-)/.test(name)).every((name) => seen.has(`inside/${name}`)));
  assert.ok(!seen.has("shared/api.js"), [...seen].join(" "));
});

test("numbers fit into a cell and have a true minus sign", () => {
  assert.deepEqual([0.004, -0.004, -0.25, 12.34, -123.4].map(short), ["0.00", "0.00", "\u22120.25", "12.3", "\u2212123"]);
  assert.equal(largestOf([1, -3], [2]), 3);
  assert.equal(largestOf([0]), 1);
});

test("the calculation is told step by step, and ends with the value", () => {
  const results = chain(CONV, MADE).map(({ result }) => result);
  assert.deepEqual(results, ["1.50", "1.25", "1.25", "\u22122.00", "0.00"]);
  const words = chain(CONV, MADE).map(({ what }) => what);
  assert.equal(words[1], "minus the bias 0.25");
  assert.equal(words[2], "Pooling: the largest of four (the others are 0.00, \u22121.00, 0.50)");
  assert.equal(words[4], "ReLU: negative, so it becomes");
  assert.match(spoken("Channel 1", CONV, MADE), /^Channel 1: 0\.00\. 144 products add up to: 1\.50\./);
});

test("places count from 1", () => {
  assert.equal(placeName(CONV, { x: 8, y: 4, channel: 6 }, 14, false), "Channel 7, row 5, column 9");
  assert.equal(placeName({ ...CONV, kind: "dense" }, { x: 0, y: 0, channel: 6 }, 1, false), "Unit 7");
  assert.equal(placeName({ ...CONV, kind: "dense" }, { x: 0, y: 0, channel: 10 }, 1, true), "The score of not a digit");
  assert.equal(size({ side: 14, channels: 16, data: [] }), "16 channels of 14 by 14");
  assert.equal(size({ side: 1, channels: 1, data: [] }), "1 unit");
});

const COLUMNS = ["picture", "picture", "maps", "maps", "units", "answers"].map((kind) => ({ kind, channels: [...Array({ picture: 1, maps: 5, units: 8, answers: 11 }[kind]).keys()] }));

for (const [width, upright] of [[976, false], [560, false], [326, true]]) {
  test(`nodes of a picture ${width} px wide are inside it and apart`, () => {
    const boxes = boxesOf(COLUMNS, width);
    const height = heightOf(COLUMNS.map(({ channels }) => channels.length), width);
    assert.equal(boxes.isUpright, upright);
    const all = boxes.flat();
    assert.equal(all.length, 31);
    for (const { x, y, width: w, height: h } of all) assert.ok(x >= 0 && y >= 0 && x + w <= width && y + h <= height, JSON.stringify({ x, y, w, h }));
    const overlap = (a, b) => a.x < b.x + b.width - 0.01 && b.x < a.x + a.width - 0.01 && a.y < b.y + b.height - 0.01 && b.y < a.y + a.height - 0.01;
    assert.ok(all.every((one, i) => all.slice(i + 1).every((other) => !overlap(one, other))));
  });
}
