// @ts-check
/**
 * Ink above a printed pattern, such as waves, bands or checks.  Follows patterned.py, which gives the reasons.
 *
 * @typedef {import("./flatten-photograph.js").Photograph} Photograph
 */

import { dilate } from "./image-filters.js";
import { borderPlaces, bytes, sum } from "./planes.js";

const LEAST_RATIO = 1.6;
const MIDDLE = [0.35, 0.65];
const MOST_BETWEEN = 0.05;
const LEAST_MEETINGS = 6;
const EDGE_PX = 7;
const SAMPLES = 4096;
const BINS = 64;

/** Leave out a pattern below the digit, if there is one. @param {Photograph} photograph @returns {Photograph} */
export function abovePattern(photograph) {
  const { density, mask } = photograph;
  const inked = density.data.filter((_, i) => mask.data[i] === 1);
  const step = Math.max(1, Math.floor(inked.length / SAMPLES));
  const densities = inked.filter((_, i) => i % step === 0);
  const border = divide(densities);
  const dark = mean(densities.filter((value) => value > border));
  const pale = mean(densities.filter((value) => value <= border));
  if (!(dark >= LEAST_RATIO * pale)) return photograph; // also without one of them, whose mean is NaN
  const [low, high] = MIDDLE.map((share) => pale + share * (dark - pale));
  if (densities.filter((value) => value > low && value < high).length > MOST_BETWEEN * densities.length) return photograph;
  const ink = bytes(density.width, density.height);
  const above = bytes(density.width, density.height);
  density.data.forEach((value, i) => {
    ink.data[i] = value > border ? 1 : 0;
    above.data[i] = value > (pale + dark) / 2 ? 1 : 0;
  });
  const near = dilate(ink, EDGE_PX);
  const pattern = bytes(density.width, density.height);
  for (let i = 0; i < pattern.data.length; i += 1) pattern.data[i] = mask.data[i] & ~near.data[i] & 1;
  const edge = Array.from(borderPlaces(pattern), (place) => pattern.data[place]);
  const meetings = edge.filter((value, i) => value === 1 && edge.at(i - 1) === 0).length;
  if (meetings < LEAST_MEETINGS || sum(pattern) < sum(ink)) return photograph;
  return { ...photograph, mask: above, typical: dark };
}

/** @param {Float32Array} values */
const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;

/** The density that best divides two groups. @param {Float32Array} densities */
function divide(densities) {
  const least = densities.reduce((low, value) => Math.min(low, value), Infinity);
  const width = (densities.reduce((high, value) => Math.max(high, value), -Infinity) - least) / BINS;
  const counts = new Array(BINS).fill(0);
  for (const value of densities) counts[Math.min(BINS - 1, Math.floor((value - least) / width) || 0)] += 1;
  const middles = counts.map((_, bin) => least + (bin + 0.5) * width);
  const total = counts.reduce((all, count, bin) => all + count * middles[bin], 0);
  let [below, sumBelow, best, found] = [0, 0, -1, least];
  for (let bin = 0; bin < BINS - 1; bin += 1) {
    below += counts[bin];
    sumBelow += counts[bin] * middles[bin];
    const above = densities.length - below;
    const variance = below * above * (sumBelow / Math.max(below, 1) - (total - sumBelow) / Math.max(above, 1)) ** 2;
    if (variance > best) [best, found] = [variance, least + (bin + 1) * width];
  }
  return found;
}
