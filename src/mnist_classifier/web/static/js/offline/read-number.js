// @ts-check
/**
 * Reads the digits of a number in the browser, as reading.py does on the server, but without marks, tables and forms.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").DigitInNumber} DigitInNumber
 * @typedef {import("../shared/api-types.js").Caution} Caution
 * @typedef {import("./numbers/segmentation.js").Path} Path
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {import("./read-digit.js").Recogniser} Recogniser
 * @typedef {import("./numbers/segmentation.js").Line} Line
 * @typedef {import("./numbers/features.js").Weights} Weights
 * @typedef {Omit<NumberReading, "model" | "elapsed_ms">} Reading
 * @typedef {[number, number, number, number]} Box
 * @typedef {{digits: DigitInNumber[], numbers: {number: string, probability: number}[], box: Box}} ReadLine
 */

import { findNumberInk } from "./numbers/ink.js";
import { scoresOf, DIGITS } from "./numbers/features.js";
import { MOST_NUMBERS, bestPath } from "./numbers/grouping.js";
import { findCandidates, glyphOf, linesOfInk, linesOfStrokes } from "./numbers/segmentation.js";

/** A number is ambiguous if the probability of its digits is lower; less likely numbers than the second are not listed. */
const AMBIGUOUS_BELOW = 0.95;
const LEAST_LIKELY = 1e-4;
/** Opinions that are kept: while a number is written, its first digits stay the same. */
const KEPT_OPINIONS = 2000;
/** The page stays alive if a reading pauses so often. */
const PAUSE_EVERY_MS = 30;

/** @type {Reading} */
const BLANK = { number: null, confidence: 0, verdict: "blank", digits: [], text: null, lines: [], cells: [], marks: [], candidates: [], warnings: [] };

export class NumberReader {
  #recogniser;
  /** Of each glyph. @type {Map<string, number[]>} */
  #opinions = new Map();
  #paused_ms = 0;

  /** @param {Recogniser} recogniser */
  constructor(recogniser) {
    this.#recogniser = recogniser;
  }

  /**
   * @param {Picture} picture
   * @param {readonly Path[]} strokes  of a drawing, in px of the picture; none for other pictures
   * @param {AbortSignal} [signal]
   * @returns {Promise<Reading>}  boxes are in px of the picture
   */
  async read(picture, strokes, signal) {
    const found = findNumberInk(picture, strokes.length > 0);
    if (found === null) return BLANK;
    const { ink, scale, warnings } = found;
    const { pixels, strokes: ofStrokes } = this.#recogniser.network.header.grouping;
    this.#paused_ms = performance.now();
    const read = (/** @type {Line[]} */ lines, /** @type {Weights} */ weights) => this.#readLines(lines, weights, scale, warnings, signal);
    const byStrokes = strokes.length > 0 ? await read(linesOfStrokes(ink, strokes.map((stroke) => scaled(stroke, scale))), ofStrokes) : null;
    if (byStrokes !== null && byStrokes.confidence >= AMBIGUOUS_BELOW) return byStrokes;
    const byPixels = await read(linesOfInk(ink), pixels);
    return byStrokes !== null && byStrokes.confidence >= byPixels.confidence ? byStrokes : byPixels;
  }

  /** @param {readonly Line[]} lines @param {Weights} weights @param {number} scale @param {Caution[]} warnings @param {AbortSignal} [signal] */
  async #readLines(lines, weights, scale, warnings, signal) {
    /** @type {ReadLine[]} */
    const read = [];
    for (const line of lines) read.push(await this.#readLine(line, weights, scale, signal));
    return combined(read, warnings);
  }

