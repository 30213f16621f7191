// @ts-check
/**
 * The routes and words of corrections.
 *
 * @typedef {import("./api-types.js").StoredCorrection} Correction
 * @typedef {import("./api-types.js").CorrectionPage} CorrectionPage
 * @typedef {import("./api-types.js").ChangedCorrection} Changed
 * @typedef {import("./api-types.js").NewCorrection} NewCorrection
 * @typedef {Correction["label"]} Label
 */

import { ApiError, request } from "./api.js";

const PATH = "/api/corrections";
/** A photograph may travel with a correction. */
const LONG_MS = 60_000;
/** As many requests as a browser sends to one server at a time. */
const AT_ONCE = 6;

/** @type {readonly Label[]} */
export const LABELS = [...Array(10).keys(), "not_a_digit"];

/** @param {Label | number | string} label */
export function labelWords(label) {
  return label === "not_a_digit" ? "not a digit" : String(label);
}

/** A label as a form has it. @param {string} text @returns {Label} */
export function labelOf(text) {
  return text === "not_a_digit" ? text : Number(text);
}

/** @param {NewCorrection} correction @returns {Promise<Changed>} */
export function add(correction) {
  return request(PATH, { method: "POST", json: correction, timeout_ms: LONG_MS });
}

/** @param {number} id @param {{label?: Label, writer?: string}} changes @returns {Promise<Changed>} */
export function edit(id, changes) {
  return request(`${PATH}/${id}`, { method: "PATCH", json: changes });
}

/**
 * Delete a correction, if it is still there.
 * @param {number} id @param {boolean} [keepalive]  go on when the page closes
 * @returns {Promise<number[]>}  the model versions that learned from it
 */
export async function remove(id, keepalive = false) {
  try {
    return (await request(`${PATH}/${id}`, { method: "DELETE", keepalive })).seen_by;
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/**
 * Delete corrections, a few at a time.
 * @param {number[]} ids  each is taken off this list once it is deleted
 * @returns {Promise<number[]>}  the model versions that learned from them, in order
 */
export async function removeAll(ids) {
  /** @type {Set<number>} */
  const seenBy = new Set();
  while (ids.length > 0) {
    const replies = await Promise.allSettled(ids.slice(0, AT_ONCE).map((id) => remove(id)));
    const left = ids.splice(0, replies.length).filter((_, place) => replies[place].status === "rejected");
    ids.unshift(...left);
    for (const reply of replies) {
      if (reply.status === "rejected") throw reply.reason;
      for (const version of reply.value) seenBy.add(version);
    }
  }
  return [...seenBy].sort((a, b) => a - b);
}

/** Whether a correction does not exist any more. @param {unknown} error */
export function isGone(error) {
  return error instanceof ApiError && error.code === "correction_missing";
}

/** What a deletion does not reach. @param {readonly number[]} versions  those that learned from what was deleted */
export function seenWords(versions) {
  if (versions.length === 0) return "";
  return versions.length === 1
    ? ` Model version ${versions[0]} learned from this and does not forget it.`
    : ` Model versions ${versions.join(", ")} learned from this and do not forget it.`;
}
