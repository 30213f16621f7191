// @ts-check
/**
 * The routes of model versions.
 *
 * @typedef {import("../shared/api.js").Score} Score
 * @typedef {{goals: number, goals_reached: number, pen_digits_mean?: number | null, corruptions_mean?: number | null, characters_auroc?: number | null}} Robustness
 * @typedef {Score & {nll?: number, ece?: number}} Figures
 * @typedef {{
 *   version: number, name: string, created_at: string, recipe: string | null, parameters: number | null, note: string,
 *   metrics: {validation?: Figures, test?: Figures, robustness?: Robustness},
 *   aliases: string[], bytes: number, editable: boolean, deletable: boolean
 * }} Version
 * @typedef {{champion: number, challenger: number, passed: boolean, reason: string, checks: {passed: boolean}[]}} Gate
 * @typedef {Version & {
 *   run_id: number | null, seed: number | null, temperature: number, gate: Gate | null,
 *   imported_from: {version: number | null} | null, training: {epochs?: number, elapsed_s?: number}
 * }} Details
 * @typedef {{aliases: Record<string, number>, roll_back_to: number | null, models: Version[], set_aside: {folder: string, reason: string}[]}} Listing
 * @typedef {{id: number, alias: string, version: number, previous: number, at: string, actor: string, reason: string, is_rollback: boolean}} Promotion
 * @typedef {{models: [Version, Version], confusion_difference: Record<string, number[][] | null>, gate: Gate}} Comparison
 * @typedef {{index: number, label: number, predictions: [number, number], confidences: [number, number], image: string}} Disagreement
 * @typedef {{split: string, count: number, right: [number, number], images: Disagreement[]}} Disagreements
 */

import { download, request } from "../shared/api.js";

// Two networks read up to 10,000 images the first time; an archive is uploaded and checked.
const LONG_MS = 120_000;

/** @returns {Promise<Listing>} */
export function listModels() {
  return request("/api/models");
}

/** @param {number} version @returns {Promise<Details>} */
export function getModel(version) {
  return request(`/api/models/${version}`);
}

/**
 * What a move of production may say: why, what the page shows as in production, whether a less accurate version is wanted.
 * @typedef {{reason?: string, from?: number, confirm?: boolean}} Move
 */

/** @param {number} version @param {Move} move @returns {Promise<Version>} */
export function promote(version, move) {
  return request(`/api/models/${version}/promote`, { method: "POST", json: move });
}

/** @param {Move} move @returns {Promise<Version>} */
export function rollBack(move) {
  return request("/api/models/rollback", { method: "POST", json: move });
}

/** @param {number} version @param {{name: string, note: string}} changes @returns {Promise<Version>} */
export function edit(version, changes) {
  return request(`/api/models/${version}`, { method: "PATCH", json: changes });
}

/** @param {number} version */
export function remove(version) {
  return request(`/api/models/${version}`, { method: "DELETE" });
}

/** @param {number} version */
export function exportPath(version) {
  return `/api/models/${version}/export`;
}

/** @param {number} version */
export function exportArchive(version) {
  return download(exportPath(version));
}

/** @param {File} file @returns {Promise<Version & {remarks: string[]}>} */
export function importArchive(file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return request("/api/models/import", { method: "POST", body, timeout_ms: LONG_MS });
}

/** @returns {Promise<{promotions: Promotion[]}>} */
export function listPromotions() {
  return request("/api/models/promotions?limit=30");
}

/** @param {number} first @param {number} second @param {AbortSignal} signal @returns {Promise<Comparison>} */
export function compareModels(first, second, signal) {
  return request(`/api/models/${first}/compare/${second}`, { signal });
}

/** @param {number} first @param {number} second @param {string} split @param {AbortSignal} signal @returns {Promise<Disagreements>} */
export function listDisagreements(first, second, split, signal) {
  return request(`/api/models/${first}/disagreements/${second}?split=${split}&limit=60`, { signal, timeout_ms: LONG_MS });
}
