// @ts-check
/** How the pages call a model version.  Pure. */

/** @param {{version: number, name: string}} version */
export function versionName({ version, name }) {
  return version === 0 ? "Version 0 (in the box)" : `Version ${version} (${name})`;
}
