// @ts-check
/**
 * Which curves the charts show, and how.  Pure.
 *
 * @typedef {import("./state.js").RunState} RunState
 * @typedef {import("./points.js").Points} Points
 * @typedef {{id: number, status: string, state: RunState}} Shown
 * @typedef {{label: string, colour: string, dash?: number[], points: Points}} Curve
 * @typedef {"loss" | "accuracy" | "learning_rate" | "images_per_s"} Figure
 */

import { coursePoints, trainingPoints, validationPoints } from "./points.js";

const COLOURS = ["--accent", "--warn", "--good", "--bad", "--ink"];
const GREY = "--muted";
const DASH = [4, 4];

/** The colour of each run.  A run that broke is grey. @param {Shown[]} shown */
export function colours(shown) {
  let next = 0;
  return shown.map(({ status }) => (isBroken(status) ? GREY : COLOURS[next++ % COLOURS.length]));
}

/** @param {string} status */
export function isBroken(status) {
  return status === "failed" || status === "interrupted";
}

/** The curves of one chart. @param {Shown[]} shown @param {Figure} figure @returns {Curve[]} */
export function curvesOf(shown, figure) {
  const ofRun = colours(shown);
  return shown.flatMap(({ id, state }, index) => {
    const colour = ofRun[index];
    const run = shown.length > 1 ? `Run ${id}` : "";
    if (figure === "learning_rate" || figure === "images_per_s") {
      return [{ label: run || "Now", colour, points: coursePoints(state, figure) }];
    }
    return [
      { label: `${run} training`.trim(), colour: shown.length > 1 ? colour : GREY, dash: DASH, points: trainingPoints(state, figure) },
      { label: `${run} validation`.trim(), colour, points: validationPoints(state, figure) },
    ];
  });
}

/** Whether there is something to draw: a line, or the only point that there will be. @param {Curve[]} curves @param {boolean} isOver */
export function isDrawable(curves, isOver) {
  return curves.some(({ points }) => points.length > (isOver ? 0 : 1));
}
