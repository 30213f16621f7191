// @ts-check
/**
 * The server's routes.  Every failure is an ApiError with a message for people.
 * The one exception is an AbortError, if the caller aborts.
 *
 * Types come from api-types.d.ts.  A reading that was made in the browser lacks some fields of the server's.
 *
 * @typedef {import("./api-types.js").Reading} ServerReading
 * @typedef {Omit<ServerReading, "model" | "elapsed_ms"> & {model?: ServerReading["model"], elapsed_ms?: number}} Reading
 * @typedef {import("./api-types.js").TextLine & {name?: string}} TextLine  name: of the field of a form
 * @typedef {Omit<import("./api-types.js").Number, "lines"> & {lines: TextLine[]}} NumberReading
 * @typedef {import("./api-types.js").DigitInNumber} DigitInNumber
 * @typedef {import("./api-types.js").Form} FormReading
 * @typedef {{length?: number, pattern?: string, allowed?: string}} Expected  what the user knows about a number
 * @typedef {import("./api-types.js").Run} Run
 * @typedef {import("./api-types.js").RunEvent} RunEvent
 */

import { at } from "./paths.js";
import { personalQuery } from "./personal.js";
import { askForToken, authorization } from "./token.js";
import { withVersion } from "./version.js";

const TIMEOUT_MS = 15_000;
const UPLOAD_TIMEOUT_MS = 60_000;
/** How often to try a server that does not answer. */
const RETRY_MS = 2_000;

export class ApiError extends Error {
  /**
   * @param {string} code  the server's code, or "network", "timeout", "bad_answer"
   * @param {string} message
   * @param {{status?: number, field?: string | null}} [details]
   */
  constructor(code, message, { status = 0, field = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.field = field;
  }
}

/** Whether the server itself said that it did nothing; otherwise nobody knows. @param {unknown} error */
export function isAnswer(error) {
  return error instanceof ApiError && !["network", "timeout", "bad_answer"].includes(error.code);
}

/** Whether the server refused the picture itself, so that trying again is useless. @param {unknown} error */
export function refusesPicture(error) {
  const isRefusal = error instanceof ApiError && error.status >= 400 && error.status < 500;
  return isRefusal && [null, "image", "file"].includes(error.field);
}

/** @typedef {{method?: string, json?: unknown, body?: BodyInit, signal?: AbortSignal, timeout_ms?: number, cache?: RequestCache, keepalive?: boolean}} Options */

/** Send a request; returns the JSON of the reply. @param {string} path @param {Options} [options] @returns {Promise<any>} */
export function request(path, options) {
  return authorised(() => send(at(path), options, unpack));
}

/** The JSON behind a link from an earlier reply. @param {string} link @returns {Promise<any>} */
export function follow(link) {
  return authorised(() => send(link, {}, unpack));
}

/** A file that the server makes. @param {string} path @returns {Promise<{name: string, content: Blob}>} */
export function download(path) {
  return authorised(() => send(at(path), { timeout_ms: UPLOAD_TIMEOUT_MS }, unpackFile));
}

/**
 * Call `ask`.  While the server refuses for lack of a token, ask the user for it and try again.
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function authorised(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (!(await askForToken(error.message))) throw error;
    }
  }
}

/**
 * @template T
 * @param {string} address
 * @param {Options | undefined} options
 * @param {(response: Response) => Promise<T>} read
 * @returns {Promise<T>}
 */
async function send(address, { method = "GET", json, body, signal, timeout_ms = TIMEOUT_MS, cache = "no-store", keepalive = false } = {}, read) {
  signal?.throwIfAborted();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeout_ms);
  const giveUp = () => deadline.abort();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    /** @type {Record<string, string>} */
    const type = json === undefined ? {} : { "Content-Type": "application/json" };
    const headers = { Accept: "application/json", ...type, ...authorization() };
    const content = json === undefined ? body : JSON.stringify(json);
    const response = await fetch(address, { method, headers, body: content, signal: deadline.signal, cache, keepalive });
    return await read(response);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof ApiError) throw error;
    throw deadline.signal.aborted ? timedOut(timeout_ms) : unreachable();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The JSON of a reply; throws its error as an ApiError. @param {Response} response */
async function unpack(response) {
  const text = await response.text();
  /** @type {any} */
  let reply = null;
  try {
    reply = JSON.parse(text);
  } catch {
    throw unexpected(response.status);
  }
  if (response.ok) return reply;
  const { code, message, field = null } = reply?.error ?? {};
  if (typeof code !== "string" || typeof message !== "string") throw unexpected(response.status);
  throw new ApiError(code, message, { status: response.status, field });
}

/**
 * The network of a version as model.bin, from the browser's cache if the server has the same.  Never asks for the
 * token: a page reads without this file too.
 * @param {number} version @returns {Promise<ArrayBuffer>}
 */
export function browserModel(version) {
  const read = (/** @type {Response} */ response) => (response.ok ? response.arrayBuffer() : unpack(response));
  return send(at(`/api/models/${version}/browser`), { timeout_ms: UPLOAD_TIMEOUT_MS, cache: "no-cache" }, read);
}

/** The personal models.  Never asks for the token: a page reads without them too. @returns {Promise<import("./api-types.js").PersonalModelList>} */
export function personalModels() {
  return send(at("/api/personal"), {}, unpack);
}

