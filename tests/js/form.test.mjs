import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldAt, formFile, freeName, readingOfForm, rectangle, scaled } from "../../src/mnist_classifier/web/static/js/pad/form.js";
import { rowsOf } from "../../src/mnist_classifier/web/static/js/pad/export.js";
import { describeNumber } from "../../src/mnist_classifier/web/static/js/pad/number.js";

const PICTURE = { width: 200, height: 100 };
const DIGIT = { box: [1, 1, 9, 9], prediction: 7, confidence: 0.9, probabilities: [], verdict: "digit", candidates: [] };
const NONE = { text: null, lines: [], cells: [], marks: [], candidates: [], warnings: [] };
const DAY = { ...NONE, name: "day", box: [0, 0, 50, 20], number: "77", text: "7/7", confidence: 0.9, verdict: "number", digits: [DIGIT, DIGIT] };
const EMPTY = { ...NONE, name: "room", box: [0, 50, 50, 20], number: null, confidence: 0, verdict: "blank", digits: [] };
const form = (...fields) => readingOfForm({ fields, model: { version: 1, name: "m" }, elapsed_ms: 2 });

test("a rectangle can be drawn from any corner and ends at the edge of the picture", () => {
  assert.deepEqual(rectangle({ x: 150, y: 90.4 }, { x: 300, y: -20 }, PICTURE), [150, 0, 50, 90]);
});

test("a click draws no rectangle", () => {
  assert.equal(rectangle({ x: 10, y: 10 }, { x: 12, y: 40 }, PICTURE), null);
});

test("a scaled box keeps its corners and never vanishes", () => {
  assert.deepEqual(scaled([10, 20, 31, 40], 2.5), [25, 50, 78, 100]);
  assert.deepEqual(scaled([100, 100, 2, 2], 0.1), [10, 10, 1, 1]);
});

test("a new field has a name of its own", () => {
  assert.equal(freeName([]), "field 1");
  assert.equal(freeName([{ name: "field 2" }]), "field 3");
});

test("the file has what the command line reads", () => {
  const fields = [{ name: "day", box: [1, 2, 3, 4], pattern: "dd/dd" }];
  assert.deepEqual(JSON.parse(formFile(fields)), { fields });
});

test("each field is a line with its name, and empty fields stay empty", () => {
  const reading = form(DAY, EMPTY);
  assert.equal(describeNumber(reading).words, "2 fields, 2 digits");
  assert.deepEqual(rowsOf(reading), [["day", "7/7"], ["room", ""]]);
});

test("a form is as sure as all its numbers together", () => {
  assert.equal(form(DAY, EMPTY).verdict, "number");
  assert.equal(form(DAY, { ...DAY, verdict: "ambiguous" }).verdict, "ambiguous");
  assert.equal(form(EMPTY).verdict, "blank");
  assert.ok(Math.abs(form(DAY, DAY, EMPTY).confidence - 0.81) < 1e-9);
});

test("a warning tells its field", () => {
  const warnings = [{ code: "struck_through", message: "a line runs through it" }];
  assert.equal(form({ ...DAY, warnings }).warnings[0].message, "day: a line runs through it");
});

test("an error tells its field", () => {
  assert.equal(fieldAt("fields[12].box"), 12);
  assert.equal(fieldAt("fields"), null);
  assert.equal(fieldAt(null), null);
});
