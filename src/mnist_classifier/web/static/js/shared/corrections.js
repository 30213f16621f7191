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

import { request } from "./api.js";

const PATH = "/api/corrections";
/** A photograph may travel with a correction. */
const LONG_MS = 60_000;

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

/** @param {number} id @param {boolean} [keepalive]  go on when the page closes */
export function remove(id, keepalive = false) {
  return request(`${PATH}/${id}`, { method: "DELETE", keepalive });
}
