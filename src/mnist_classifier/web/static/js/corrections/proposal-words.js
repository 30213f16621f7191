// @ts-check
/**
 * The words and keys of the section "What to label next".  Pure.
 *
 * @typedef {import("../shared/api-types.js").GivenReading} Reading
 * @typedef {import("../shared/api-types.js").Proposals} Proposals
 */

import { count, percent } from "../shared/format.js";

/** What the model says of a reading. @param {Reading} reading */
export function opinion({ prediction, confidence, verdict, not_a_digit: notADigit = 0 }) {
  if (verdict === "not_a_digit" || prediction === null) return `The model says: not a digit (${percent(notADigit)} sure).`;
  const sure = `${percent(confidence)} sure${notADigit >= 0.1 ? `, if it is a digit` : ""}`;
  return `The model says: ${prediction} (${sure}).`;
}

/** @param {number | "not_a_digit"} label */
export function labelName(label) {
  return label === "not_a_digit" ? "not a digit" : String(label);
}

/** @param {number} left  readings that wait @param {boolean} isOn */
export function waiting(left, isOn) {
  if (left === 0) {
    return isOn
      ? "No readings wait for a label. Uncertain readings appear here within a few seconds."
      : "Uncertain readings are not stored. To store them for labelling, set MNIST_PROPOSE=1 and start the server again.";
  }
  const found = left === 1 ? "1 uncertain reading waits" : `${count(left)} uncertain readings wait`;
  return `${found} for a label. The most useful ones come first. What does this one show?`;
}

/** What is stored, and for how long. @param {Pick<Proposals, "is_on" | "most" | "days">} found */
export function kept({ is_on: isOn, most, days }) {
  const when = isOn ? "This server stores" : "With MNIST_PROPOSE=1, the server stores";
  const time = days === 0 ? "until somebody labels, skips or deletes it" : `for at most ${count(days)} days`;
  return `${when} the 28x28 pixels of each uncertain reading of one digit and what the model said, ${time}. It keeps at most ${count(most)}, without names or addresses.`;
}

/**
 * What a key does; null if nothing.
 * @param {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean}} event
 * @returns {number | "not_a_digit" | "skip" | null}
 */
export function keyFor({ key, ctrlKey = false, metaKey = false, altKey = false }) {
  if (ctrlKey || metaKey || altKey) return null;
  if (/^[0-9]$/.test(key)) return Number(key);
  return { n: /** @type {const} */ ("not_a_digit"), s: /** @type {const} */ ("skip") }[key.toLowerCase()] ?? null;
}
