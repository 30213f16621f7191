// @ts-check
/**
 * The part of the page's address that says what the pad shows.  Pure.
 *
 * @typedef {import("./workbench.js").Mode} Mode
 */

/** The mode that an address asks for; null for none. @param {string} search @returns {Mode | null} */
export function modeIn(search) {
  const mode = new URLSearchParams(search).get("mode");
  return mode === "digit" || mode === "number" ? mode : null;
}

/** An address with that mode. @param {string} href @param {Mode} mode */
export function withMode(href, mode) {
  const address = new URL(href);
  if (mode === "digit") address.searchParams.delete("mode");
  else address.searchParams.set("mode", mode);
  return address.href;
}
