import assert from "node:assert/strict";
import { test } from "node:test";

import { againstWords, outcomeWords, readWords, retentionWords, totalsWords } from "../../src/mnist_classifier/web/static/js/corrections/words.js";
import { ApiError } from "../../src/mnist_classifier/web/static/js/shared/api.js";
import { isGone, seenWords } from "../../src/mnist_classifier/web/static/js/shared/corrections.js";

test("one contradiction and several are said in good English", () => {
  assert.equal(againstWords([]), "");
  assert.equal(againstWords([7]), "Correction 7 gives the same picture another label.");
  assert.equal(againstWords([7, 12]), "Corrections 7, 12 give the same picture another label.");
});

test("what the model read is said in the same words for digits, for none, and without a reading", () => {
  const reading = { prediction: 4, confidence: 0.987, verdict: "digit", not_a_digit: 0.001 };
  const plain = (words) => words.replaceAll("\u00a0", " ");
  assert.equal(plain(readWords({ reading })), "read as 4, 99 %");
  assert.equal(plain(readWords({ reading: { ...reading, verdict: "not_a_digit", not_a_digit: 0.9 } })), "read as not a digit, 90 %");
  assert.equal(readWords({ reading: null }), "no reading");
});

test("numbers and nouns agree", () => {
  const totals = { count: 1, writers: [{ name: "Anna", count: 1 }], contradictions: 0 };
  assert.equal(totalsWords(totals, 1), "1 correction by 1 writer.");
  assert.equal(totalsWords({ count: 5, writers: [{ name: "", count: 5 }], contradictions: 2 }, 5), "5 corrections. 2 contradict each other.");
  assert.equal(totalsWords({ count: 5, writers: [{ name: "", count: 5 }], contradictions: 0 }, 1), "1 of 5 corrections.");
  assert.equal(retentionWords(1), "A correction is deleted 1 day after it was last sent or changed.");
});

test("a deletion names the model versions that it does not reach", () => {
  assert.equal(seenWords([]), "");
  assert.equal(seenWords([3]), " Model version 3 learned from this and does not forget it.");
  assert.equal(seenWords([3, 5]), " Model versions 3, 5 learned from this and do not forget it.");
});

test("only a correction that does not exist any more is gone", () => {
  assert.ok(isGone(new ApiError("correction_missing", "there is no correction 3", { status: 404 })));
  assert.ok(!isGone(new ApiError("network", "No answer from the server")));
  assert.ok(!isGone(new Error("correction_missing")));
});

test("a change of many says how many changed, and what happened to the others", () => {
  const words = (number) => `Relabelled ${number} as 7`;
  const say = (changed, outcome) => outcomeWords(words, changed, { merged: 0, gone: 0, fault: "", ...outcome });
  assert.equal(say(3, {}), "Relabelled 3 as 7.");
  assert.equal(say(2, { merged: 1 }), "Relabelled 3 as 7. 1 correction was there already and was merged.");
  assert.equal(say(2, { gone: 2 }), "Relabelled 2 as 7. 2 corrections were no longer there.");
  assert.equal(say(2, { fault: "No answer." }), "Relabelled 2 as 7. The others were not changed. No answer.");
  assert.equal(say(0, { fault: "No answer." }), "Nothing was changed. No answer.");
  assert.equal(say(0, { gone: 1 }), "1 correction was no longer there.");
});
