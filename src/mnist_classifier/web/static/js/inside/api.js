// @ts-check
/**
 * Routes that explain a reading.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../pad/workbench.js").Source} Source
 * @typedef {import("../pad/workbench.js").Mode} Mode
 * @typedef {import("../shared/api-types.js").Explanation} Explanation
 */

import { request } from "../shared/api.js";
import { withVersion } from "../shared/version.js";

// The first explanation loads the training images.
const TIMEOUT_MS = 60_000;

/** @param {Source} source @param {AbortSignal} signal @param {number | null} digit  the digit to explain; null for the most likely one @returns {Promise<Explanation>} */
export function explain(source, signal, digit = null) {
  return withVersion((version) => post(`/api/explore/explain${digit === null ? "" : `?digit=${digit}`}`, source, version, signal));
}

/** Read with a given version. @param {number} version @param {Source} source @param {Mode} mode @param {AbortSignal} signal @returns {Promise<Reading | NumberReading>} */
export function predictWith(version, source, mode, signal) {
  return post("/predict", source, { version: String(version), mode }, signal);
}

/** @param {string} path @param {Source} source @param {Record<string, string>} fields @param {AbortSignal} signal */
function post(path, source, fields, signal) {
  const options = { method: "POST", signal, timeout_ms: TIMEOUT_MS };
  if ("image" in source) return request(path, { ...options, json: { ...source, ...fields } });
  const body = new FormData();
  body.append("file", source.file, source.file.name || "image");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return request(path, { ...options, body });
}
