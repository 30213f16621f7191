// @ts-check
/**
 * Whether a task of the lesson is done, and what to do next, in words.  Pure.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {{isDone: boolean, text: string}} Judgement
 */

import { percent } from "../shared/format.js";

/** From this confidence on the network is called sure. */
const SURE = 0.95;
/** The learner says: I draw no digit. */
export const NO_DIGIT = -1;

/** A digit with its article. @param {number} digit */
function aDigit(digit) {
  return digit === 8 ? "an 8" : `a ${digit}`;
}

/** The answer of a reading in two words at most. @param {Reading} reading */
export function answerOf({ prediction, verdict }) {
  if (verdict === "blank") return "nothing";
  return prediction === null ? "no digit" : String(prediction);
}

/** Step 1: is the network sure of a digit? @param {Reading} reading @returns {Judgement} */
export function judgeDrawing({ prediction, confidence, verdict }) {
  if (verdict === "blank") return waiting("Not done yet. Draw a digit on the pad.");
  if (prediction === null) return waiting("Not done yet. The network takes this for no digit. Draw it again, more clearly.");
  const sure = percent(confidence);
  if (verdict === "digit" && confidence >= SURE) return done(`Done. It reads ${aDigit(prediction)} and is ${sure} sure.`);
  return waiting(`Not done yet. It reads ${aDigit(prediction)}, but is only ${sure} sure. Draw it again, more clearly.`);
}

/**
 * Step 2: does the network read another thing than the learner drew?
 * @param {Reading} reading @param {number | null} drawn @param {boolean} isNew  whether the drawing was made in this step
 * @returns {Judgement}
 */
export function judgeTrick({ prediction, verdict }, drawn, isNew) {
  if (drawn === null) return waiting("Not done yet. First say what you draw.");
  if (verdict === "blank" || !isNew) return waiting("Not done yet. Now clear the pad and draw it.");
  if (drawn === NO_DIGIT) {
    if (prediction === null || verdict !== "digit") return waiting("Not done yet. It sees that this may be no digit. Try something else.");
    return done(`Done. You drew no digit, and it reads ${aDigit(prediction)}. You fooled it.`);
  }
  if (prediction === null) return done(`Done. You drew ${aDigit(drawn)}, and it refuses to read it as a digit. You fooled it.`);
  if (prediction !== drawn) return done(`Done. You drew ${aDigit(drawn)}, and it reads ${aDigit(prediction)}. You fooled it.`);
  if (verdict === "ambiguous") return waiting("Not done yet. It is not sure any more. Go on.");
  return waiting(`Not done yet. It reads ${aDigit(drawn)}, as you meant it. Change your drawing a little.`);
}

/** Step 3: has covering changed the answer? @param {Reading} before @param {Reading} after @param {number} covered  squares @returns {Judgement} */
export function judgeCover(before, after, covered) {
  if (before.verdict === "blank") return waiting("Not done yet. Draw a digit on the pad first.");
  if (covered === 0) return waiting("Not done yet. Cover a square of your drawing.");
  const squares = covered === 1 ? "one square" : `${covered} squares`;
  const [old, now] = [answerOf(before), answerOf(after)];
  if (old === now) return waiting(`Not done yet. With ${squares} covered the answer is still ${old}.`);
  return done(`Done. With ${squares} covered the answer is ${now} instead of ${old}. Can you do it with fewer?`);
}

/** Step 5: do the three networks disagree? @param {readonly Reading[]} readings  of the networks that there are @returns {Judgement} */
export function judgeNetworks(readings) {
  if (readings.length < 3) return waiting("Not done yet. Train the missing networks first.");
  if (readings.some(({ verdict }) => verdict === "blank")) return waiting("Not done yet. Draw a digit on the pad.");
  const answers = readings.map(answerOf);
  if (new Set(answers).size === 1) return waiting(`Not done yet. All of them answer: ${answers[0]}. Change your drawing a little.`);
  return done(`Done. They do not agree: ${answers.join(", ")}.`);
}

/** @param {string} text @returns {Judgement} */
function done(text) {
  return { isDone: true, text };
}

/** @param {string} text @returns {Judgement} */
function waiting(text) {
  return { isDone: false, text };
}
