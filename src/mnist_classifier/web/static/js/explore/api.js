// @ts-check
/**
 * The routes under /api/explore.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./state.js").View} View
 * @typedef {{version: number, name: string}} Version
 * @typedef {{versions: Version[], production: number, splits: string[]}} Choices
 * @typedef {{digit: number, images: number, precision: number | null, recall: number | null, f1: number | null}} ClassFigures
 * @typedef {{
 *   model: Version, split: string, images: number, correct: number, accuracy: number, interval_95: [number, number],
 *   nll: number, ece: number, confusion: number[][], per_class: ClassFigures[],
 *   verdicts: {digit: number, ambiguous: number, not_a_digit: number}, disputed: {images: number, wrong: number}
 * }} Summary
 * @typedef {{
 *   index: number, row: number, label: number, disputed: boolean, prediction: number, confidence: number,
 *   verdict: string, image: string
 * }} Thumbnail  prediction: the most likely digit, for every verdict
 * @typedef {{total: number, offset: number, images: Thumbnail[]}} Page
 * @typedef {number[][]} Map28  28 rows of 28, in nats
 * @typedef {{digit: number, ink: Map28, gaps: Map28}} Saliency
 * @typedef {{row: number, label: number, similarity: number, image: string}} Neighbour
 * @typedef {Reading & {
 *   index: number, row: number, label: number, disputed: boolean, split: string, glyph: string | null,
 *   saliency: Saliency | null, neighbours: Neighbour[] | null
 * }} Explained
 */

import { request } from "../shared/api.js";
import { PAGE_SIZE } from "./state.js";

// The first request for a version makes it read the whole split.
const TIMEOUT_MS = 60_000;

/** @returns {Promise<Choices>} */
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
