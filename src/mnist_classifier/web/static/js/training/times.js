// @ts-check
/**
 * How long a recipe trains on the server, in words.
 *
 * @typedef {import("../shared/api-types.js").RecipeTimes} RecipeTimes
 */

import { roughDuration } from "../shared/format.js";

/** @param {RecipeTimes} times @param {string} recipe */
export function timeText({ state, seconds }, recipe) {
  if (state === "measuring") return "Measuring how long it takes here…";
  return recipe in seconds ? `About ${roughDuration(seconds[recipe])} of training on this machine.` : "";
}
