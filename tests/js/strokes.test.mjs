import assert from "node:assert/strict";
import { test } from "node:test";

import { PEN_WIDTH, SIDE, Strokes, toPaths, trace } from "../../src/mnist_classifier/web/static/js/pad/strokes.js";

/** A drawing of one finished stroke for each list of points. */
function drawn(...strokes) {
  const drawing = new Strokes();
  for (const [[x, y], ...rest] of strokes) {
    drawing.add({ x, y });
    drawing.extend(rest.map(([nextX, nextY]) => ({ x: nextX, y: nextY })));
    drawing.finish();
  }
  return drawing;
}

const LINE = [[10, 10], [50, 10], [90, 40]];
const OTHER = [[20, 200], [60, 200]];

test("a new drawing is empty and has nothing to undo", () => {
  const drawing = new Strokes();
  assert.equal(drawing.isEmpty, true);
  assert.equal(drawing.canUndo, false);
  assert.equal(drawing.undo(), false);
  assert.deepEqual(drawing.export(), []);
});

test("the bitmap and the pen have the sizes that the model was tried with", () => {
  assert.equal(SIDE, 280);
  assert.equal(PEN_WIDTH, 18);
});

test("a finished stroke keeps its points and its width", () => {
  assert.deepEqual(drawn(OTHER).export(), [{ width: PEN_WIDTH, points: [{ x: 20, y: 200 }, { x: 60, y: 200 }] }]);
});

test("a stroke shows while it is still being drawn", () => {
  const drawing = new Strokes();
  drawing.add({ x: 1, y: 2 });
  assert.equal(drawing.isEmpty, false);
  assert.equal(drawing.isOpen, true);
  assert.equal(drawing.export().length, 1);
});

test("a tap is a stroke of one point", () => {
  assert.equal(drawn([[5, 5]]).export()[0].points.length, 1);
});

test("points that hardly move are left out", () => {
  assert.equal(drawn([[5, 5], [5.1, 5.1], [5.2, 5.2], [9, 9]]).export()[0].points.length, 2);
});

test("extending without an open stroke does nothing", () => {
  const drawing = drawn(LINE);
  drawing.extend([{ x: 0, y: 0 }]);
  assert.deepEqual(drawing.export(), drawn(LINE).export());
});

test("adding a stroke finishes the one that was open", () => {
  const drawing = new Strokes();
  drawing.add({ x: 1, y: 1 });
  drawing.add({ x: 100, y: 100 });
  drawing.finish();
  assert.equal(drawing.export().length, 2);
});

test("undo takes back one stroke at a time", () => {
  const drawing = drawn(LINE, OTHER);
  assert.equal(drawing.undo(), true);
  assert.deepEqual(drawing.export(), drawn(LINE).export());
  drawing.undo();
  assert.equal(drawing.isEmpty, true);
});

test("undo during a stroke drops that stroke alone", () => {
  const drawing = drawn(LINE);
  drawing.add({ x: 1, y: 1 });
  drawing.undo();
  assert.equal(drawing.isOpen, false);
  assert.deepEqual(drawing.export(), drawn(LINE).export());
});

test("clear empties the drawing and undo brings it back", () => {
  const drawing = drawn(LINE, OTHER);
  assert.equal(drawing.clear(), true);
  assert.equal(drawing.isEmpty, true);
  drawing.undo();
  assert.deepEqual(drawing.export(), drawn(LINE, OTHER).export());
});

test("clearing an empty drawing leaves nothing to undo", () => {
  const drawing = new Strokes();
  assert.equal(drawing.clear(), false);
  assert.equal(drawing.canUndo, false);
});

test("an abandoned stroke leaves no trace", () => {
  const drawing = drawn(LINE);
  drawing.add({ x: 1, y: 1 });
  assert.equal(drawing.abandon(), true);
  assert.equal(drawing.finish(), false);
  assert.deepEqual(drawing.export(), drawn(LINE).export());
});

test("an export is a copy", () => {
  const drawing = drawn(LINE);
  drawing.export()[0].points[0].x = 999;
  assert.deepEqual(drawing.export(), drawn(LINE).export());
});

test("a line is traced from its first point to its last", () => {
  const points = LINE.map(([x, y]) => ({ x, y }));
  assert.deepEqual(trace(points), [["M", 10, 10], ["Q", 50, 10, 70, 25], ["L", 90, 40]]);
  assert.deepEqual(trace([]), []);
  assert.deepEqual(trace(points.slice(0, 2)), [["M", 10, 10], ["L", 50, 10]]);
});

test("paths are plain pairs in tenths of a pixel", () => {
  const drawing = new Strokes();
  drawing.add({ x: 10.04, y: 20 });
  drawing.extend([{ x: 30.26, y: 40 }]);
  drawing.finish();
  assert.deepEqual(toPaths(drawing.export()), [[[10, 20], [30.3, 40]]]);
});
