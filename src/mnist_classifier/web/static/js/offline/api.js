// @ts-check
/**
 * What shared/api.js does with a server, done in the browser.  The exported site has this module in its place, so all
 * other modules of the home page work as they are.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./pixels.js").Picture} Picture
 */

import { pixelsOf, toDataUrl } from "./pictures.js";
import { Recogniser } from "./read-digit.js";
import { NumberReader } from "./read-number.js";
import { GLYPH_SIDE } from "./scaling.js";
import { SEVERAL, mayShowSeveral, showsSeveral } from "./several.js";

const WARM_UP_ROUNDS = 5;
const RETRY_MS = 2_000;

export class ApiError extends Error {
  name = "ApiError";

  /** @param {string} code @param {string} message @param {{status?: number, field?: string | null}} [details] */
  constructor(code, message, { status = 0, field = null } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.field = field;
  }
}

/** @typedef {{file: ArrayBuffer, recogniser: Recogniser, numbers: NumberReader}} Loaded */
/** @type {Promise<Loaded> | null} */
let loading = null;

/** The network, loaded once, or again after a failure. */
export function load() {
  loading ??= loadNow().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** @returns {Promise<Loaded>} */
async function loadNow() {
  const response = await fetch(new URL("../../model.bin", import.meta.url)).catch(() => Promise.reject(unreachable()));
  if (!response.ok) throw new ApiError("network", `The network could not be loaded (HTTP ${response.status}). Reload the page.`);
  const file = await response.arrayBuffer();
  const recogniser = new Recogniser(file);
  // Browsers compile code that runs often, so warm up before the first drawing.
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) recogniser.readGlyph(new Uint8Array(GLYPH_SIDE ** 2));
  return { file, recogniser, numbers: new NumberReader(recogniser) };
}

/** @param {string} image  data URL @param {AbortSignal} [signal] @param {boolean} [steps] @returns {Promise<Reading>} */
export async function predictImage(image, signal, steps = false) {
  return read(await pixelsOf(image), signal, steps);
}

/** @param {File} file @param {AbortSignal} [signal] @param {boolean} [steps] @returns {Promise<Reading>} */
export async function predictFile(file, signal, steps = false) {
  return read(await pictureOf(file), signal, steps);
}

/** @param {string} image  data URL @param {[number, number][][]} strokes @param {unknown} _ @param {AbortSignal} [signal] @returns {Promise<NumberReading>} */
export async function predictNumber(image, strokes, _, signal) {
  return readNumber(await pixelsOf(image), strokes, signal);
}

/** @param {File} file @param {unknown} _ @param {AbortSignal} [signal] @returns {Promise<NumberReading>} */
export async function predictNumberFile(file, _, signal) {
  const picture = await pictureOf(file);
  return enlarged(await readNumber(picture, [], signal), picture.scale);
}

/** @returns {Promise<never>} */
export async function predictForm() {
  throw new ApiError("not_here", "This page reads no forms. Install the program to read them.");
}

/** @returns {Promise<never>} */
export async function randomTestImage() {
  throw new ApiError("not_here", "This page has no test images. Install the program to see them.");
}

/** The model, as the server describes it. @returns {Promise<any>} */
export async function modelStatus() {
  const { version, name, accuracy, images } = (await load()).recogniser.model;
  const metrics = accuracy === null ? {} : { test: { accuracy, images } };
  return { status: "ready", training: null, model: { version, name, metrics, aliases: ["production"] } };
}

/** What the server says of a version; the site has one. @param {string} path  such as /api/models/0 @returns {Promise<any>} */
export async function request(path) {
  const { model } = await modelStatus();
  if (path === `/api/models/${model.version}`) return model;
  throw new ApiError("version_missing", "This page has one version of the network only.", { status: 404, field: "version" });
}

/** The file of the only version. */
export async function browserModel() {
  return (await load()).file;
}

/** Whether the picture itself is at fault, so that trying again is useless. @param {unknown} error */
export function refusesPicture(error) {
  return error instanceof ApiError && error.field === "file";
}

export function unreachable() {
  return new ApiError("network", "No network. This page has not been kept for offline use yet.");
}

/** Wait until the network of the recogniser can be loaded. */
export async function waitForServer() {
  for (let isBack = false; !isBack; ) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    isBack = document.hidden ? false : await load().then(() => true, () => false);
  }
}

/** @param {Picture} picture @param {AbortSignal | undefined} signal @param {boolean} steps @returns {Promise<Reading>} */
async function read(picture, signal, steps) {
  const { recogniser, numbers } = await load();
  signal?.throwIfAborted();
  const started_ms = performance.now();
  const { reading, prepared } = recogniser.read(picture);
  const { glyph } = prepared;
  const isDoubtful = reading.verdict === "not_a_digit" || reading.verdict === "ambiguous";
  const hasSeveral = glyph !== null && isDoubtful && mayShowSeveral(glyph) && showsSeveral(await numbers.read(picture, [], signal));
  return {
    ...reading,
    warnings: hasSeveral ? [...reading.warnings, SEVERAL] : reading.warnings,
    model: nameOf(recogniser),
    elapsed_ms: performance.now() - started_ms,
    glyph: glyph === null ? null : toDataUrl(glyph),
    steps: steps ? prepared.steps.map((step) => ({ name: step.name, image: toDataUrl(step.picture) })) : [],
  };
}

/** @param {Picture} picture @param {[number, number][][]} strokes @param {AbortSignal} [signal] @returns {Promise<NumberReading>} */
async function readNumber(picture, strokes, signal) {
  const { recogniser, numbers } = await load();
  signal?.throwIfAborted();
  const started_ms = performance.now();
  const reading = await numbers.read(picture, strokes, signal);
  return { ...reading, model: nameOf(recogniser), elapsed_ms: performance.now() - started_ms };
}

/** @param {Recogniser} recogniser */
function nameOf({ model: { version, name } }) {
  return { version, name };
}

/** The pixels of a file, scaled down if it is large. @param {File} file */
async function pictureOf(file) {
  const url = URL.createObjectURL(file);
  try {
    return await pixelsOf(url);
  } catch {
    throw new ApiError("invalid_image", "This browser cannot open the file as a picture. Choose a PNG or JPEG.", { field: "file" });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** A reading with its boxes in px of the picture before it was scaled down. @param {NumberReading} reading @param {number} scale @returns {NumberReading} */
function enlarged(reading, scale) {
  /** @type {<T extends {box: [number, number, number, number]}>(each: T) => T} */
  const larger = (each) => ({ ...each, box: each.box.map((value) => Math.floor(value * scale)) });
  return { ...reading, digits: reading.digits.map(larger), lines: reading.lines.map(larger) };
}
