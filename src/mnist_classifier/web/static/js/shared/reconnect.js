// @ts-check
/** Go on by itself once the server answers again. */

import { ApiError, waitForServer } from "./api.js";

let isWaiting = false;

/**
 * If the server did not answer, wait until it does.
 * @param {unknown} error
 * @param {() => void} onBack
 */
export async function goOnWhenBack(error, onBack) {
  if (isWaiting || !(error instanceof ApiError) || error.code !== "network") return;
  isWaiting = true;
  await waitForServer();
  isWaiting = false;
  onBack();
}
