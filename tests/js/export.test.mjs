import assert from "node:assert/strict";
import { test } from "node:test";

import { asCsv, asText, gridOf, rowsOf } from "../../src/mnist_classifier/web/static/js/pad/export.js";
import { expectedOf } from "../../src/mnist_classifier/web/static/js/pad/expected.js";

const cell = (row, column, number) => ({ row, column, box: [0, 0, 9, 9], number, confidence: 0.9, verdict: number === null ? "blank" : "number" });
const READING = { number: "120724", confidence: 0.9, verdict: "number", digits: [] };

test("cells lie in rows and columns, and a place without a cell is empty", () => {
  const cells = [cell(1, 0, "3"), cell(0, 2, "7")];
  assert.deepEqual(gridOf(cells), [[null, null, cells[1]], [cells[0], null, null]]);
  assert.deepEqual(gridOf([]), []);
});

test("a table is exported with its empty cells", () => {
  const cells = [cell(0, 0, "12"), cell(0, 1, null), cell(1, 0, "007"), cell(1, 1, "5")];
  const rows = rowsOf({ ...READING, cells });
  assert.equal(asText(rows), "12\t\n007\t5");
  assert.equal(asCsv(rows), "12,\r\n007,5\r\n");
});

test("lines are exported as they are written, one a row", () => {
  const lines = ["12/07/24", "3,14"].map((text) => ({ number: text.replace(/\D/g, ""), text, confidence: 0.9, box: [0, 0, 9, 9] }));
  const rows = rowsOf({ ...READING, lines });
  assert.equal(asText(rows), "12/07/24\n3,14");
  assert.equal(asCsv(rows), '12/07/24\r\n"3,14"\r\n');
});

test("a server without lines gives the text, or else the number", () => {
  assert.deepEqual(rowsOf({ ...READING, text: "12/07/24" }), [["12/07/24"]]);
  assert.deepEqual(rowsOf({ ...READING, number: "1\n2" }), [["1"], ["2"]]);
});

test("no spreadsheet runs what was written as a formula, and negative numbers stay numbers", () => {
  assert.equal(asCsv([["=1+2", "+1-1", "-7", "-3.5", "-1-1"]]), "'=1+2,'+1-1,-7,-3.5,'-1-1\r\n");
});

test("empty inputs say nothing about the number", () => {
  assert.deepEqual(expectedOf({ length: "", pattern: "  ", allowed: "" }), {});
  assert.deepEqual(expectedOf({ length: "5", pattern: " dd/dd/dd ", allowed: "0, 1;2 3" }), { length: 5, pattern: "dd/dd/dd", allowed: "0123" });
});
