// @ts-check
/**
 * Numbers: their description and the boxes around their digits.  Pure.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").DigitInNumber} DigitInNumber
 * @typedef {{x: number, y: number, scale: number}} Placement  top left corner of a picture on the pad, and its scale
 * @typedef {{x: number, y: number, width: number, height: number, text: string, sure: boolean}} Frame
 */

import { percent } from "../shared/format.js";

const FRAME_MARGIN = 4;

/**
 * Place a picture in the middle of the pad, as large as possible.
 * @param {number} width @param {number} height  of the picture
 * @param {number} padWidth @param {number} padHeight
 * @returns {Placement}
 */
export function placement(width, height, padWidth, padHeight) {
  const scale = Math.min(padWidth / Math.max(width, 1), padHeight / Math.max(height, 1));
  return { x: (padWidth - width * scale) / 2, y: (padHeight - height * scale) / 2, scale };
}

/**
 * The boxes around the digits, in units of the pad.
 * @param {readonly DigitInNumber[]} digits
 * @param {Placement} placed
 * @returns {Frame[]}
 */
export function frames(digits, { x: left, y: top, scale }) {
  return digits.map(({ box: [x, y, width, height], prediction, verdict }) => ({
    x: left + x * scale - FRAME_MARGIN,
    y: top + y * scale - FRAME_MARGIN,
    width: width * scale + 2 * FRAME_MARGIN,
    height: height * scale + 2 * FRAME_MARGIN,
    text: prediction === null ? "?" : String(prediction),
    sure: verdict === "digit",
  }));
}

/**
 * The reading of a number in words.
 * @param {NumberReading} reading
 * @returns {{digit: string, words: string, sure: string}}
 */
export function describeNumber({ number, confidence, verdict, digits }) {
  if (verdict === "blank") return { digit: "", words: "Nothing drawn yet", sure: "" };
  if (verdict === "not_a_number" || number === null) return { digit: "?", words: "Not a number", sure: "" };
  const count = digits.length === 1 ? "1 digit" : `${digits.length} digits`;
  const sure = `${percent(confidence)} sure`;
  return { digit: number, words: verdict === "ambiguous" ? `${count}, perhaps` : count, sure };
}

/** The reading of one digit of a number in words. @param {DigitInNumber} digit */
export function describeDigit({ prediction, confidence, verdict, candidates = [] }) {
  const text = prediction === null ? "?" : String(prediction);
  const other = candidates.find((each) => each !== prediction) ?? "not a digit";
  const doubt = verdict === "ambiguous" ? `, or ${other}` : "";
  return { text, sure: `${percent(confidence)}${doubt}` };
}
