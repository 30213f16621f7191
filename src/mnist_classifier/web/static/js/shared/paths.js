// @ts-check
/** Addresses on the server, which a proxy may serve under a path such as /digits. */

const ROOT = globalThis.document?.documentElement.dataset.root ?? "";

/** The address of a route. @param {string} path  such as /api/models */
export function at(path) {
  return ROOT + path;
}
