import assert from "node:assert/strict";
import { test } from "node:test";

import { flatten } from "../../src/mnist_classifier/web/static/js/pad/curve.js";
import { eraseAlong } from "../../src/mnist_classifier/web/static/js/pad/eraser.js";
import { Strokes } from "../../src/mnist_classifier/web/static/js/pad/strokes.js";

const at = (x, y) => ({ x, y });
const LINE = { width: 18, points: [at(0, 100), at(100, 100), at(200, 100)] };
const OTHER = { width: 10, points: [at(0, 250), at(200, 250)] };

test("a stroke is cut in two where the eraser crosses it", () => {
  const left = eraseAlong([LINE, OTHER], at(100, 60), at(100, 140), 15);
  assert.equal(left.length, 3);
  assert.deepEqual(left.map(({ width }) => width), [18, 18, 10]);
  const [first, second] = left;
  assert.ok(first.points.every(({ x }) => x < 85) && first.points.at(-1).x > 82);
  assert.ok(second.points.every(({ x }) => x > 115) && second.points[0].x < 118);
  assert.equal(left[2], OTHER);
});

test("what the eraser does not touch stays the same object", () => {
  const strokes = [LINE, OTHER];
  assert.equal(eraseAlong(strokes, at(100, 150), at(100, 160), 15), strokes);
});

test("the end of a stroke is shortened and a whole one goes", () => {
  assert.equal(eraseAlong([LINE], at(200, 100), at(200, 100), 20).length, 1);
  assert.deepEqual(eraseAlong([LINE], at(0, 100), at(200, 100), 5), []);
  assert.deepEqual(eraseAlong([{ width: 18, points: [at(5, 5)] }], at(10, 5), at(10, 5), 8), []);
});

test("a crumb that remains goes too", () => {
  assert.deepEqual(eraseAlong([{ width: 18, points: [at(0, 0), at(18, 0)] }], at(18, 0), at(18, 0), 16), []);
});

test("a flattened curve goes through its ends in small steps", () => {
  const line = flatten([at(0, 0), at(50, 50), at(100, 0)]);
  assert.deepEqual([line[0], line.at(-1)], [at(0, 0), at(100, 0)]);
  for (let i = 1; i < line.length; i += 1) assert.ok(Math.hypot(line[i].x - line[i - 1].x, line[i].y - line[i - 1].y) <= 2);
  assert.deepEqual(flatten([at(3, 4)]), [at(3, 4)]);
  assert.deepEqual(flatten([]), []);
});

/** A drawing of one straight stroke. */
function drawn() {
  const drawing = new Strokes();
  drawing.add(at(0, 100));
  drawing.extend([at(200, 100)]);
  drawing.finish();
  return drawing;
}

test("one movement of the eraser is one step to undo and redo", () => {
  const drawing = drawn();
  const before = drawing.export();
  drawing.startErasing(at(50, 100), 10);
  drawing.extend([at(60, 100), at(70, 100)]);
  assert.equal(drawing.isOpen, true);
  assert.equal(drawing.finish(), true);
  const after = drawing.export();
  assert.equal(after.length, 2);
  drawing.undo();
  assert.deepEqual(drawing.export(), before);
  drawing.redo();
  assert.deepEqual(drawing.export(), after);
});

test("an eraser that touched nothing leaves nothing to undo", () => {
  const drawing = new Strokes();
  drawing.startErasing(at(50, 50));
  assert.equal(drawing.finish(), true);
  assert.equal(drawing.canUndo, false);
});

test("undo while the eraser is down brings back what it took", () => {
  const drawing = drawn();
  const before = drawing.export();
  drawing.startErasing(at(50, 100), 10);
  drawing.undo();
  assert.deepEqual([drawing.export(), drawing.isOpen], [before, false]);
});

test("redo does again what was undone, until something new is drawn", () => {
  const drawing = drawn();
  assert.equal(drawing.redo(), false);
  drawing.undo();
  assert.equal(drawing.canRedo, true);
  drawing.redo();
  assert.equal(drawing.export().length, 1);
  drawing.undo();
  drawing.add(at(1, 1));
  drawing.finish();
  assert.equal(drawing.canRedo, false);
});

test("a backdrop takes the drawing's place until someone draws; undo knows both", () => {
  const drawing = drawn();
  drawing.setBackdrop("picture");
  assert.deepEqual([drawing.backdrop, drawing.isEmpty], ["picture", true]);
  drawing.add(at(1, 1));
  assert.equal(drawing.backdrop, null);
  drawing.finish();
  drawing.undo();
  assert.equal(drawing.backdrop, "picture");
  drawing.undo();
  assert.deepEqual([drawing.backdrop, drawing.export().length], [null, 1]);
});

test("a drawing can be taken up in another's place, and undone", () => {
  const drawing = drawn();
  drawing.replace([OTHER]);
  assert.deepEqual(drawing.export(), [OTHER]);
  drawing.undo();
  assert.equal(drawing.export()[0].points[1].x, 200);
});
