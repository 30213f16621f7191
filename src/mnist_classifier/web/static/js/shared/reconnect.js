// @ts-check
/** Go on by itself once the server answers again. */

import { ApiError, waitForServer } from "./api.js";

/** What goes on then. @type {Set<() => void>} */
const waiting = new Set();

/**
 * If the server did not answer, wait until it does.
 * @param {unknown} error
 * @param {() => void} onBack
 */
export async function goOnWhenBack(error, onBack) {
  if (!(error instanceof ApiError) || error.code !== "network") return;
  waiting.add(onBack);
  if (waiting.size > 1) return;
  await waitForServer();
  const all = [...waiting];
  waiting.clear();
  for (const goOn of all) goOn();
}
