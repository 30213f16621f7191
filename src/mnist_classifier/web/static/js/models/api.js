// @ts-check
/**
 * The routes of model versions.
 *
 * @typedef {import("../shared/api-types.js").ModelEntry} Version
 * @typedef {import("../shared/api-types.js").ModelDetails} Details
 * @typedef {import("../shared/api-types.js").Comparison} Comparison
 * @typedef {import("../shared/api-types.js").Disagreement} Disagreement
 * @typedef {import("../shared/api-types.js").Disagreements} Disagreements
 * @typedef {import("../shared/api-types.js").Move} Move
 */

import { download, request } from "../shared/api.js";

// For a first comparison, two networks read up to 10,000 images; for an import, an archive is uploaded and checked.
const LONG_MS = 120_000;

/** @returns {Promise<import("../shared/api-types.js").ModelList>} */
export function listModels() {
  return request("/api/models");
}

/** @param {number} version @returns {Promise<Details>} */
export function getModel(version) {
  return request(`/api/models/${version}`);
}

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

/** @param {File} file @returns {Promise<import("../shared/api-types.js").Imported>} */
export function importArchive(file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return request("/api/models/import", { method: "POST", body, timeout_ms: LONG_MS });
}

/** @returns {Promise<import("../shared/api-types.js").Promotions>} */
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
