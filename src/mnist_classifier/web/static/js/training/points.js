// @ts-check
/**
 * The points of the curves.  Their horizontal axis is the number of images that a run has seen, which runs with
 * different epochs and different numbers of images share.  Every point of every run is kept.  Pure.
 *
 * @typedef {import("./state.js").RunState} RunState
 * @typedef {[number, number][]} Points  images seen and value, in order
 */

const ALL_IMAGES = 55_000;

/** How many images one epoch of a run sees. @param {RunState} state */
export function epochImages({ steps }) {
  return steps.at(-1)?.images ?? ALL_IMAGES;
}

/** The running figures of the steps, and those of whole epochs. @param {RunState} state @param {"loss" | "accuracy"} figure @returns {Points} */
export function trainingPoints(state, figure) {
  return joined(state, (step) => step[figure], (epoch) => epoch[`train_${figure}`]);
}

/** @param {RunState} state @param {"loss" | "accuracy"} figure @returns {Points} */
export function validationPoints(state, figure) {
  return joined(state, () => null, (epoch) => epoch[`validation_${figure}`]);
}

/** @param {RunState} state @param {"learning_rate" | "images_per_s"} figure @returns {Points} */
export function coursePoints(state, figure) {
  return joined(state, (step) => step[figure], (epoch) => epoch[figure]);
}

/**
 * @param {RunState} state
 * @param {(step: import("./state.js").Step) => number | null} ofStep
 * @param {(epoch: import("./state.js").Epoch) => number} ofEpoch  counts where a step ends at the same image
 * @returns {Points}
 */
function joined(state, ofStep, ofEpoch) {
  const images = epochImages(state);
  /** @type {Map<number, number>} */
  const points = new Map();
  for (const step of state.steps) {
    const value = ofStep(step);
    if (value !== null) points.set(Math.round(step.at * images), value);
  }
  for (const epoch of state.epochs) points.set(epoch.epoch * images, ofEpoch(epoch));
  return [...points].sort(([one], [other]) => one - other);
}

/**
 * The columns of a chart: all positions, then a list for each curve, null where it has no point.
 * @param {Points[]} curves
 * @returns {[number[], ...(number | null)[][]]}
 */
export function columns(curves) {
  const xs = [...new Set(curves.flatMap((points) => points.map(([x]) => x)))].sort((one, other) => one - other);
  return [xs, ...curves.map((points) => {
    const known = new Map(points);
    return xs.map((x) => known.get(x) ?? null);
  })];
}

/** The point nearest to a position; null beside the curve. @param {Points} points @param {number} x @returns {[number, number] | null} */
export function nearest(points, x) {
  const last = points.at(-1);
  if (last === undefined) return null;
  const slack = last[0] * 0.02;
  if (x < points[0][0] - slack || x > last[0] + slack) return null;
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
}

/** A number of images in few letters: 900, 55k, 1.1M. @param {number} images */
export function shortCount(images) {
  if (images < 1000) return String(Math.round(images));
  if (images < 999_500) return `${Number((images / 1000).toPrecision(3))}k`;
  return `${Number((images / 1e6).toPrecision(3))}M`;
}