  /** @param {Line} line @param {Weights} weights @param {number} scale @param {AbortSignal} [signal] @returns {Promise<ReadLine>} */
  async #readLine(line, weights, scale, signal) {
    const candidates = findCandidates(line);
    /** @type {number[][]} */
    const opinions = [];
    for (const candidate of candidates) {
      opinions.push(this.#opinion(glyphOf(line, candidate).data));
      await this.#pause(signal);
    }
    const scores = scoresOf(line, candidates, opinions, weights);
    const { edges, numbers } = bestPath(candidates, scores, line.pieces.length);
    const digits = edges.map(({ candidate }) => {
      const opinion = [...softmax(scores[candidate].slice(0, DIGITS)), opinions[candidate][DIGITS]];
      return { ...this.#recogniser.judge(opinion), box: placed(candidates[candidate].box, scale) };
    });
    return { digits, numbers, box: placed(boxOf(line), scale) };
  }

  /** @param {Uint8Array} glyph */
  #opinion(glyph) {
    const key = String.fromCharCode(...glyph);
    const known = this.#opinions.get(key) ?? this.#recogniser.opinionOf(this.#recogniser.network.logits(glyph));
    if (this.#opinions.size >= KEPT_OPINIONS) this.#opinions.clear();
    this.#opinions.set(key, known);
    return known;
  }

  /** Let the page answer the user now and then. @param {AbortSignal} [signal] */
  async #pause(signal) {
    if (performance.now() - this.#paused_ms < PAUSE_EVERY_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    this.#paused_ms = performance.now();
  }
}

/** @param {Path} path @param {number} scale @returns {Path} */
function scaled(path, scale) {
  return path.map(([x, y]) => [x / scale, y / scale]);
}

/** A box of the ink in the picture, in whole px. @param {Box} box @param {number} scale @returns {Box} */
function placed([x, y, width, height], scale) {
  const [left, top] = [Math.floor(x * scale), Math.floor(y * scale)];
  return [left, top, Math.floor((x + width) * scale) - left, Math.floor((y + height) * scale) - top];
}

/** @param {Line} line @returns {Box} */
function boxOf({ pieces }) {
  const [left, top] = [Math.min(...pieces.map((each) => each.left)), Math.min(...pieces.map((each) => each.top))];
  const [right, bottom] = [Math.max(...pieces.map((each) => each.right)), Math.max(...pieces.map((each) => each.bottom))];
  return [left, top, right - left, bottom - top];
}

/** One reading of all lines. @param {readonly ReadLine[]} lines @param {Caution[]} warnings @returns {Reading} */
function combined(lines, warnings) {
  const digits = lines.flatMap((line) => line.digits);
  const verdicts = digits.map(({ verdict }) => verdict);
  // Some refused digits make a number ambiguous; if half are refused, it is no number.
  if (2 * verdicts.filter((each) => each === "not_a_digit").length >= verdicts.length) {
    return { ...BLANK, verdict: "not_a_number", digits, warnings };
  }
  const written = lines.flatMap(({ numbers: [{ number, probability }], box }) =>
    number === "" ? [] : [{ number, text: number, confidence: probability, box }],
  );
  const confidence = lines.reduce((product, { numbers }) => product * numbers[0].probability, 1);
  const isSure = confidence >= AMBIGUOUS_BELOW && verdicts.every((each) => each === "digit") && !warnings.some(({ code }) => code === "cut_off");
  const number = written.map((line) => line.number).join("\n");
  const verdict = isSure ? "number" : "ambiguous";
  return { ...BLANK, number, text: number, confidence, verdict, digits, lines: written, candidates: candidatesOf(lines), warnings };
}

/** The likeliest numbers of all lines together. @param {readonly ReadLine[]} lines */
function candidatesOf(lines) {
  /** @type {{texts: string[], probability: number}[]} */
  let best = [{ texts: [], probability: 1 }];
  for (const { numbers } of lines) {
    const every = best.flatMap(({ texts, probability }) =>
      numbers.map((each) => ({ texts: [...texts, each.number], probability: probability * each.probability })),
    );
    best = every.sort((one, other) => other.probability - one.probability).slice(0, MOST_NUMBERS);
  }
  return best
    .filter(({ probability }) => probability >= LEAST_LIKELY)
    .map(({ texts, probability }) => ({ number: texts.filter((text) => text !== "").join("\n"), probability }));
}

/** @param {readonly number[]} scores */
function softmax(scores) {
  const most = Math.max(...scores);
  const odds = scores.map((score) => Math.exp(score - most));
  const total = odds.reduce((sum, each) => sum + each, 0);
  return odds.map((each) => each / total);
}
