// @ts-check
/**
 * How well a group of pieces looks like each digit: the score of each edge of the segmentation graph.
 * Follows features.py, with the same constants, but for digits alone and without the line reader.
 *
 * @typedef {import("./segmentation.js").Line} Line
 * @typedef {import("./segmentation.js").Piece} Piece
 * @typedef {import("./segmentation.js").Candidate} Candidate
 * @typedef {Record<string, number>} Weights  of each feature, from model.bin
 */

import { sum } from "../planes.js";

export const DIGITS = 10;
/** The label of a speck that is left out. */
export const NOTHING = DIGITS;

const LOG_ASPECT = [-0.1, -0.88, -0.06, -0.21, -0.22, -0.07, -0.3, -0.24, -0.26, -0.37];
const LOG_ASPECT_SD = [0.18, 0.44, 0.2, 0.2, 0.2, 0.24, 0.21, 0.2, 0.21, 0.2];
const MOST_SURPRISE = 8;
const MOST_WIDE = 16;
const CERTAIN = 20;
const SOFT_EDGE = 0.4;
const USUAL_HEIGHT = 0.7;
const TALL_PART = 0.55;
const MOST_SHARED = 2;
const SPECK_HEIGHT = 0.35;
const SPECK_WIDTH = 0.6;
/** The smallest positive float32 that is not subnormal. */
const TINY = 1.1754943508222875e-38;

/**
 * The score of each label of each candidate of a line, -Infinity where it is impossible.
 * @param {Line} line @param {readonly Candidate[]} candidates
 * @param {readonly (readonly number[])[]} opinions  of each candidate: ten digits, then "not a digit"
 * @param {Weights} weights
 * @returns {number[][]}
 */
export function scoresOf(line, candidates, opinions, weights) {
  const borders = Array.from({ length: line.pieces.length + 1 }, (_, index) => borderAt(line, index));
  return candidates.map((candidate, row) => {
    const { start, end, box } = candidate;
    const cutOff = borders[start].cuts + borders[end].cuts;
    const shared = weighed({ ...shapeOf(line, candidate), digits: 1 }, weights);
    const border = weighed(borders[end], weights);
    const digits = oddsOf(opinions[row]).map((odds, digit) => {
      const unread = Math.min(Math.log1p(Math.exp(-odds)), MOST_SURPRISE);
      const doubt = CERTAIN - odds;
      const own = weighed({ unread, doubt, wide: excessWidth(box, digit) }, weights);
      const cut = { cut_unread: unread, cut_doubt: doubt, slivers: digit === 1 ? cutOff : 0 };
      return shared + border + own + (cutOff > 0 ? weighed(cut, weights) : 0);
    });
    return [...digits, speckScore(line, candidate, weights) + border];
  });
}

/** @param {Record<string, number>} features @param {Weights} weights */
function weighed(features, weights) {
  return Object.entries(features).reduce((total, [name, value]) => total + value * weights[name], 0);
}

/** Log odds of each digit against everything else. @param {readonly number[]} opinion */
function oddsOf(opinion) {
  const none = opinion[DIGITS];
  const exact = opinion.map((each, index) => (index < DIGITS ? each * (1 - none) : each));
  return exact.slice(0, DIGITS).map((each, digit) => {
    // The sum of the others, not one minus the digit: that would lose what is smaller than a millionth.
    const others = exact.reduce((total, other, index) => (index === digit ? total : total + other), 0);
    const odds = Math.log(Math.max(each, TINY)) - Math.log(Math.max(others, TINY));
    return Math.min(CERTAIN, Math.max(-CERTAIN, odds));
  });
}

/** How much wider than usual for that digit, as a squared deviation / 2. @param {Candidate["box"]} box @param {number} digit */
function excessWidth([, , width, height], digit) {
  const deviation = (Math.log(width / height) - LOG_ASPECT[digit]) / LOG_ASPECT_SD[digit];
  return Math.min(Math.max(0, deviation) ** 2 / 2, MOST_WIDE);
}

