import assert from "node:assert/strict";
import { test } from "node:test";

import { fileName } from "../../src/mnist_classifier/web/static/js/shared/download.js";
import { isHeic, needsRedrawing, refusal } from "../../src/mnist_classifier/web/static/js/pad/picture.js";
import { penBeside } from "../../src/mnist_classifier/web/static/js/pad/tools.js";
import { verdictOn } from "../../src/mnist_classifier/web/static/js/inside/compare.js";
import { questions } from "../../src/mnist_classifier/web/static/js/inside/looking.js";

test("photographs of iPhones are known by type or name", () => {
  assert.ok(isHeic({ name: "IMG_1.HEIC", type: "" }));
  assert.ok(isHeic({ name: "blob", type: "image/heic" }));
  assert.ok(isHeic({ name: "x", type: "image/heif-sequence" }));
  assert.ok(!isHeic({ name: "heic.png", type: "image/png" }));
});

test("only what is large, or strange to the server, is redrawn", () => {
  assert.equal(needsRedrawing({ type: "image/png", size: 9000 }, 300), false);
  assert.equal(needsRedrawing({ type: "image/jpeg", size: 3_000_000 }, 4032), true);
  assert.equal(needsRedrawing({ type: "image/png", size: 5_000_000 }, 1000), true);
  assert.equal(needsRedrawing({ type: "image/svg+xml", size: 100 }, 100), true);
});

test("what cannot be opened nor sent is refused with a reason", () => {
  assert.match(refusal({ name: "a.heic", type: "", size: 5 }), /HEIC.*JPEG/);
  assert.match(refusal({ name: "a.tif", type: "image/tiff", size: 30_000_000 }), /too large \(30\.0/);
  assert.match(refusal({ name: "a.png", type: "image/png", size: 0 }), /empty/);
  assert.equal(refusal({ name: "notes.txt", type: "text/plain", size: 5 }), null);
});

test("a saved drawing is named by the clock", () => {
  assert.equal(fileName(new Date(2026, 10, 2, 9, 5, 7)), "drawing-20261102-090507.png");
});

test("pens end at thin and thick", () => {
  assert.deepEqual([penBeside("thin", -1), penBeside("thin", 1), penBeside("thick", 1)], ["thin", "normal", "thick"]);
});

test("two readings are compared in words", () => {
  const seven = { prediction: 7, confidence: 0.9991 };
  assert.equal(verdictOn(seven, { prediction: 1, confidence: 0.6 }), "They disagree: 7 and 1.");
  assert.equal(verdictOn(seven, { prediction: null, confidence: 0.6 }), "They disagree: 7 and not a digit.");
  const refused = (confidence) => ({ prediction: null, confidence, verdict: "not_a_digit", not_a_digit: 0.999 });
  assert.equal(verdictOn(refused(0.9), refused(0.4)), "They agree, with the same confidence.");
  const blank = { prediction: null, confidence: 0, verdict: "blank", not_a_digit: 0 };
  assert.equal(verdictOn(blank, blank), "Both find nothing to read.");
  assert.equal(verdictOn(seven, seven), "They agree, with the same confidence.");
  assert.match(verdictOn(seven, { prediction: 7, confidence: 0.8 }), /^They agree\. The first is 99\.9.% sure, the second 80\.0.%\.$/);
  assert.match(verdictOn({ digits: [], number: "71", confidence: 1 }, { digits: [], number: null, confidence: 0 }), /71 and no number/);
});

test("the likeliest digit and the two after it can be asked about", () => {
  const probabilities = [0, 0.1, 0.2, 0, 0, 0, 0, 0.7, 0, 0];
  assert.deepEqual(questions({ probabilities }), [
    { of: 7, text: "Why 7?" },
    { of: 2, text: "Why not 2?" },
    { of: 1, text: "Why not 1?" },
  ]);
});
