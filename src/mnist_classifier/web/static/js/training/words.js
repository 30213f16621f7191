// @ts-check
/**
 * Where a training stands, in plain words.  Pure.
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("./state.js").RunState} RunState
 */

import { roughDuration, sentence } from "../shared/format.js";

/** @param {Pick<Run, "status">} run */
export function isOver({ status }) {
  return status !== "queued" && status !== "running";
}

/** The status for people: a queued run whose process has started is starting. @param {Pick<Run, "status" | "waiting">} run */
export function statusWord({ status, waiting }) {
  return status === "queued" && waiting === false ? "starting" : status;
}

/** Whether the run has measured anything. @param {RunState} state */
export function hasPoints({ steps, epochs }) {
  return steps.length + epochs.length > 0;
}

/** One line about where the run stands. @param {Pick<Run, "status" | "waiting" | "message" | "planned_epochs">} run @param {RunState} state */
export function headline({ status, waiting, message, planned_epochs: planned }, state) {
  if (isOver({ status })) return sentence(message);
  if (status === "queued" && waiting !== false) return "Another training is running. This one starts when it ends.";
  if (!hasPoints(state)) return `Starting: ${state.phase || "a new process"}…`;
  if (state.phase) return `${sentence(state.phase).replace(/\.$/, "")}…`;
  const done = state.epochs.at(-1)?.epoch ?? 0;
  return `Training: epoch ${Math.min(done + 1, planned ?? done + 1)} of ${planned ?? "?"}.`;
}

/** What comes, before there is anything to see. @param {Run} run @param {RunState} state @param {number | undefined} seconds  of the whole training */
export function promise(run, state, seconds) {
  if (isOver(run) || hasPoints(state) || statusWord(run) === "queued") return "";
  const time = seconds === undefined ? "" : ` The training then takes about ${roughDuration(seconds)} here.`;
  return `The first curves appear in a few seconds.${time}`;
}