/** @param {Line} line @param {Candidate} candidate @param {Weights} weights */
function speckScore(line, { start, end, box }, weights) {
  const [width, height] = [box[2] / line.height, box[3] / line.height];
  const isSpeck = height < SPECK_HEIGHT && width < SPECK_WIDTH && end === start + 1 && line.pieces.length > 1;
  return isSpeck ? weighed({ left_out: 1, left_out_size: Math.max(width, height) }, weights) : -Infinity;
}

/** Features of a candidate's shape, whatever digit it is. @param {Line} line @param {Candidate} candidate */
function shapeOf(line, { start, end, box: [, , width, height] }) {
  const pieces = line.pieces.slice(start, end);
  // The longer side, because a flat zero may be as wide as its neighbours are tall.
  const ratio = Math.max(width, height) / line.height;
  const thickness = pieces.reduce((total, { ink, strokePx }) => total + sum(ink) / strokePx, 0);
  /** @type {Map<number, number>} */
  const heights = new Map();
  for (const { part, ink } of pieces) heights.set(part, Math.max(heights.get(part) ?? 0, ink.height));
  const tall = [...heights.values()].filter((each) => each >= TALL_PART * line.height).length;
  return {
    thin: Math.max(0, -Math.log(thickness / height)),
    short: Math.max(0, Math.log(USUAL_HEIGHT / ratio)),
    parts: heights.size - 1,
    tall_parts: Math.max(0, tall - 1),
    ...gapsOf(pieces, line.height),
  };
}

/** Blank columns between the components of a digit, and how many such gaps there are. @param {readonly Piece[]} pieces @param {number} height */
function gapsOf(pieces, height) {
  let [gap, joins, right] = [0, 0, pieces[0].right];
  pieces.slice(1).forEach((piece, index) => {
    if (piece.part !== pieces[index].part && piece.left >= right) {
      gap += (piece.left - right) / height;
      joins += 1;
    }
    right = Math.max(right, piece.right);
  });
  return { gap, joins };
}

/** Features of a border between two digits before a piece. @param {Line} line @param {number} index */
function borderAt({ pieces }, index) {
  const found = { cuts: 0, soft_ink: 0, crossing: 0, runs: 0, overlap: 0, shared: 0 };
  if (index === 0 || index === pieces.length) return found;
  for (let before = Math.max(0, index - 3); before < index; before += 1) {
    for (let after = index; after < Math.min(pieces.length, index + 3); after += 1) {
      const [left, right] = [pieces[before], pieces[after]];
      if (left.part !== right.part) {
        found.overlap = Math.max(found.overlap, overlapOf(left, right) ** 2);
        found.shared = Math.max(found.shared, sharedInk(left, right));
      } else if (left.cut !== null && pieces.slice(before + 1, after).every(({ part }) => part !== left.part)) {
        found.cuts += 1;
        found.soft_ink += Math.min(left.cut.crossing, SOFT_EDGE);
        found.crossing += Math.max(0, left.cut.crossing - SOFT_EDGE);
        found.runs += Math.max(0, left.cut.runs - 1);
      }
    }
  }
  return found;
}

/** Columns that two pieces share, as a share of the narrower one. @param {Piece} one @param {Piece} other */
function overlapOf(one, other) {
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  return Math.max(0, across / Math.min(one.ink.width, other.ink.width));
}

/** Ink that two pen strokes share where they cross, in squares of the stroke width. @param {Piece} one @param {Piece} other */
function sharedInk(one, other) {
  const [left, right] = [Math.max(one.left, other.left), Math.min(one.right, other.right)];
  let total = 0;
  for (let y = Math.max(one.top, other.top); y < Math.min(one.bottom, other.bottom); y += 1) {
    for (let x = left; x < right; x += 1) {
      total += Math.min(
        one.ink.data[(y - one.top) * one.ink.width + x - one.left],
        other.ink.data[(y - other.top) * other.ink.width + x - other.left],
      );
    }
  }
  return Math.min(MOST_SHARED, total / one.strokePx ** 2);
}
