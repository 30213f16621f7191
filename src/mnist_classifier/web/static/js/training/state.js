// @ts-check
/**
 * The state of a run, computed from its events.  Pure: each event gives a new state.
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../shared/api.js").RunEvent} RunEvent
 * @typedef {import("../shared/api-types.js").EpochResult} Epoch
 * @typedef {{at: number, loss: number, accuracy: number, images_per_s: number, learning_rate: number, images: number}} Step
 * @typedef {{epoch: number, columns: number, labels: number[], image: string}} Batch
 * @typedef {{
 *   last: number, steps: Step[], epochs: Epoch[], confusion: {epoch: number, rows: number[][]} | null,
 *   batch: Batch | null, log: {at: string, text: string}[], phase: string
 * }} RunState  phase: what the run does before its first step or after its last one; "" while it trains
 */

/** @returns {RunState} */
export function emptyState() {
  return { last: 0, steps: [], epochs: [], confusion: null, batch: null, log: [], phase: "" };
}

/**
 * Add an event; a known event changes nothing.
 * @param {RunState} state
 * @param {RunEvent} event
 * @returns {RunState}
 */
export function withEvent(state, { id, kind, at, data }) {
  if (id <= state.last) return state;
  const next = { ...state, last: id };
  if (kind === "step" || kind === "epoch") next.phase = "";
  if (kind === "phase") {
    next.phase = data.text;
    next.log = [...state.log, { at, text: data.text }];
  }
  if (kind === "step") next.steps = withStep(state.steps, data);
  if (kind === "epoch") {
    // A resumed run may repeat an epoch; the later values count.
    next.epochs = [...state.epochs.filter(({ epoch }) => epoch < data.epoch), data];
    next.log = [...state.log, { at, text: `Epoch ${data.epoch} of ${data.epochs} done` }];
  }
  if (kind === "evaluation") next.confusion = { epoch: data.epoch, rows: data.confusion };
  if (kind === "batch") next.batch = data;
  if (kind === "message") next.log = [...state.log, { at, text: data.text }];
  if (kind === "status") next.log = [...state.log, { at, text: data.message ? `${data.status}: ${data.message}` : data.status }];
  return next;
}

/** @param {Step[]} steps @param {any} data @returns {Step[]} */
function withStep(steps, { epoch, step, steps: total, loss, accuracy, images_per_s, learning_rate, images = 55_000 }) {
  const at = epoch - 1 + step / total;
  const before = steps.length > 0 && steps[steps.length - 1].at >= at ? steps.filter((known) => known.at < at) : steps;
  return [...before, { at, loss, accuracy, images_per_s, learning_rate, images }];
}

/**
 * The finished fraction of a run, 0 to 1.
 * @param {RunState} state
 * @param {number} epochs
 */
export function fractionDone(state, epochs) {
  const done = Math.max(state.epochs.at(-1)?.epoch ?? 0, state.steps.at(-1)?.at ?? 0);
  return Math.min(1, done / epochs);
}

/**
 * Seconds until the last epoch ends, at the present speed; null if unknown.
 * @param {RunState} state
 * @param {Run} run
 */
export function timeLeft(state, run) {
  const speed = state.steps.at(-1)?.images_per_s ?? state.epochs.at(-1)?.images_per_s;
  const epoch = state.epochs.at(-1);
  if (!speed || run.planned_epochs === null) return null;
  const rest = run.planned_epochs * (1 - fractionDone(state, run.planned_epochs));
  const epoch_s = epoch ? epoch.elapsed_s / epoch.epoch : (state.steps.at(-1)?.images ?? 0) / speed;
  return rest * epoch_s;
}
