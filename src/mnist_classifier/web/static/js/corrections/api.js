// @ts-check
/**
 * The routes of the page of corrections.
 *
 * @typedef {import("../shared/corrections.js").Correction} Correction
 * @typedef {{label: string, writer: string | null, source: string, contradictions: boolean}} Filters
 *   label, source: "" for any; writer: null for any, "" for those without a name
 */

import { download, request } from "../shared/api.js";

const PATH = "/api/corrections";
/** A large file is checked as a whole. */
const LONG_MS = 120_000;

/** Filters as a query. @param {Filters} filters */
export function queryOf({ label, writer, source, contradictions }) {
  return new URLSearchParams({
    ...(label === "" ? {} : { label }),
    ...(writer === null ? {} : { writer }),
    ...(source === "" ? {} : { source }),
    ...(contradictions ? { contradictions: "1" } : {}),
  });
}

/** The filters of a query. @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  const text = (/** @type {string} */ name) => query.get(name) ?? "";
  return { label: text("label"), writer: query.get("writer"), source: text("source"), contradictions: text("contradictions") === "1" };
}

/**
 * A page of corrections, newest first.
 * @param {Filters} filters @param {number | null} after  the last one of the page before @param {number} limit
 * @returns {Promise<import("../shared/corrections.js").CorrectionPage>}
 */
export function list(filters, after, limit) {
  const query = queryOf(filters);
  query.set("limit", String(limit));
  if (after !== null) query.set("after", String(after));
  return request(`${PATH}?${query}`);
}

/** The picture that was sent. @param {number} id */
export async function picture(id) {
  return (await download(`${PATH}/${id}/image`)).content;
}

/** @param {Filters} filters @param {string} format */
export function exportFile(filters, format) {
  const query = queryOf(filters);
  query.set("format", format);
  return download(`${PATH}/export?${query}`);
}

/** @param {File} file @param {string} writer @returns {Promise<import("../shared/api-types.js").ImportedCorrections>} */
export function importFile(file, writer) {
  const body = new FormData();
  body.append("file", file, file.name);
  const query = writer === "" ? "" : `?${new URLSearchParams({ writer })}`;
  return request(`${PATH}/import${query}`, { method: "POST", body, timeout_ms: LONG_MS });
}

/** Delete for good. @param {string | null} writer  null: everything of everybody @returns {Promise<import("../shared/api-types.js").Purged>} */
export function purge(writer) {
  const query = new URLSearchParams({ confirm: "1", ...(writer === null ? {} : { writer }) });
  return request(`${PATH}?${query}`, { method: "DELETE" });
}

/** The names of the recipes. @returns {Promise<string[]>} */
export async function recipes() {
  const { recipes } = await request("/api/config");
  return recipes.map((/** @type {{name: string}} */ { name }) => name);
}

/** @param {string} recipe @returns {Promise<unknown>} */
export function retrain(recipe) {
  return request("/retrain", { method: "POST", json: { recipe } });
}

/** @returns {Promise<import("../shared/api-types.js").PersonalModelList>} */
export function listPersonal() {
  return request("/api/personal");
}

/** Learn a writer's handwriting. @param {string} writer @returns {Promise<import("../shared/api-types.js").PersonalModel>} */
export function personalise(writer) {
  return request("/api/personal", { method: "POST", json: { writer }, timeout_ms: LONG_MS });
}

/** Delete a personal model; the corrections stay. @param {string} writer */
export function forget(writer) {
  return request(`/api/personal?${new URLSearchParams({ writer })}`, { method: "DELETE" });
}
