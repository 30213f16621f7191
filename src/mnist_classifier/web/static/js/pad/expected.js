// @ts-check
/** What the user knows about a number, as options of a request.  Pure.  The server checks the values. */

/**
 * Empty inputs are left out.
 * @param {{length?: string, pattern?: string, allowed?: string}} inputs
 * @returns {import("../shared/api.js").Expected}
 */
export function expectedOf({ length = "", pattern = "", allowed = "" }) {
  return {
    ...(length.trim() === "" ? {} : { length: Number(length) }),
    ...(pattern.trim() === "" ? {} : { pattern: pattern.trim() }),
    // People separate digits in their own ways.
    ...(allowed.trim() === "" ? {} : { allowed: allowed.replace(/[\s,;]/g, "") }),
  };
}
