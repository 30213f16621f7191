import assert from "node:assert/strict";
import { test } from "node:test";

import { flatten } from "../../src/mnist_classifier/web/static/js/pad/curve.js";
import { distance } from "../../src/mnist_classifier/web/static/js/pad/eraser.js";
import { decode, encode } from "../../src/mnist_classifier/web/static/js/pad/link.js";
import { simplified } from "../../src/mnist_classifier/web/static/js/pad/simplify.js";

/** Numbers from 0 to 1, the same in every run.  Source: Numerical Recipes. */
function numbers(seed) {
  let state = seed;
  return () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
}

/** An eight as a mouse draws it: a point for each pixel, and a hand that trembles. */
function eight(count = 300) {
  const random = numbers(8);
  const points = Array.from({ length: count }, (_, i) => {
    const turn = (i / count) * 2 * Math.PI;
    return { x: 140 + 50 * Math.sin(2 * turn) + random(), y: 140 + 90 * Math.cos(turn) + random() };
  });
  return { width: 18, points };
}

const CORNER = { width: 10, points: [{ x: 60, y: 70 }, { x: 120.4, y: 69.9 }, { x: 200, y: 70 }, { x: 110, y: 240 }] };
const TAP = { width: 28, points: [{ x: 252.3, y: 251 }] };
const SEVEN = { mode: "digit", strokes: [CORNER, TAP] };

/** How far the farthest point of the first line is from the second. */
function apart(first, second) {
  return Math.max(...first.map((point) => Math.min(...second.slice(1).map((end, index) => distance(point, second[index], end)))));
}

test("a drawing comes back from its link to a tenth of a unit", () => {
  for (const mode of ["digit", "number"]) {
    assert.deepEqual(decode(encode({ mode, strokes: [CORNER, TAP] })), { mode, strokes: [CORNER, TAP] });
  }
});

test("a stroke that leaves the pad comes back whole", () => {
  const beyond = { width: 18, points: [{ x: -350.5, y: 12 }, { x: 900, y: -40 }] };
  assert.deepEqual(decode(encode({ mode: "number", strokes: [beyond] })).strokes, [beyond]);
});

test("the link of a usual digit has less than 2 kB and only characters that every messenger passes on", () => {
  const text = encode({ mode: "digit", strokes: [eight(), CORNER] });
  assert.ok(text.length < 1000, `${text.length} characters`);
  assert.match(text, /^[\w-]+$/);
});

test("a link would rather leave out points than become long", () => {
  const many = eight(1500);
  const text = encode({ mode: "digit", strokes: [many] });
  assert.ok(text.length < 2000, `${text.length} characters`);
  const [{ points }] = decode(text).strokes;
  assert.ok(apart(flatten(many.points), flatten(points)) < 0.5);
});

test("a simplified stroke has fewer points and the same line", () => {
  for (const stroke of [eight(), CORNER]) {
    const less = simplified(stroke, 0.25);
    assert.ok(less.points.length <= stroke.points.length);
    assert.ok(apart(flatten(stroke.points), flatten(less.points)) < 0.5);
    assert.ok(apart(flatten(less.points), flatten(stroke.points)) < 0.5);
  }
  assert.ok(simplified(eight(), 0.25).points.length < 225);
  assert.deepEqual(simplified(TAP, 0.25), TAP);
});

test("simplification keeps a corner and a line that comes back", () => {
  const [left, right] = [{ x: 40, y: 100 }, { x: 240, y: 100 }];
  const there = Array.from({ length: 50 }, (_, i) => ({ x: 40 + 4 * i, y: 100 }));
  const stroke = { width: 18, points: [...there, right, ...there.slice().reverse()] };
  const reach = Math.max(...flatten(simplified(stroke, 0.25).points).map(({ x }) => x));
  assert.ok(reach > 238, `${reach}`);
  assert.deepEqual(simplified(stroke, 0.25).points.at(-1), left);
});

test("a drawing that is too long for a link gives none", () => {
  const random = numbers(1);
  const scribble = { width: 18, points: Array.from({ length: 9000 }, () => ({ x: 280 * random(), y: 280 * random() })) };
  assert.equal(encode({ mode: "digit", strokes: [scribble] }), null);
});

test("a link with one wrong, missing or extra character shows no drawing", () => {
  const text = encode(SEVEN);
  const letters = "ABCXYZabcxyz019-_.%/# é";
  for (let at = 0; at < text.length; at += 1) {
    assert.equal(decode(text.slice(0, at)), null);
    for (const letter of letters) if (letter !== text[at]) assert.equal(decode(text.slice(0, at) + letter + text.slice(at + 1)), null);
  }
  for (const letter of letters) assert.equal(decode(text + letter), null);
});

/** Bytes as a link, with the right checksum, so that only the checks behind it can refuse them. */
function sealed(bytes) {
  let sum = 0xffff;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) sum = ((sum << 1) ^ (sum & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return Buffer.from([...bytes, sum >> 8, sum & 255]).toString("base64url");
}

test("a hostile link with a right checksum is refused", () => {
  const hostile = {
    "nothing in it": [1, 0],
    "another format": [2, 0, 100, 1, 0, 0],
    "another mode": [1, 2, 100, 1, 0, 0],
    "no width": [1, 0, 0, 1, 0, 0],
    "a huge width": [1, 0, 255, 255, 255, 127, 1, 0, 0],
    "no points": [1, 0, 100, 0],
    "more points than bytes": [1, 0, 100, 255, 255, 255, 127, 0, 0],
    "a point far away": [1, 0, 100, 1, 255, 255, 255, 127, 0],
    "a number without an end": [1, 0, 100, 1, 255, 255, 255, 255, 255, 255, 0],
    "half a point": [1, 0, 100, 1, 0],
    "a stroke after the last": [1, 0, 100, 1, 0, 0, 100],
  };
  for (const [what, bytes] of Object.entries(hostile)) assert.equal(decode(sealed(bytes)), null, what);
  assert.notEqual(decode(sealed([1, 0, 100, 1, 0, 0])), null);
  assert.equal(decode("A".repeat(10_000_000)), null);
});

test("twenty thousand random links raise nothing, and whatever they show can be drawn", () => {
  const random = numbers(22);
  const start = Buffer.from(encode(SEVEN), "base64url").subarray(0, -2);
  let shown = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const bytes = i % 2 === 0 ? Array.from({ length: 2 + 40 * random() }, () => 256 * random()) : [...start];
    if (i % 2 === 1) for (let j = 0; j < 3; j += 1) bytes[Math.floor(bytes.length * random())] = 256 * random();
    if (i % 4 === 0) bytes.splice(0, 2, 1, 0);
    const drawing = decode(sealed(bytes.map(Math.floor)));
    if (drawing === null) continue;
    shown += 1;
    assert.ok(["digit", "number"].includes(drawing.mode));
    assert.ok(drawing.strokes.every(({ width, points }) => width > 0 && width <= 100 && points.length > 0));
    assert.ok(drawing.strokes.flatMap(({ points }) => points).every(({ x, y }) => Math.hypot(x, y) < 20_000));
    assert.notEqual(encode(drawing), "");
  }
  assert.ok(shown > 100, `${shown} of them showed a drawing`);
});
