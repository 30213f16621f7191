// @ts-check
/**
 * Words about the trials of a search (`mnist tune`).
 *
 * @typedef {import("../shared/api-types.js").Trial} Trial
 */

import { loss } from "../shared/format.js";

/** Which trial it is, such as "trial 3 of fast-1a2b3c". @param {Trial} trial @param {number | null} seed */
export function trialName({ search, number, stage }, seed) {
  return `trial ${number} of ${search}${stage === "final" ? `, seed ${seed}` : ""}`;
}

/** What varies and how good it is, such as "learning rate 0.03, batch size 96. Calibrated validation loss 0.0213." @param {Trial} trial */
export function trialText({ values, losses, loss: final }) {
  const settings = Object.entries(values).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(", ");
  const latest = final ?? losses.at(-1);
  return `${settings}.${latest === undefined ? "" : ` Calibrated validation loss ${loss(latest)}.`}`;
}
