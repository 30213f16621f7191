// @ts-check
/** The model version that reads on this page: that of `?version=3` in the address, or else the one in production. */

/** The version that an address asks for; null for none. @param {string} search @returns {number | null} */
export function versionIn(search) {
  const text = new URLSearchParams(search).get("version") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

let chosen = versionIn(globalThis.location?.search ?? "");
let tell = () => {};

/** The version to ask; null for the one in production. */
export function chosenVersion() {
  return chosen;
}

/** Read with the version in production from now on. */
export function dropVersion() {
  chosen = null;
  tell();
}

/** Call a function when the version is dropped. @param {() => void} onDrop */
export function whenDropped(onDrop) {
  tell = onDrop;
}

/**
 * Ask for a reading; if the chosen version is missing, ask the one in production.
 * @template T
 * @param {(query: Record<string, string>) => Promise<T>} ask  gets the parameters that name the version
 * @returns {Promise<T>}
 */
export async function withVersion(ask) {
  if (chosen === null) return ask({});
  try {
    return await ask({ version: String(chosen) });
  } catch (error) {
    if (!(error instanceof Error && "field" in error && error.field === "version")) throw error;
    dropVersion();
    return ask({});
  }
}
