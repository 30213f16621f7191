// @ts-check
/**
 * Which pieces of a line form digits: the best path through the segmentation graph.  Follows grouping.py.
 *
 * @typedef {import("./segmentation.js").Candidate} Candidate
 * @typedef {{candidate: number, digit: number}} Edge
 * @typedef {{total: number, most: number, path: Edge[]}} Paths  log of their summed probability, of the best one's, the best one
 * @typedef {{edges: Edge[], numbers: {number: string, probability: number}[]}} Grouping
 *   edges: those of the best path.  numbers: the likeliest, best first
 */

import { NOTHING } from "./features.js";

const KEPT_TEXTS = 8;
const KEPT_LABELS = 4;
const UNLIKELY = 12;
export const MOST_NUMBERS = 5;

/**
 * Find the most likely string of digits of a line.
 * @param {readonly Candidate[]} candidates
 * @param {readonly (readonly number[])[]} scores  of each label of each candidate
 * @param {number} length  pieces of the line
 * @returns {Grouping}
 */
export function bestPath(candidates, scores, length) {
  // For each node of the graph: text -> its paths.
  const kept = Array.from({ length: length + 1 }, () => /** @type {Map<string, Paths>} */ (new Map()));
  kept[0].set("", { total: 0, most: 0, path: [] });
  /** @type {Map<number, [string, Paths][]>} */
  const likeliest = new Map();
  const order = [...candidates.keys()].sort((one, other) => candidates[one].end - candidates[other].end);
  for (const index of order) {
    const { start, end } = candidates[index];
    if (!likeliest.has(start)) likeliest.set(start, ranked(kept[start]).slice(0, KEPT_TEXTS));
    for (const label of labelsOf(scores[index])) {
      const [score, edges] = [scores[index][label], label === NOTHING ? [] : [{ candidate: index, digit: label }]];
      for (const [before, paths] of likeliest.get(start) ?? []) add(kept[end], before + (label === NOTHING ? "" : label), paths, score, edges);
    }
  }
  return best(kept[length]);
}

/** Extend paths by an edge. @param {Map<string, Paths>} ends @param {string} text @param {Paths} paths @param {number} score @param {Edge[]} edges */
function add(ends, text, { total, most, path }, score, edges) {
  const old = ends.get(text);
  const isBetter = old === undefined || most + score > old.most;
  ends.set(text, {
    total: logAdd(old?.total ?? -Infinity, total + score),
    most: isBetter ? most + score : old.most,
    path: isBetter ? [...path, ...edges] : old.path,
  });
}

/** @param {Map<string, Paths>} paths */
function ranked(paths) {
  return [...paths].sort(([, one], [, other]) => other.total - one.total);
}

/** The likely labels of one candidate. @param {readonly number[]} scores */
function labelsOf(scores) {
  const order = [...scores.keys()].sort((one, other) => scores[other] - scores[one]).slice(0, KEPT_LABELS);
  return order.filter((label) => scores[label] > Math.max(-Infinity, scores[order[0]] - UNLIKELY));
}

/** @param {Map<string, Paths>} paths @returns {Grouping} */
function best(paths) {
  const order = ranked(paths);
  const everything = order.reduce((sum, [, { total }]) => logAdd(sum, total), -Infinity);
  const numbers = order.slice(0, MOST_NUMBERS).map(([number, { total }]) => ({ number, probability: Math.exp(total - everything) }));
  return { edges: order[0][1].path, numbers };
}

/** log(exp(one) + exp(other)). @param {number} one @param {number} other */
function logAdd(one, other) {
  const [low, high] = one < other ? [one, other] : [other, one];
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
}
