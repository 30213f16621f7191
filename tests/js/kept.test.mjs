import assert from "node:assert/strict";
import { test } from "node:test";

import { withMode, modeIn } from "../../src/mnist_classifier/web/static/js/pad/address.js";
import { format, Kept, parse, withoutLost } from "../../src/mnist_classifier/web/static/js/pad/kept.js";
import { Strokes } from "../../src/mnist_classifier/web/static/js/pad/strokes.js";

const PICTURE = { mode: "digit", image: "data:image/png;base64,AAAA", file: "seven.png", label: null, caption: "seven.png, 1 kB", scale: 1 };
const asStored = (backdrop) => backdrop;

/** A storage of at most `room` characters. */
function storage(room = Infinity) {
  const held = new Map();
  return {
    held,
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => {
      if (value.length > room) throw new DOMException("full", "QuotaExceededError");
      held.set(key, value);
    },
  };
}

/** A drawing of as many strokes; `undone` of them are undone. */
function drawn(count, undone = 0) {
  const strokes = new Strokes();
  for (let i = 0; i < count; i += 1) {
    strokes.add({ x: i, y: 10.25 });
    strokes.extend([{ x: i + 50, y: 200 }]);
    strokes.finish();
  }
  for (let i = 0; i < undone; i += 1) strokes.undo();
  return strokes;
}

const drawings = (digit, number = new Strokes(), mode = "digit") => ({ mode, digit: digit.timeline, number: number.timeline });

test("drawings come back with what can be undone and redone", () => {
  const found = parse(format(drawings(drawn(4, 1), drawn(2), "number"), asStored));
  assert.equal(found.mode, "number");
  const digit = Strokes.from(found.digit);
  assert.deepEqual(digit.export(), drawn(3).export());
  digit.redo();
  assert.deepEqual(digit.export(), drawn(4).export());
  for (let i = 0; i < 4; i += 1) digit.undo();
  assert.deepEqual([digit.isEmpty, digit.canUndo], [true, false]);
  assert.deepEqual(Strokes.from(found.number).export(), drawn(2).export());
});

test("an empty pad stays empty, and undo brings back what was cleared", () => {
  const cleared = drawn(2);
  cleared.clear();
  const found = Strokes.from(parse(format(drawings(cleared), asStored)).digit);
  assert.equal(found.isEmpty, true);
  found.undo();
  assert.deepEqual(found.export(), drawn(2).export());
});

test("a stroke or an erasure that is not finished yet is stored as if it were", () => {
  const open = drawn(1);
  open.add({ x: 5, y: 5 });
  const found = Strokes.from(parse(format(drawings(open), asStored)).digit);
  assert.equal(found.export().length, 2);
  found.undo();
  assert.deepEqual(found.export(), drawn(1).export());

  const erasing = drawn(1);
  erasing.startErasing({ x: 0, y: 10 });
  erasing.extend([{ x: 50, y: 200 }]);
  const erased = Strokes.from(parse(format(drawings(erasing), asStored)).digit);
  assert.equal(erased.isEmpty, true);
  erased.undo();
  assert.deepEqual(erased.export(), drawn(1).export());
});

test("a long history costs little, because sheets share their strokes", () => {
  const text = format(drawings(drawn(150)), asStored);
  assert.ok(text.length < 15_000, `${text.length} characters`);
  const found = Strokes.from(parse(text).digit);
  assert.equal(found.export().length, 150);
  let steps = 0;
  while (found.undo()) steps += 1;
  assert.equal(steps, 20);
});

test("when the storage is full, history goes before drawings and pictures before strokes", () => {
  const digit = drawn(30);
  const whole = format(drawings(digit), asStored, 0).length;
  const [tab, last] = [storage(whole), storage()];
  new Kept({ tab: () => tab, last: () => last }).write(drawings(digit), asStored);
  const found = Strokes.from(new Kept({ tab: () => tab, last: () => last }).read().digit);
  assert.deepEqual([found.export().length, found.canUndo], [30, false]);

  digit.setBackdrop({ ...PICTURE, image: `data:image/png;base64,${"A".repeat(10_000)}` });
  new Kept({ tab: () => tab, last: () => last }).write(drawings(digit), asStored);
  const { sheets, at } = new Kept({ tab: () => tab, last: () => last }).read().digit;
  assert.equal(sheets[at].backdrop.image, null);
});

