// @ts-check
/**
 * Numbers: their description, and the place of a picture on the pad.  Pure.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").DigitInNumber} DigitInNumber
 * @typedef {{x: number, y: number, scale: number}} Placement  top left corner of a picture on the pad, and its scale
 */

import { BLANK, percent } from "../shared/format.js";

/** Less likely alternatives are not worth the space. */
const CANDIDATE_FROM = 0.005;
const MOST_CANDIDATES = 3;

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
 * A box of a picture as percentages of the pad.
 * @param {readonly [number, number, number, number]} box  x, y, width, height in pixels of the picture
 * @param {Placement} placed
 * @param {{width: number, height: number}} pad  in units
 */
export function onPad([x, y, width, height], { x: left, y: top, scale }, pad) {
  return {
    left: ((left + x * scale) / pad.width) * 100,
    top: ((top + y * scale) / pad.height) * 100,
    width: ((width * scale) / pad.width) * 100,
    height: ((height * scale) / pad.height) * 100,
  };
}

/**
 * The pixel of the picture at a point of the screen, and the pixels of the picture per pixel of the screen.
 * @param {{clientX: number, clientY: number}} point
 * @param {{left: number, top: number, width: number}} frame  of the pad on the screen
 * @param {Placement} placed
 * @param {{width: number}} pad  in units
 */
export function pixelAt({ clientX, clientY }, { left, top, width }, { x, y, scale }, pad) {
  const unit = pad.width / width;
  return { x: ((clientX - left) * unit - x) / scale, y: ((clientY - top) * unit - y) / scale, pixel: unit / scale };
}

/** @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * How to show a number.  A single row of boxes with a digit each, as on forms, is one number.
 * @param {NumberReading} reading
 * @returns {"table" | "lines" | "number"}
 */
export function layoutOf({ lines = [], cells = [] }) {
  const isOneNumber = cells.every(({ row, number }) => row === 0 && (number ?? "").length <= 1);
  if (cells.length > 1 && !isOneNumber) return "table";
  return lines.length > 1 || lines[0]?.name !== undefined ? "lines" : "number";
}

/**
 * The reading of a number in words.  A server of an earlier version sends no lines, cells, text and candidates.
 * @param {NumberReading} reading
 * @returns {{digit: string, words: string, sure: string}}
 */
export function describeNumber(reading) {
  const { number, confidence, verdict } = reading;
  if (verdict === "blank") return (reading.lines ?? []).length > 1 ? { digit: "", words: "All fields are empty", sure: "" } : BLANK;
  if (verdict === "not_a_number" || number === null) return { digit: "?", words: "Not a number", sure: "" };
  const parts = partsOf(reading);
  return { digit: number, words: verdict === "ambiguous" ? `${parts}, perhaps` : parts, sure: `${percent(confidence)} sure` };
}

/** @param {NumberReading} reading */
function partsOf(reading) {
  const { digits, lines = [], cells = [] } = reading;
  const layout = layoutOf(reading);
  if (layout === "table") {
    const rows = Math.max(...cells.map(({ row }) => row)) + 1;
    const columns = Math.max(...cells.map(({ column }) => column)) + 1;
    return `${counted(rows, "row")}, ${counted(columns, "column")}`;
  }
  const digitCount = counted(digits.length, "digit");
  const part = lines[0]?.name === undefined ? "line" : "field";
  return layout === "lines" ? `${counted(lines.length, part)}, ${digitCount}` : digitCount;
}

/** The number with its marks, if that differs from its digits. @param {NumberReading} reading */
export function asWritten({ number, text = null }) {
  return text === null || text === number ? "" : `Written ${text}`;
}

/** The other numbers that it may be. @param {NumberReading} reading */
export function alternatives({ number, candidates = [] }) {
  return candidates
    .filter((each) => each.number !== number && each.probability >= CANDIDATE_FROM)
    .slice(0, MOST_CANDIDATES)
    .map((each) => `or ${(each.number || "no number").replaceAll("\n", " / ")}, ${percent(each.probability, 0)}`);
}

/** The reading of one digit of a number in words. @param {DigitInNumber} digit */
export function describeDigit(digit) {
  const { prediction, confidence, verdict } = digit;
  const text = prediction === null ? "?" : String(prediction);
  const doubt = verdict === "ambiguous" ? `, or ${otherThan(digit)}` : "";
  return { text, sure: `${percent(confidence)}${doubt}` };
}

/** What a doubtful digit may be instead. @param {Pick<DigitInNumber, "prediction" | "candidates">} digit */
export function otherThan({ prediction, candidates = [] }) {
  return candidates.find((each) => each !== prediction) ?? "not a digit";
}
