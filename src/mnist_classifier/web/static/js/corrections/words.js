// @ts-check
/**
 * Corrections in words.  Pure.
 *
 * @typedef {import("../shared/corrections.js").Correction} Correction
 * @typedef {{merged: number, gone: number, fault: string}} Outcome
 *   merged, gone: corrections that were there already, or no more.  fault: why the change broke off; "" if it did not
 */

import { labelWords } from "../shared/corrections.js";
import { count, percent } from "../shared/format.js";

/** @type {Record<Correction["source"], string>} */
export const SOURCES = {
  page: "this site",
  api: "API",
  cli: "command line",
  sheet: "collected on paper",
  class: "collected on screen",
  import: "imported file",
};

/** @param {number} number @param {string} noun */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** What the model read. @param {Correction} correction */
export function readWords({ reading }) {
  if (reading === null) return "no reading";
  const { prediction, confidence, verdict, not_a_digit } = reading;
  if (verdict === "not_a_digit" || prediction === null) return `read as not a digit, ${percent(not_a_digit ?? null, 0)}`;
  return `read as ${prediction}, ${percent(confidence, 0)}`;
}

/** Whether the model read something else than the label. @param {Correction} correction */
export function wasWrong({ label, reading }) {
  if (reading === null) return false;
  return (reading.verdict === "not_a_digit" ? "not_a_digit" : reading.prediction) !== label;
}

/** A writer's name for a list. @param {string} name */
export function writerWords(name) {
  return name === "" ? "no name" : name;
}

/** @param {Correction} correction */
export function nameOf(correction) {
  return `${labelWords(correction.label)}, ${writerWords(correction.writer)}, ${readWords(correction)}`;
}

/** @param {import("../shared/api-types.js").CorrectionTotals} totals @param {number} found  how many the filters show */
export function totalsWords({ count: all, writers, contradictions }, found) {
  const named = writers.filter(({ name }) => name !== "").length;
  const by = named === 0 ? "" : ` by ${counted(named, "writer")}`;
  const against = contradictions === 0 ? "" : ` ${count(contradictions)} contradict each other.`;
  const some = found === all ? "" : `${count(found)} of `;
  return `${some}${counted(all, "correction")}${by}.${against}`;
}

/** Which corrections give the same picture another label. @param {readonly number[]} numbers */
export function againstWords(numbers) {
  if (numbers.length === 0) return "";
  return `${numbers.length === 1 ? "Correction" : "Corrections"} ${numbers.join(", ")} ${numbers.length === 1 ? "gives" : "give"} the same picture another label.`;
}

/** @param {number} days */
export function retentionWords(days) {
  if (days === 0) return "Corrections are kept until somebody deletes them.";
  return `A correction is deleted ${counted(days, "day")} after it was last sent or changed.`;
}

/** @param {number} first @param {number} shown @param {number} all */
export function rangeWords(first, shown, all) {
  return `${count(first + 1)} to ${count(first + shown)} of ${count(all)}`;
}

/** What became of a change. @param {(count: number) => string} words @param {number} changed @param {Outcome} outcome */
export function outcomeWords(words, changed, { merged, gone, fault }) {
  const was = (/** @type {number} */ number) => (number === 1 ? "was" : "were");
  const parts = [changed + merged > 0 ? `${words(changed + merged)}.` : fault === "" ? "" : "Nothing was changed."];
  if (merged > 0) parts.push(`${counted(merged, "correction")} ${was(merged)} there already and ${was(merged)} merged.`);
  if (gone > 0) parts.push(`${counted(gone, "correction")} ${was(gone)} no longer there.`);
  if (fault !== "") parts.push(changed + merged > 0 ? `The others were not changed. ${fault}` : fault);
  return parts.filter((each) => each !== "").join(" ");
}
