// @ts-check
/**
 * Notices that a picture shows several digits although it is read as one.  Follows several.py, with the same constants.
 *
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {import("./read-number.js").Reading} NumberReading
 */

import { cutOut, inkBox, maskOf, sum } from "./planes.js";
import { INK_LEVEL } from "./scaling.js";

/** @type {import("../shared/api-types.js").Caution} */
export const SEVERAL = { code: "several_digits", message: "the picture seems to show several digits; read it with mode number" };
const LEAST_WIDTH = 0.9;
const MOST_COVERED = 0.8;
const LEAST_CONFIDENCE = 0.5;

/** Whether the ink of a glyph is wide, or has parts beside each other, but does not fill its box. @param {Bytes} glyph */
export function mayShowSeveral(glyph) {
  const mask = maskOf(glyph, INK_LEVEL);
  const ink = cutOut(mask, inkBox(mask));
  const hasGap = Array.from({ length: ink.width }, (_, x) => ink.data.some((value, i) => value > 0 && i % ink.width === x)).includes(false);
  return (ink.width >= LEAST_WIDTH * ink.height || hasGap) && sum(ink) <= MOST_COVERED * ink.data.length;
}

/** Whether a number has several digits, and none of them is in doubt. @param {NumberReading} reading */
export function showsSeveral({ digits, confidence }) {
  return digits.length > 1 && digits.every(({ verdict }) => verdict === "digit") && confidence >= LEAST_CONFIDENCE;
}
