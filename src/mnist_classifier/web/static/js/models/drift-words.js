// @ts-check
/**
 * Drift in words and columns.  Pure.
 *
 * @typedef {import("../shared/api-types.js").DriftReport} Report
 * @typedef {import("../shared/api-types.js").Estimate} Estimate
 */

import { UNKNOWN, count, percent } from "../shared/format.js";

/** Whether the page offers a training. @param {Pick<Report, "advice">} report */
export function isWorthIt({ advice }) {
  return advice === "retrain";
}

/** The ink of readings if that of the validation images is 100. @param {Estimate} ink */
export function inkIndex({ value, reference }) {
  return reference ? String(Math.round((100 * value) / reference)) : UNKNOWN;
}

/** @param {Estimate | null} share */
function compared(share) {
  if (share === null) return UNKNOWN;
  const reference = share.reference === null ? "" : `; validation ${percent(share.reference)}`;
  return `${percent(share.value)} (${percent(share.low)} to ${percent(share.high)})${reference}`;
}

/** Names and values of the figures, with 95 % intervals. @param {Report} report @returns {[string, string][]} */
export function facts({ readings, verdicts, doubtful, low_confidence: low, ink, corrections }) {
  return [
    ["Digits read", `${count(readings)}; blank pictures: ${count(verdicts.blank)}`],
    ["Refused or ambiguous", compared(doubtful)],
    ["Confidence below 90 %", compared(low)],
    ["Ink of the strokes", ink === null ? UNKNOWN : `${inkIndex(ink)}; validation 100`],
    ["Corrections not learned yet", count(corrections)],
  ];
}

/** @param {Report} report */
export function inWords({ doubtful, periods, is_daily: isDaily }) {
  return `Share refused or ambiguous over ${periods.length} ${isDaily ? "days" : "hours"} with readings: ${compared(doubtful)}.`;
}

/**
 * The charts' columns: seconds since 1970, shares in doubt, and ink if the validation images have 100.
 * @param {Pick<Report, "periods" | "ink">} report
 */
export function columns({ periods, ink }) {
  const reference = ink?.reference ?? null;
  return {
    times: periods.map(({ start }) => new Date(start).getTime() / 1000),
    doubtful: periods.map(({ doubtful, readings }) => doubtful / readings),
    ink: periods.map(({ ink: value }) => (value === null || !reference ? null : (100 * value) / reference)),
  };
}
