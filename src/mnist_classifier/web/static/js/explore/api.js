// @ts-check
/**
 * The routes under /api/explore.
 *
 * @typedef {import("./state.js").View} View
 * @typedef {import("../shared/api-types.js").ExploreSummary} Summary
 * @typedef {import("../shared/api-types.js").ClassFigures} ClassFigures
 * @typedef {import("../shared/api-types.js").Thumbnail} Thumbnail
 * @typedef {import("../shared/api-types.js").Gallery} Page
 * @typedef {import("../shared/api-types.js").Saliency} Saliency
 * @typedef {import("../shared/api-types.js").Neighbour} Neighbour
 * @typedef {import("../shared/api-types.js").ExploredImage} Explained
 * @typedef {number[][]} Map28  28 rows of 28, in nats
 */

import { request } from "../shared/api.js";
import { PAGE_SIZE } from "./state.js";

// The first request for a version makes it read the whole split.
const TIMEOUT_MS = 60_000;

/** @returns {Promise<import("../shared/api-types.js").ExploreChoices>} */
export function choices() {
  return request("/api/explore");
}

/** @param {View} view @param {AbortSignal} signal @returns {Promise<Summary>} */
export function summary({ version, split }, signal) {
  return get("/api/explore/summary", { version, split }, signal);
}

/** @param {View} view @param {AbortSignal} signal @returns {Promise<Page>} */
export function images({ version, split, show, label, prediction, page }, signal) {
  const offset = (page - 1) * PAGE_SIZE;
  return get("/api/explore/images", { version, split, show, label, prediction, offset, limit: PAGE_SIZE }, signal);
}

/** @param {View} view @param {AbortSignal} signal @returns {Promise<Explained>} */
export function image({ version, split, image, digit }, signal) {
  return get(`/api/explore/images/${split}/${image}`, { version, digit }, signal);
}

/** @param {string} path @param {Record<string, string | number | null>} parameters @param {AbortSignal} signal */
function get(path, parameters, signal) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, String(value));
  return request(`${path}?${query}`, { signal, timeout_ms: TIMEOUT_MS });
}