/** @param {Response} response */
async function unpackFile(response) {
  if (!response.ok) return unpack(response); // which throws
  const [, name = "download"] = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "") ?? [];
  return { name, content: await response.blob() };
}

export function unreachable() {
  return new ApiError("network", "No answer from the server. Is it still running?");
}

/** @param {number} timeout_ms */
function timedOut(timeout_ms) {
  return new ApiError("timeout", `The server did not answer within ${Math.round(timeout_ms / 1000)} seconds. Try again.`);
}

/** @param {number} status */
function unexpected(status) {
  return new ApiError("bad_answer", `The server sent an unexpected reply (HTTP ${status}). Reload the page and try again.`, { status });
}

/** Ask for a reading by the version of the page. @param {Record<string, string>} options  of the query @param {Options} sent @returns {Promise<any>} */
function predict(options, sent) {
  return withVersion((version) => {
    const query = String(new URLSearchParams({ ...options, ...version, ...personalQuery() }));
    return request(`/predict${query === "" ? "" : `?${query}`}`, { method: "POST", ...sent });
  });
}

/** @param {boolean} steps  whether to ask for the preprocessing steps */
function digitOptions(steps) {
  return { glyph: "1", ...(steps ? { steps: "1" } : {}) };
}

/** @param {string} image  data URL @param {AbortSignal} [signal] @param {boolean} [steps] @returns {Promise<Reading>} */
export function predictImage(image, signal, steps = false) {
  return predict(digitOptions(steps), { json: { image }, signal });
}

/**
 * Read several digits.
 * @param {string} image  data URL
 * @param {[number, number][][]} strokes  in pixels of the image
 * @param {Expected} expected  what the user knows about the number
 * @param {AbortSignal} [signal]
 * @returns {Promise<NumberReading>}
 */
export function predictNumber(image, strokes, expected, signal) {
  const json = { image, mode: "number", ...(strokes.length > 0 ? { strokes } : {}), ...expected };
  return predict({}, { json, signal });
}

/** @param {File} file @param {Expected} expected @param {AbortSignal} [signal] @returns {Promise<NumberReading>} */
export function predictNumberFile(file, expected, signal) {
  const body = new FormData();
  body.append("file", file, file.name || "image");
  for (const [name, value] of Object.entries({ mode: "number", ...expected })) body.append(name, String(value));
  return predict({}, { body, signal, timeout_ms: UPLOAD_TIMEOUT_MS });
}

/**
 * Read the fields of a form.
 * @param {File} file
 * @param {readonly import("../pad/form.js").Field[]} fields
 * @param {AbortSignal} [signal]
 * @returns {Promise<FormReading>}
 */
export function predictForm(file, fields, signal) {
  const body = new FormData();
  body.append("file", file, file.name || "image");
  body.append("mode", "number");
  body.append("fields", JSON.stringify(fields));
  return predict({}, { body, signal, timeout_ms: UPLOAD_TIMEOUT_MS });
}

/** @param {File} file @param {AbortSignal} [signal] @param {boolean} [steps] @returns {Promise<Reading>} */
export function predictFile(file, signal, steps = false) {
  const body = new FormData();
  body.append("file", file, file.name || "image");
  return predict(digitOptions(steps), { body, signal, timeout_ms: UPLOAD_TIMEOUT_MS });
}

/** @param {AbortSignal} [signal] @returns {Promise<import("./api-types.js").State>} */
export function modelStatus(signal) {
  return request("/model-status", { signal });
}

/** Wait until the server answers.  A page that nobody sees does not ask. */
export async function waitForServer() {
  for (let isBack = false; !isBack; ) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    isBack = document.hidden ? false : await modelStatus().then(() => true, () => false);
  }
}

/** @param {number} runId */
export function cancelRun(runId) {
  return request(`/api/runs/${runId}/cancel`, { method: "POST" });
}

/** @param {string} search @returns {Promise<import("./api-types.js").RunPage>} */
export function runs(search = "") {
  return request(`/api/runs?${new URLSearchParams({ limit: "25", search })}`);
}

/** @param {number} runId @returns {Promise<import("./api-types.js").RunDetails>} */
export function getRun(runId) {
  return request(`/api/runs/${runId}`);
}

/** How long each recipe trains on the server. @returns {Promise<import("./api-types.js").RecipeTimes>} */
export function recipeTimes() {
  return request("/api/recipes/times");
}

/** Queue a training. @param {Record<string, unknown>} config @returns {Promise<Run>} */
export function submitRun(config) {
  return request("/api/runs", { method: "POST", json: config });
}

/** @param {number} runId */
export function resumeRun(runId) {
  return request(`/api/runs/${runId}/resume`, { method: "POST" });
}

/** @param {number} runId @param {number} after @returns {Promise<import("./api-types.js").RunLog>} */
export function runEvents(runId, after) {
  return request(`/api/runs/${runId}/events?after=${after}`);
}

/** @param {AbortSignal} [signal] @returns {Promise<import("./api-types.js").LabelledImage>} */
export function randomTestImage(signal) {
  return request("/api/test-images/random", { signal });
}

/** @returns {Promise<import("./api-types.js").Dataset>} */
export function dataset() {
  return request("/api/dataset");
}

export function downloadDataset() {
  return request("/api/dataset", { method: "POST" });
}
