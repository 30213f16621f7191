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
 *   batch: Batch | null, log: {at: string, text: string}[]
 * }} RunState
 */

/** @returns {RunState} */
export function emptyState() {
  return { last: 0, steps: [], epochs: [], confusion: null, batch: null, log: [] };
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

/**
 * The columns of a chart: positions on the epoch axis, then a list for each curve, null where it has no point.
 * @param {RunState} state
 * @param {"loss" | "accuracy"} figure
 * @returns {[number[], (number | null)[], (number | null)[]]}
 */
export function curves(state, figure) {
  /** @type {Map<number, [number | null, number | null]>} */
  const points = new Map();
  for (const step of state.steps) points.set(step.at, [step[figure], null]);
  for (const epoch of state.epochs) points.set(epoch.epoch, [epoch[`train_${figure}`], epoch[`validation_${figure}`]]);
  const xs = [...points.keys()].sort((a, b) => a - b);
  return [xs, xs.map((x) => points.get(x)?.[0] ?? null), xs.map((x) => points.get(x)?.[1] ?? null)];
}

/**
 * A metric that steps and epochs both have, as one curve.
 * @param {RunState} state
 * @param {"learning_rate" | "images_per_s"} figure
 * @returns {[number[], (number | null)[]]}
 */
export function course(state, figure) {
  const steps = state.steps.map((step) => [step.at, step[figure]]);
  // Use epochs where the run was too fast to record steps.
  const epochs = state.epochs.map((epoch) => [epoch.epoch, epoch[figure]]);
  const points = [...new Map([...epochs, ...steps].map(([x, y]) => [x, y]))].sort(([a], [b]) => a - b);
  return [points.map(([x]) => x), points.map(([, y]) => y ?? null)];
}

/**
 * One metric of the epochs of several runs, on a common axis.
 * @param {RunState[]} states
 * @param {keyof Epoch} figure
 * @returns {[number[], ...(number | null)[][]]}
 */
export function overlay(states, figure) {
  const xs = [...new Set(states.flatMap((state) => state.epochs.map(({ epoch }) => epoch)))].sort((a, b) => a - b);
  const columns = states.map((state) => {
    const known = new Map(state.epochs.map((epoch) => [epoch.epoch, epoch[figure]]));
    return xs.map((x) => known.get(x) ?? null);
  });
  return [xs, ...columns];
}
