// @ts-check
/**
 * Keeps the round of a writer in this tab, so that a reload continues it.
 *
 * @typedef {import("./outbox.js").Stored} Stored
 * @typedef {{writer: string, left: number[], saved: (Stored & {label: number})[]}} Kept
 *   left: the digits that are still asked for.  saved: those that are done, oldest first
 */

const KEY = "mnist-classifier.round";

/** @param {Kept} round */
export function keepRound(round) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(round));
  } catch {
    // Storage is blocked or full.
  }
}

/** The round of this writer, if there is one. @param {string} writer @returns {Kept | null} */
export function keptRound(writer) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return kept?.writer === writer ? kept : null;
  } catch {
    return null;
  }
}

export function forgetRound() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked.
  }
}
