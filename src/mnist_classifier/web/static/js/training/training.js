// @ts-check
/**
 * The training page: one run live, other runs to compare, history, form.
 * The address holds what is shown: ?run=7&with=5,6
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../shared/api.js").RunEvent} RunEvent
 * @typedef {import("./state.js").RunState} RunState
 */

import * as api from "../shared/api.js";
import { element } from "../shared/dom.js";
import { Charts } from "./charts.js";
import { RunFeed } from "./feed.js";
import { RunForm } from "./form.js";
import { RunHistory } from "./history.js";
import { emptyState, withEvent } from "./state.js";
import { isOver, RunView } from "./view.js";
import { messageOf, showToast } from "../shared/toast.js";

// A cancelled run saves its best weights a little later, on a busy machine much later.
const AFTERTHOUGHT_MS = 4_000;
const AFTERTHOUGHTS = 30;
const HISTORY_MS = 10_000;

const page = element("training-page", HTMLElement);
const view = new RunView();
const charts = new Charts();
const history = new RunHistory({ onOpen: (id) => open(id, []), onTick: (ids) => overlayRuns(ids) });
const form = new RunForm(JSON.parse(page.dataset.recipes ?? "[]"), (id) => {
  open(id, []);
  history.load();
});

/** @type {Run | null} */
let run = null;
let state = emptyState();
/** Other runs in the charts. @type {Map<number, RunState>} */
const others = new Map();
/** @type {RunFeed | null} */
let feed = null;
/** Counts opened runs, to ignore late answers about an earlier one. */
let newest = 0;

/**
 * Show a run.
 * @param {number} id
 * @param {number[]} beside  runs to compare
 * @param {boolean} [isNew]  whether to change the address
 */
async function open(id, beside, isNew = true) {
  const opened = ++newest;
  feed?.stop();
  others.clear();
  state = emptyState();
  view.clear();
  if (isNew) writeAddress(id, beside);
  history.mark(id, beside);
  try {
    const details = await api.getRun(id);
    if (opened !== newest) return;
    run = details;
    view.showRun(details);
    view.showState(details, state);
    view.showFacts(details.config, details.environment);
    form.showBusy(!isOver(details));
  } catch (error) {
    if (opened !== newest) return;
    run = null;
    settle();
    return view.showNothing(messageOf(error));
  }
  feed = new RunFeed(id, { onEvents: takeEvents, onEnd: takeEnd, onConnection: takeConnection });
  overlayRuns(beside, false);
}

/** The panel of the run has its final size, so show what is below it. */
function settle() {
  page.dataset.settled = "true";
}

/** @param {RunEvent[]} events */
function takeEvents(events) {
  settle();
  state = events.reduce(withEvent, state);
  if (run === null) return;
  if (events.some(({ kind }) => kind === "status" || kind === "message")) refresh();
  draw();
}

/** @param {boolean} works */
function takeConnection(works) {
  if (!works) settle();
  view.showConnection(works);
}

/** @param {Run} ended */
function takeEnd(ended) {
  settle();
  const wasOver = run !== null && isOver(run);
  run = ended;
  view.showRun(ended);
  draw();
  form.showBusy(false);
  history.load();
  if (!wasOver) showToast("run", `Run ${ended.run_id} ${ended.status}. ${ended.message}`, ended.status === "succeeded" ? "good" : "info");
  lookForVersion(ended.run_id);
}

/** Wait for the version of a cancelled run. @param {number} id */
async function lookForVersion(id) {
  for (let left = AFTERTHOUGHTS; left > 0; left -= 1) {
    if (run?.run_id !== id || run.status !== "cancelled" || run.model_version !== null) return;
    await new Promise((resolve) => window.setTimeout(resolve, AFTERTHOUGHT_MS));
    if (run?.run_id === id) await refresh();
  }
}

async function refresh() {
  const id = run?.run_id;
  if (id === undefined) return;
  try {
    const details = await api.getRun(id);
    if (run?.run_id !== id) return;
    run = details;
    view.showRun(details);
    view.showFacts(details.config, details.environment);
    draw();
  } catch {
    view.showConnection(false);
  }
}

function draw() {
  if (run === null) return;
  view.showState(run, state);
  charts.draw([{ id: run.run_id, state }, ...[...others].map(([id, state]) => ({ id, state }))]);
}

/** @param {number[]} ids @param {boolean} [isNew] */
async function overlayRuns(ids, isNew = true) {
  if (run === null) return;
  const current = run.run_id;
  const wanted = ids.filter((id) => id !== current);
  if (isNew) writeAddress(current, wanted);
  history.mark(current, wanted);
  for (const id of others.keys()) if (!wanted.includes(id)) others.delete(id);
  for (const id of wanted.filter((id) => !others.has(id))) {
    try {
      const { epochs } = await api.getRun(id);
      if (run?.run_id === current) others.set(id, { ...emptyState(), epochs });
    } catch (error) {
      showToast("overlay", messageOf(error));
    }
  }
  draw();
}

/** @param {number} id @param {number[]} beside */
function writeAddress(id, beside) {
  const query = new URLSearchParams({ run: String(id), ...(beside.length > 0 ? { with: beside.join(",") } : {}) });
  window.history.pushState(null, "", `?${query}`);
}

/** @returns {{id: number, beside: number[]}} */
function readAddress() {
  const query = new URLSearchParams(window.location.search);
  const beside = (query.get("with") ?? "").split(",").map(Number).filter((id) => id > 0);
  return { id: Number(query.get("run")), beside };
}

/** @param {"cancelRun" | "resumeRun"} action */
async function act(action) {
  const id = run?.run_id;
  if (id === undefined) return;
  try {
    await api[action](id);
    if (action === "resumeRun") await open(id, [...others.keys()], false);
    else await refresh();
    history.load();
  } catch (error) {
    showToast("run", messageOf(error));
  }
}

async function begin() {
  const { id, beside } = readAddress();
  const runs = await history.load();
  const first = runs.find((run) => !isOver(run)) ?? runs[0];
  form.showBusy(runs.some((run) => !isOver(run)));
  if (id > 0) await open(id, beside, false);
  else if (first) await open(first.run_id, [], false);
  else {
    settle();
    view.showNothing("Choose a recipe and start training.");
  }
}

element("run-cancel", HTMLButtonElement).addEventListener("click", () => act("cancelRun"));
element("run-resume", HTMLButtonElement).addEventListener("click", () => act("resumeRun"));
window.addEventListener("popstate", begin);
window.setInterval(() => document.hidden || history.load(), HISTORY_MS);
begin();
