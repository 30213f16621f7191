// @ts-check
/**
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("./story-stage.js").Pass} Pass
 */

import { byActivity, outputOf } from "../offline/stages.js";

/** The channels of a stage, those first that the drawing raises most; units by their value. @param {Pass} pass @param {Stage} stage */
export function orderOf({ trace, empty }, stage) {
  const output = outputOf(trace, stage);
  const start = output.side === 1 ? { ...output, data: new Float64Array(output.data.length) } : outputOf(empty, stage);
  return byActivity(output, start);
}
