// @ts-check
/**
 * The recogniser that runs in the browser, with the network of a version from the server.
 *
 * @typedef {import("../offline/read-digit.js").Recogniser} Recogniser
 */

import { ApiError, browserModel, modelStatus } from "./api.js";
import { idle } from "./idle.js";

/** By version. @type {Map<number, Promise<ArrayBuffer>>} */
const files = new Map();
/** By version. @type {Map<number, Promise<Recogniser>>} */
const recognisers = new Map();

/**
 * The file of a version; without a number, of the version in production.  Loaded once, when the page is idle.
 * Rejects with an ApiError; the next call then tries again.
 * @param {number} [version]
 */
export async function browserModelFile(version) {
  await idle();
  const number = version ?? (await versionInProduction());
  return { version: number, file: await once(files, number, browserModel) };
}

/**
 * The recogniser of a version; without a number, of the version in production.  Made once, when the page is idle.
 * Rejects with an ApiError, or with an Error if the browser cannot use the file; the next call then tries again.
 * @param {number} [version]
 * @returns {Promise<Recogniser>}
 */
export async function browserRecogniser(version) {
  return once(recognisers, version ?? (await versionInProduction()), async (number) => {
    const [{ Recogniser }, { file }] = await Promise.all([import("../offline/read-digit.js"), browserModelFile(number)]);
    return new Recogniser(file);
  });
}

async function versionInProduction() {
  const { model } = await modelStatus();
  if (model === null) throw new ApiError("model_missing", "There is no model yet. Train one.");
  return model.version;
}

/**
 * The value for a version, made once; a failure is not kept.
 * @template T
 * @param {Map<number, Promise<T>>} known @param {number} version @param {(version: number) => Promise<T>} make
 * @returns {Promise<T>}
 */
function once(known, version, make) {
  const found = known.get(version);
  if (found !== undefined) return found;
  const made = make(version);
  known.set(version, made);
  made.catch(() => known.delete(version));
  return made;
}
