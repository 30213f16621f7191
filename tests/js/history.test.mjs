import assert from "node:assert/strict";
import { test } from "node:test";

import { format, History, MAX_DRAWINGS, parse } from "../../src/mnist_classifier/web/static/js/inside/history.js";

const STROKES = [{ width: 18, points: [{ x: 10.04, y: 20 }, { x: 30, y: 40.26 }] }];
const drawing = (id, strokes = STROKES) => ({ id, mode: "digit", text: "7", words: "Seven", strokes });

/** A storage of at most `room` characters. */
function keeper(room = Infinity) {
  const held = new Map();
  return {
    held,
    getItem: (key) => held.get(key) ?? null,
    removeItem: (key) => held.delete(key),
    setItem: (key, value) => {
      if (value.length > room) throw new DOMException("full", "QuotaExceededError");
      held.set(key, value);
    },
  };
}

test("drawings come back newest first, to a tenth of a unit", () => {
  const storage = keeper();
  const history = new History(() => storage);
  history.save(drawing("a"));
  history.save(drawing("b"));
  const again = new History(() => storage);
  assert.deepEqual(again.list().map(({ id }) => id), ["b", "a"]);
  assert.deepEqual(again.list()[0].strokes, [{ width: 18, points: [{ x: 10, y: 20 }, { x: 30, y: 40.3 }] }]);
});

test("a drawing that grew takes the place of what it was", () => {
  const history = new History(() => keeperOnce);
  const keeperOnce = keeper();
  history.save(drawing("a"));
  history.save({ ...drawing("a"), text: "8" });
  assert.deepEqual(history.list().map(({ text }) => text), ["8"]);
});

test("only so many are kept", () => {
  const storage = keeper();
  const history = new History(() => storage);
  for (let i = 0; i < MAX_DRAWINGS + 5; i += 1) history.save(drawing(`${i}`));
  assert.equal(history.list().length, MAX_DRAWINGS);
  assert.equal(history.list()[0].id, `${MAX_DRAWINGS + 4}`);
});

test("when the storage is full the oldest go", () => {
  const storage = keeper(format(Array(5).fill(drawing("x"))).length);
  const history = new History(() => storage);
  for (let i = 0; i < 8; i += 1) history.save(drawing(`${i}`));
  assert.deepEqual(history.list().map(({ id }) => id), ["7", "6", "5", "4", "3"]);
  assert.equal(history.isStored, true);
});

test("a storage without any room keeps the drawings of this visit", () => {
  const storage = keeper(10);
  const history = new History(() => storage);
  history.save(drawing("a"));
  history.save(drawing("b"));
  assert.deepEqual([history.list().length, history.isStored], [2, false]);
});

test("a browser that forbids storage is no failure", () => {
  const history = new History(() => {
    throw new DOMException("denied", "SecurityError");
  });
  assert.deepEqual(history.list(), []);
  history.save(drawing("a"));
  assert.deepEqual([history.list().length, history.isStored], [1, false]);
  history.clear();
  assert.deepEqual(history.list(), []);
});

test("what is not understood is left out", () => {
  for (const text of [null, "", "{", "[]", "7", '{"format": 9, "drawings": []}', '{"format": 1}']) assert.deepEqual(parse(text), []);
  const broken = [null, {}, { id: "a" }, { ...drawing("a"), strokes: [["x"]] }, { ...drawing("b"), strokes: [[18, 1]] }, { ...drawing("c"), strokes: [] }];
  const good = JSON.parse(format([drawing("d")])).drawings;
  assert.deepEqual(parse(JSON.stringify({ format: 1, drawings: [...broken, ...good] })).map(({ id }) => id), ["d"]);
});

test("a scribble that would fill the storage is not kept", () => {
  const storage = keeper();
  const history = new History(() => storage);
  history.save(drawing("a", [{ width: 18, points: Array(5000).fill({ x: 1, y: 1 }) }]));
  history.save(drawing("b", []));
  assert.deepEqual(history.list(), []);
});

test("forgetting leaves nothing", () => {
  const storage = keeper();
  const history = new History(() => storage);
  history.save(drawing("a"));
  history.clear();
  assert.deepEqual([history.list(), storage.held.size], [[], 0]);
});
