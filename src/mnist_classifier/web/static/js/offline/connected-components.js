// @ts-check
/**
 * Connected components of a mask, and the choice of those that form the digit.
 *
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./planes.js").Box} Box
 * @typedef {{mass: number, box: Box}} Part
 */

import { bytes } from "./planes.js";

/** As fractions of the main component's ink; these and the next three are the constants of parts.py. */
const SPECK_SHARE = 0.02;
const STROKE_SHARE = 0.15;
const STROKE_GAP = 0.3;
const EDGE_WEIGHT = 0.3;
/** For numbers, in heights of the main component. */
const FLAT = 0.25;
const LONG = 1;
const LEAST_AT_EDGE = 0.5;
const LONGEST_AT_EDGE = 2.5;

/**
 * Number the 8-connected components from 1, in the order of their first pixels; 0 is the background.
 * @param {Bytes} mask
 * @returns {{labels: Int32Array, count: number}}
 */
export function label({ width, height, data }) {
  const labels = new Int32Array(data.length);
  const waiting = new Int32Array(data.length);
  let count = 0;
  for (let first = 0; first < data.length; first += 1) {
    if (data[first] === 0 || labels[first] !== 0) continue;
    count += 1;
    labels[first] = count;
    waiting[0] = first;
    for (let left = 1; left > 0; ) {
      left -= 1;
      const here = waiting[left];
      const x = here % width;
      const y = (here - x) / width;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row += 1) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column += 1) {
          const next = row * width + column;
          if (data[next] === 0 || labels[next] !== 0) continue;
          labels[next] = count;
          waiting[left] = next;
          left += 1;
        }
      }
    }
  }
  return { labels, count };
}

/**
 * Weight and box of each numbered component.
 * @param {Int32Array} labels @param {number} count @param {Plane} weights
 * @returns {Part[]}
 */
export function partsOf(labels, count, { width, height, data }) {
  const parts = Array.from({ length: count }, () => ({ mass: 0, box: { top: height, bottom: 0, left: width, right: 0 } }));
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (labels[i] === 0) continue;
      const part = parts[labels[i] - 1];
      part.mass += data[i];
      part.box.top = Math.min(part.box.top, y);
      part.box.bottom = y + 1;
      part.box.left = Math.min(part.box.left, x);
      part.box.right = Math.max(part.box.right, x + 1);
    }
  }
  return parts;
}

/**
 * The part of a mask that belongs to the digit: its main component and likely strokes.
 * @param {Bytes} mask  not empty
 * @param {Plane} weights
 * @param {{dropEdges?: boolean}} [options]  dropEdges: leave out components at the edge of the picture
 * @returns {Bytes}
 */
export function digitParts(mask, weights, { dropEdges = false } = {}) {
  const { labels, count } = label(mask);
  if (count === 1) return mask;
  const { width, height } = mask;
  const parts = partsOf(labels, count, weights);
  const atEdge = parts.map(({ box }) => dropEdges && (box.top === 0 || box.left === 0 || box.bottom === height || box.right === width));
  const eligible = parts.map(({ mass }, index) => mass * (atEdge[index] ? EDGE_WEIGHT : 1));
  const main = eligible.indexOf(Math.max(...eligible));
  const { box } = parts[main];
  const size = Math.max(box.bottom - box.top, box.right - box.left);
  const kept = parts.map((part, index) => {
    const share = eligible[index] / eligible[main];
    const isNear = gapBetween(part.box, box) < STROKE_GAP * size || share >= STROKE_SHARE;
    return index === main || (share >= SPECK_SHARE && isNear && !atEdge[index]);
  });
  return picked(labels, kept, mask);
}

/** The pixels of some components. @param {Int32Array} labels @param {readonly boolean[]} kept @param {Bytes} mask */
function picked(labels, kept, { width, height }) {
  const result = bytes(width, height);
  for (let i = 0; i < labels.length; i += 1) result.data[i] = labels[i] > 0 && kept[labels[i] - 1] ? 1 : 0;
  return result;
}

/**
 * The part of a photograph's mask that may be the digits of a number: no specks, no remains of printed lines, and at
 * the edge only what is about as tall as the main component.
 * @param {Bytes} mask  not empty
 * @param {Plane} weights
 */
export function numberParts(mask, weights) {
  const { labels, count } = label(mask);
  const parts = partsOf(labels, count, weights);
  const atEdge = parts.map(({ box }) => box.top === 0 || box.left === 0 || box.bottom === mask.height || box.right === mask.width);
  const eligible = parts.map(({ mass }, index) => mass * (atEdge[index] ? EDGE_WEIGHT : 1));
  const main = parts[eligible.indexOf(Math.max(...eligible))];
  const unit = main.box.bottom - main.box.top;
  const kept = parts.map((part, index) => {
    const [height, width] = [(part.box.bottom - part.box.top) / unit, (part.box.right - part.box.left) / unit];
    const isLikeMain = height > LEAST_AT_EDGE && height < 1 / LEAST_AT_EDGE && width < LONGEST_AT_EDGE;
    const isWriting = part.mass >= SPECK_SHARE * main.mass && (height > FLAT || width < LONG);
    return part === main || (isWriting && (!atEdge[index] || isLikeMain));
  });
  return picked(labels, kept, mask);
}

/** @param {Box} one @param {Box} other */
function gapBetween(one, other) {
  return Math.max(one.top - other.bottom, other.top - one.bottom, one.left - other.right, other.left - one.right);
}
