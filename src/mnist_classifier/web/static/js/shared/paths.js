// @ts-check
/** Addresses of the server: it may lie below a path of its name, such as /digits. */

const ROOT = globalThis.document?.documentElement.dataset.root ?? "";

/** @param {string} path  from the server's own root, such as /api/models */
export function at(path) {
  return ROOT + path;
}
