// @ts-check
/**
 * The words of the story.  Pure.  Channels, units, rows and columns count from 1.
 *
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../offline/stages.js").Place} Place
 * @typedef {import("../offline/stages.js").Made} Made
 * @typedef {import("../offline/network.js").Features} Features
 */

import { count } from "../shared/format.js";
import { short } from "./story-numbers.js";

const ORDINALS = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth"];
const NOT_A_DIGIT = 10;

export const EXPLANATIONS = Object.freeze({
  convolution:
    "A convolution slides a small grid of weights, the kernel, over its input. At each position it multiplies each number by the weight in the same place and adds the products. The sum is large where the input looks like the kernel.",
  pooling: "Pooling keeps only the largest of four neighbours. The map becomes half as wide and half as high, and it matters less where exactly a stroke is.",
  relu: "ReLU then replaces every negative sum by 0. The map is bright only where the pattern was found.",
  connected: "A unit of a connected layer looks at every value of the layer before, not only at a patch, and has its own weight for each.",
  probability: "A probability is a share of 100 %. The larger a digit's score, the larger its share, and the ten shares add up to 100 %.",
});

/** "First", "Second".  @param {number} number  from 1 */
export function ordinal(number) {
  return ORDINALS[number - 1] ?? `${number}th`;
}

/** Name of an output of the last layer. @param {number} index */
export function answerName(index) {
  return index === NOT_A_DIGIT ? "not a digit" : String(index);
}

/** "16 channels of 14 by 14". @param {Features} features */
export function size({ side, channels }) {
  return side === 1 ? plural(channels, "unit") : `${plural(channels, "channel")} of ${side} by ${side}`;
}

/** @param {number} number @param {string} noun */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** "Channel 7, row 5, column 9". @param {Stage} stage @param {Place} place @param {number} side @param {boolean} isLast */
export function placeName(stage, { x, y, channel }, side, isLast) {
  if (isLast) return `The score of ${answerName(channel)}`;
  if (stage.kind === "dense") return `Unit ${channel + 1}`;
  return side === 1 ? `Channel ${channel + 1}` : `Channel ${channel + 1}, row ${y + 1}, column ${x + 1}`;
}

/** The calculation after the products, one sentence a step. @param {Stage} stage @param {Made} made @returns {{what: string, result: string, isPool?: boolean}[]} */
export function chain(stage, made) {
  const { products, sum, bias, candidates, picked, scale, offset, before, value } = made;
  /** @type {ReturnType<typeof chain>} */
  const lines = [{ what: `${count(products)} products add up to`, result: short(sum) }];
  if (bias !== 0) lines.push({ what: `${bias < 0 ? "minus" : "plus"} the bias ${short(Math.abs(bias))}`, result: short(sum + bias) });
  if (stage.hasPool) {
    const others = candidates.filter((_, index) => index !== picked).map(short).join(", ");
    lines.push({ what: `Pooling: the largest of four (the others are ${others})`, result: short(candidates[picked]), isPool: true });
  }
  if (stage.affine !== null) {
    const shift = `${offset < 0 ? "minus" : "plus"} ${short(Math.abs(offset))}`;
    lines.push({ what: `BatchNorm: times ${short(scale)}, ${shift}`, result: short(before) });
  }
  if (stage.hasRelu) lines.push({ what: before > 0 ? "ReLU: positive, so it stays" : "ReLU: negative, so it becomes", result: short(value) });
  return lines;
}

/** The same for a screen reader. @param {string} name @param {Stage} stage @param {Made} made */
export function spoken(name, stage, made) {
  return `${name}: ${short(made.value)}. ${chain(stage, made).map(({ what, result }) => `${what}: ${result}.`).join(" ")}`;
}
