// @ts-check
/** What became of a correction, in words.  Pure. */

import { labelWords } from "../shared/corrections.js";

/** The button that takes it back: what was saved before would go too. @param {import("../shared/corrections.js").Changed | null} reply */
export function undoWords(reply) {
  return reply?.merged ? "Delete it" : "Undo";
}

/** @param {import("../shared/corrections.js").Changed} reply @param {boolean} wasSaved  the same drawing, with another label */
export function sentenceOf({ correction: { label, writer }, merged, contradicts }, wasSaved) {
  const words = `${labelWords(label)}${writer === "" ? "" : `, by ${writer}`}`;
  const said = merged ? `Already saved as ${words}.` : wasSaved ? `Changed to ${words}.` : `Saved as ${words}.`;
  return contradicts.length === 0 ? said : `${said} The same drawing also has another label.`;
}
