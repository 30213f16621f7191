// @ts-check
/**
 * Reads a picture in the browser, as recogniser.py does on the server.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api-types.js").Verdict} Verdict
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {import("./to-glyph.js").Prepared} Prepared
 */

import { prepare } from "./to-glyph.js";
import { Network } from "./network.js";

const DIGITS = 10;

export class Recogniser {
  /** @param {ArrayBuffer} buffer  model.bin */
  constructor(buffer) {
    this.network = new Network(buffer);
  }

  get model() {
    return this.network.header.model;
  }

  /** @param {Picture} picture @returns {{reading: Reading, prepared: Prepared}} */
  read(picture) {
    const prepared = prepare(picture);
    if (prepared.glyph === null) return { reading: blank(), prepared };
    return { reading: { ...this.readGlyph(prepared.glyph.data), warnings: prepared.warnings }, prepared };
  }

  /** @param {Uint8Array} glyph  28 x 28, ink = 255 @returns {Reading} */
  readGlyph(glyph) {
    return this.readingOf(this.network.logits(glyph));
  }

  /** @param {Float64Array} scores  logits @returns {Reading} */
  readingOf(scores) {
    return this.judge(this.opinionOf(scores));
  }

  /** The probability of each digit, given that the glyph shows one, and that it shows none. @param {Float64Array} scores  logits @returns {number[]}  11 */
  opinionOf(scores) {
    const logits = [...scores];
    const { temperature } = this.network.header;
    const probabilities = softmax(logits.slice(0, DIGITS).map((logit) => logit / temperature));
    return [...probabilities, logits.length > DIGITS ? softmax(logits)[DIGITS] : 0];
  }

  /** Turn an opinion into a reading. @param {readonly number[]} opinion @returns {Reading} */
  judge(opinion) {
    const { thresholds } = this.network.header;
    const [probabilities, notADigit] = [opinion.slice(0, DIGITS), opinion[DIGITS]];
    const [best, second] = [...probabilities.keys()].sort((one, other) => probabilities[other] - probabilities[one]);
    const verdict = verdictOf(probabilities[best], notADigit, thresholds);
    const likely = probabilities[second] * (1 - notADigit) >= notADigit ? [best, second] : [best];
    return {
      prediction: verdict === "not_a_digit" ? null : best,
      confidence: probabilities[best],
      probabilities,
      verdict,
      not_a_digit: notADigit,
      candidates: verdict === "ambiguous" ? likely : [],
      warnings: [],
    };
  }
}

/** @returns {Reading} */
function blank() {
  const probabilities = new Array(DIGITS).fill(1 / DIGITS);
  return { prediction: null, confidence: 0, probabilities, verdict: "blank", not_a_digit: 0, candidates: [], warnings: [] };
}

/**
 * @param {number} confidence @param {number} notADigit
 * @param {{ambiguous_below: number, not_a_digit_above: number}} thresholds
 * @returns {Verdict}
 */
function verdictOf(confidence, notADigit, { ambiguous_below, not_a_digit_above }) {
  if (notADigit > not_a_digit_above) return "not_a_digit";
  return confidence * (1 - notADigit) < ambiguous_below ? "ambiguous" : "digit";
}

/** @param {number[]} logits */
function softmax(logits) {
  const most = Math.max(...logits);
  const odds = logits.map((logit) => Math.exp(logit - most));
  const total = odds.reduce((a, b) => a + b, 0);
  return odds.map((each) => each / total);
}
