// @ts-check
/** Why the browser refuses the value of a field, in the words of the page and not of the browser.  Pure. */

/** @typedef {{value: string, validity: Pick<ValidityState, "valid" | "badInput" | "stepMismatch">, min?: string, max?: string}} Control */

/** An empty text if the value is fine. @param {Control} control */
export function faultOf({ validity, value, min = "", max = "" }) {
  if (validity.valid) return "";
  if (validity.badInput) return "This is not a number.";
  if (validity.stepMismatch) return `Use a whole number, not ${value}.`;
  return `Use a number from ${min} to ${max}, not ${value}.`;
}
