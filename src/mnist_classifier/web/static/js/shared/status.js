// @ts-check
/**
 * Polls /model-status: every second during a training, less often otherwise,
 * and not while the page is hidden.
 *
 * @typedef {import("./api-types.js").State} Status
 */

import { modelStatus } from "./api.js";

const BUSY_MS = 1_000;
const IDLE_MS = 5_000;

/**
 * @param {{onStatus: (status: Status) => void, onError: (error: unknown) => void}} listener
 * @returns {() => void}  polls at once
 */
export function watchStatus({ onStatus, onError }) {
  /** @type {number | undefined} */
  let timer;
  let round = 0;

  async function ask() {
    window.clearTimeout(timer);
    round += 1;
    const mine = round;
    let wait_ms = IDLE_MS;
    try {
      const status = await modelStatus();
      if (mine !== round) return;
      if (status.training !== null) wait_ms = BUSY_MS;
      onStatus(status);
    } catch (error) {
      if (mine !== round) return;
      onError(error);
    }
    timer = window.setTimeout(() => document.hidden || ask(), wait_ms);
  }

  document.addEventListener("visibilitychange", () => document.hidden || ask());
  ask();
  return ask;
}