test("a tab reads its own drawings, and a new tab those that changed last", () => {
  const last = storage();
  const [first, second, third] = [storage(), storage(), storage()].map((tab) => ({ tab: () => tab, last: () => last }));
  new Kept(first).write(drawings(drawn(1)), asStored);
  new Kept(second).write(drawings(drawn(2)), asStored);
  const strokesOf = (open) => Strokes.from(new Kept(open).read().digit).export().length;
  assert.deepEqual([strokesOf(first), strokesOf(second), strokesOf(third)], [1, 2, 2]);
  new Kept(first).write(drawings(drawn(3)), asStored);
  assert.deepEqual([strokesOf(second), strokesOf(third)], [2, 2]);
});

test("a page knows that another page of its tab changed the drawings", () => {
  const open = { tab: () => tab, last: () => tab };
  const tab = storage();
  const page = new Kept(open);
  assert.deepEqual([page.read(), page.isStale], [null, false]);
  page.write(drawings(drawn(1)), asStored);
  assert.equal(page.isStale, false);
  new Kept(open).write(drawings(drawn(2)), asStored);
  assert.equal(page.isStale, true);
});

test("a browser that forbids storage or has no room is no failure", () => {
  const denied = () => {
    throw new DOMException("denied", "SecurityError");
  };
  for (const open of [denied, () => storage(10)]) {
    const kept = new Kept({ tab: open, last: open });
    kept.write(drawings(drawn(1)), asStored);
    assert.deepEqual([kept.read(), kept.isStale], [null, false]);
  }
});

test("what is not understood counts as nothing", () => {
  const good = JSON.parse(format(drawings(drawn(2)), asStored));
  const broken = [
    { format: 2 },
    { mode: "letter" },
    { strokes: [[18, 1]] },
    { strokes: [[18, 1, "x"]] },
    { strokes: [[-18, 1, 1]] },
    { strokes: [[18, 1e9, 1]] },
    { digit: null },
    { digit: { at: 3, sheets: [[0]] } },
    { digit: { at: 0, sheets: [] } },
    { digit: { at: 0, sheets: [[7]] } },
    { digit: { at: 0, sheets: [0] } },
    { pictures: [{ ...PICTURE, image: "https://example.org/a.png" }] },
    { pictures: [{ ...PICTURE, label: 12 }] },
    { pictures: [null] },
  ];
  for (const text of [null, "", "{", "[]", "7", "{}"]) assert.equal(parse(text), null);
  for (const change of broken) assert.equal(parse(JSON.stringify({ ...good, ...change })), null, JSON.stringify(change));
  assert.notEqual(parse(JSON.stringify({ ...good, pictures: [PICTURE] })), null);
});

test("in place of a lost picture its page shows the drawing below it", () => {
  const strokes = drawn(1);
  strokes.setBackdrop(PICTURE);
  strokes.setBackdrop({ ...PICTURE, image: null });
  const isLost = ({ image }) => image === null;
  const above = withoutLost(strokes.timeline, isLost);
  assert.equal(above.sheets[above.at].backdrop, PICTURE);
  const below = withoutLost(strokes.timeline, () => true);
  assert.deepEqual(Strokes.from(below).export(), drawn(1).export());
  const alone = new Strokes();
  alone.setBackdrop(PICTURE);
  assert.equal(Strokes.from(withoutLost(alone.timeline, () => true)).isEmpty, true);
  assert.equal(Strokes.from(withoutLost({ sheets: [{ strokes: [], backdrop: PICTURE }], at: 0 }, () => true)).isEmpty, true);
});

test("the mode is in the address, beside what else is there", () => {
  assert.deepEqual(["?mode=number", "?mode=digit", "?mode=letter", ""].map(modeIn), ["number", "digit", null, null]);
  assert.equal(withMode("http://a/b?version=3#recent", "number"), "http://a/b?version=3&mode=number#recent");
  assert.equal(withMode("http://a/b?mode=number", "digit"), "http://a/b");
});
