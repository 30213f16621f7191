// @ts-check
/**
 * Numbers and readings as text.  Pure.
 *
 * @typedef {import("./api.js").Reading} Reading
 * @typedef {import("./api-types.js").SplitMetrics} Score
 * @typedef {import("./api-types.js").Caution} Warning
 */

const NBSP = "\u00a0";
const NAMES = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];

/** @type {Record<string, string>} */
const ADVICE = {
  touches_edge: "The digit touches the edge. A part may be missing.",
  small: "The digit is small. Write it larger, or move the camera closer.",
  low_contrast: "The digit is faint. Use a darker pen or more light.",
  very_thin: "The strokes are very thin. Use a thicker pen.",
  very_thick: "The strokes are very thick. Use a thinner pen.",
  several_digits: "These seem to be several digits.",
};

/** @type {Record<string, string>} */
const STAGES = {
  grey: "Greyscale",
  background: "Background",
  ink: "Ink",
  without_lines: "Printed lines removed",
  digit: "Digit cropped",
  glyph: "Scaled and centred",
};

/** Stands for an unknown value. */
export const UNKNOWN = "–";

/** @param {unknown} value @returns {value is number} */
function isFigure(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/**
 * A fraction in per cent.  A fraction below 1 never shows as 100 %.
 * @param {number | null | undefined} fraction
 * @param {number} decimals
 */
export function percent(fraction, decimals = 1) {
  if (!isFigure(fraction)) return UNKNOWN;
  const nearest = (fraction * 100).toFixed(decimals);
  const top = (100).toFixed(decimals);
  if (nearest === top && fraction < 1) return `>${NBSP}${(100 - 10 ** -decimals).toFixed(decimals)}${NBSP}%`;
  return `${nearest}${NBSP}%`;
}

/** @param {number | null | undefined} value */
export function count(value) {
  return isFigure(value) ? Math.round(value).toLocaleString("en-GB") : UNKNOWN;
}

/** @param {number | null | undefined} loss */
export function loss(loss) {
  return isFigure(loss) ? loss.toFixed(4) : UNKNOWN;
}

/** @param {number | null | undefined} seconds_s */
export function duration(seconds_s) {
  if (!isFigure(seconds_s) || seconds_s < 0) return UNKNOWN;
  const seconds = Math.ceil(seconds_s);
  if (seconds < 60) return `${seconds}${NBSP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${NBSP}min ${seconds % 60}${NBSP}s`;
  return `${Math.floor(minutes / 60)}${NBSP}h ${minutes % 60}${NBSP}min`;
}

/** A duration that is only estimated, with one or two digits. @param {number} seconds */
export function roughDuration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? Math.max(1, Math.round(seconds)) : 5 * Math.round(seconds / 5)}${NBSP}s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${minutes < 10 ? Math.round(minutes) : 5 * Math.round(minutes / 5)}${NBSP}min`;
  return `${Math.round(minutes / 60)}${NBSP}h`;
}

/** @param {number} bytes */
export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes}${NBSP}B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)}${NBSP}kB`;
  return `${(bytes / 1_000_000).toFixed(1)}${NBSP}MB`;
}

/** @param {string | null | undefined} iso */
export function day(iso) {
  const date = new Date(iso ?? "");
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

/** Day and time of day. @param {string | null | undefined} iso */
export function moment(iso) {
  const date = new Date(iso ?? "");
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** An accuracy with the number of images. @param {Score | null | undefined} score */
export function score(score) {
  if (!isFigure(score?.accuracy)) return "not measured";
  const images = isFigure(score.images) ? ` of ${count(score.images)}` : "";
  return `${percent(score.accuracy, 2)}${images}`;
}

/** What a reading of nothing says. */
export const BLANK = { digit: "", words: "This picture is blank", sure: "There is nothing to read in it." };

/**
 * A reading in words.
 * @param {Reading} reading
 * @returns {{digit: string, words: string, sure: string}}
 */
export function describe({ prediction, confidence, probabilities, verdict, not_a_digit, candidates = [] }) {
  const best = prediction ?? probabilities.indexOf(Math.max(...probabilities));
  const sure = percent(confidence);
  if (verdict === "blank") return BLANK;
  if (verdict === "not_a_digit") return { digit: "?", words: "Not a digit", sure: `${percent(not_a_digit)} sure` };
  if (verdict === "ambiguous") {
    const certainty = `${sure} for ${best}`;
    return candidates.length > 1
      ? { digit: String(best), words: `${candidates.join(" or ")}?`, sure: certainty }
      : { digit: String(best), words: `${best}, or not a digit?`, sure: `${certainty}, if it is a digit` };
  }
  return { digit: String(best), words: NAMES[best], sure: `${sure} sure` };
}

/** What is wrong with the picture, and what to do. @param {Warning} warning */
export function advice({ code, message }) {
  return ADVICE[code] ?? sentence(message);
}

/** The name of a preprocessing step. @param {string} name */
export function stage(name) {
  return STAGES[name] ?? sentence(name.replaceAll("_", " ")).replace(/\.$/, "");
}

/**
 * A reading compared with the true label.
 * @param {Reading} reading
 * @param {number} label
 * @returns {{agrees: boolean, words: string}}
 */
export function compare({ prediction }, label) {
  if (prediction === label) return { agrees: true, words: `Label ${label}: correct` };
  return { agrees: false, words: `Label ${label}: ${prediction === null ? "not read" : "wrong"}` };
}

/** The server's message as a sentence: starts with a capital and, if it is one line, ends with a full stop. @param {string} text */
export function sentence(text) {
  if (text === "") return "";
  const capital = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$|\n/.test(capital) ? capital : `${capital}.`;
}
