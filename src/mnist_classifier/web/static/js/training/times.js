// @ts-check
/**
 * How long a training takes on the server, in words.  Pure.
 *
 * @typedef {import("../shared/api-types.js").RecipeTimes} RecipeTimes
 * @typedef {{recipe: string | null, config?: {[name: string]: unknown}}} Planned  a run, with its settings if they are known
 */

import { roughDuration } from "../shared/format.js";

const ALL_IMAGES = 55_000;

/** @param {RecipeTimes} times @param {string} recipe @param {number} [share]  how long the training is, as a share of the recipe */
export function timeText({ state, seconds }, recipe, share = 1) {
  if (state === "measuring") return "Measuring how long it takes here…";
  if (state === "busy") return "How long it takes here is measured after the running training.";
  return recipe in seconds ? `About ${roughDuration(seconds[recipe] * share)} of training on this machine.` : "";
}

/** How many images a training sees, about. @param {{[name: string]: unknown}} config */
export function lengthOf({ epochs, train_images }) {
  return (Number(epochs) || 1) * (Number(train_images) || ALL_IMAGES);
}

/**
 * The seconds that a run trains here, if those of its recipe are known.
 * @param {Planned} run @param {RecipeTimes} times @param {{[name: string]: unknown}} values  of the recipe
 */
export function secondsOf({ recipe, config }, { seconds }, values) {
  const known = recipe === null ? undefined : seconds[recipe];
  return known === undefined || config === undefined ? undefined : (known * lengthOf(config)) / lengthOf(values);
}
