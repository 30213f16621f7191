// @ts-check
/**
 * A network as a sequence of stages, and how one value of a stage came about.  Pure.
 *
 * A stage is a convolution or a connected layer, with the pooling, BatchNorm and ReLU that follow it.
 *
 * @typedef {import("./network.js").Network} Network
 * @typedef {import("./network.js").Features} Features
 * @typedef {"patches" | "conv" | "dense"} Kind
 * @typedef {{kind: Kind, block: number, first: number, last: number, hasPool: boolean, hasRelu: boolean, affine: number | null}} Stage
 *   block: from 1; 0 outside a block.  first, last, affine: indices of layers
 * @typedef {{x: number, y: number, channel: number}} Place
 * @typedef {{channel: number, side: number, left: number, top: number, values: Float64Array, weights: Float64Array, total: number}} Part
 *   side x side values of one input map from (left, top), and the kernel that multiplies them.  total: sum of the products
 * @typedef {{
 *   source: Features, parts: Part[], products: number, sum: number, bias: number, candidates: number[], picked: number,
 *   scale: number, offset: number, before: number, value: number
 * }} Made
 *   products: how many.  candidates: what the pool chose from, by rows; one value without a pool.  before: the value before ReLU
 */

import { weightAt } from "./network.js";

/** @param {Pick<Network, "layers">} network @returns {Stage[]} */
export function stagesOf({ layers }) {
  /** @type {Stage[]} */
  const stages = [];
  layers.forEach(({ op }, index) => {
    const stage = stages[stages.length - 1];
    if (op === "conv" || op === "dense" || op === "patches") {
      const block = op === "conv" ? blockAfter(stage) : 0;
      stages.push({ kind: op, block, first: index, last: index, hasPool: false, hasRelu: false, affine: null });
      return;
    }
    stage.last = index;
    if (op === "pool") stage.hasPool = true;
    else if (op === "relu") stage.hasRelu = true;
    else stage.affine = index;
  });
  return stages;
}

/** A pool ends a block. @param {Stage | undefined} stage */
function blockAfter(stage) {
  if (stage === undefined || stage.block === 0) return 1;
  return stage.hasPool ? stage.block + 1 : stage.block;
}

/** The output of a stage. @param {Features[]} trace @param {Stage} stage */
export function outputOf(trace, { last }) {
  return trace[last + 1];
}

/** The value at a place; 0 outside, as the convolution pads. @param {Features} features @param {Place} place */
export function valueAt({ side, channels, data }, { x, y, channel }) {
  return x < 0 || y < 0 || x >= side || y >= side ? 0 : data[(y * side + x) * channels + channel];
}

/**
 * How a value of a stage came about.
 * @param {Network} network @param {Features[]} trace @param {Stage} stage  not patches
 * @param {Place} place  in the output of the stage
 * @returns {Made}
 */
export function made(network, trace, stage, place) {
  const { channel } = place;
  const window = stage.hasPool ? [0, 1, 2, 3].map((i) => ({ x: 2 * place.x + (i % 2), y: 2 * place.y + (i >> 1), channel })) : [place];
  const candidates = window.map((each) => valueAt(trace[stage.first + 1], each));
  const picked = candidates.indexOf(Math.max(...candidates));
  const { source, parts } = partsOf(network, trace, stage.first, window[picked]);
  const { scale, offset } = stage.affine === null ? { scale: null, offset: null } : network.layers[stage.affine];
  const [factor, shift] = [scale?.[channel] ?? 1, offset?.[channel] ?? 0];
  return {
    source,
    parts: parts.sort((one, other) => Math.abs(other.total) - Math.abs(one.total)),
    products: parts.length * parts[0].side ** 2,
    sum: parts.reduce((sum, { total }) => sum + total, 0),
    bias: network.layers[stage.first].matrix?.bias[channel] ?? 0,
    candidates,
    picked,
    scale: factor,
    offset: shift,
    before: candidates[picked] * factor + shift,
    value: valueAt(outputOf(trace, stage), place),
  };
}

/**
 * The products behind one output of a convolution or connected layer, by input channel.  A convolution of patches looks
 * at the glyph with a larger kernel, so it has one part.
 * @param {Network} network @param {Features[]} trace @param {number} layer @param {Place} place
 */
function partsOf(network, trace, layer, { x, y, channel: row }) {
  const { op, kernel, matrix } = network.layers[layer];
  if (matrix === null) throw new Error(`layer ${layer} has no weights`);
  const input = trace[layer];
  const side = op === "dense" ? input.side : kernel;
  const [left, top] = op === "dense" ? [0, 0] : [x - (side >> 1), y - (side >> 1)];
  const weight = (/** @type {number} */ at, /** @type {number} */ channel) => weightAt(matrix, row, at * input.channels + channel);
  const before = network.layers[layer - 1];
  if (before?.op === "patches") {
    const { patch } = before;
    const fine = side * patch;
    const place = (/** @type {number} */ i) => ({ x: i % fine, y: Math.floor(i / fine) });
    const unpatched = (/** @type {number} */ i) => {
      const at = place(i);
      const coarse = Math.floor(at.y / patch) * side + Math.floor(at.x / patch);
      return weight(coarse, (at.y % patch) * patch + (at.x % patch));
    };
    return { source: trace[layer - 1], parts: [part(trace[layer - 1], 0, fine, left * patch, top * patch, unpatched)] };
  }
  const parts = Array.from({ length: input.channels }, (_, channel) => part(input, channel, side, left, top, (i) => weight(i, channel)));
  return { source: input, parts };
}

/**
 * @param {Features} input @param {number} channel @param {number} side @param {number} left @param {number} top
 * @param {(index: number) => number} weight
 * @returns {Part}
 */
function part(input, channel, side, left, top, weight) {
  const values = new Float64Array(side * side);
  const weights = new Float64Array(side * side);
  let total = 0;
  for (let i = 0; i < values.length; i += 1) {
    values[i] = valueAt(input, { x: left + (i % side), y: top + Math.floor(i / side), channel });
    weights[i] = weight(i);
    total += values[i] * weights[i];
  }
  return { channel, side, left, top, values, weights, total };
}

/**
 * How much a drawing raises the values of each channel above those of an empty picture.
 * @param {Features} features @param {Features} empty  the same stage for an empty picture
 */
export function activity({ channels, data }, empty) {
  const raised = new Float64Array(channels);
  for (let i = 0; i < data.length; i += 1) raised[i % channels] += Math.max(0, data[i] - empty.data[i]);
  return raised;
}

/** Channels, the most active first. @param {Features} features @param {Features} empty */
export function byActivity(features, empty) {
  const raised = activity(features, empty);
  return [...raised.keys()].sort((one, other) => raised[other] - raised[one]);
}

/** The place in a channel that the drawing raises most. @param {Features} features @param {Features} empty @param {number} channel @returns {Place} */
export function peakOf({ side, channels, data }, empty, channel) {
  let best = 0;
  let most = -Infinity;
  for (let pixel = 0; pixel < side * side; pixel += 1) {
    const raised = data[pixel * channels + channel] - empty.data[pixel * channels + channel];
    if (raised > most) [best, most] = [pixel, raised];
  }
  return { x: best % side, y: Math.floor(best / side), channel };
}
