// @ts-check
/**
 * The training page: one run live, other runs in its charts, the history and the form.
 * The address names the runs: ?run=7&with=5,6
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../shared/api.js").RunEvent} RunEvent
 * @typedef {import("./state.js").RunState} RunState
 * @typedef {import("./curves.js").Shown} Shown
 */

import * as api from "../shared/api.js";
import { element } from "../shared/dom.js";
import { Charts } from "./charts.js";
import { RunFeed } from "./feed.js";
import { RunForm } from "./form.js";
import { RunHistory } from "./history.js";
import { emptyState, withEvent } from "./state.js";
import { RunView } from "./view.js";
import { isOver } from "./words.js";
import { messageOf, showToast } from "../shared/toast.js";

// A cancelled run becomes a version some seconds later, on a busy machine up to two minutes later.
const VERSION_POLL_MS = 4_000;
const VERSION_POLLS = 30;
const HISTORY_POLL_MS = 10_000;

const page = element("training-page", HTMLElement);
const view = new RunView();
const charts = new Charts();
const history = new RunHistory({ onOpen: (id) => open(id, []), onTick: tick });
const form = new RunForm(JSON.parse(page.dataset.recipes ?? "[]"), (id) => {
  open(id, []);
  history.load();
  element("run", HTMLElement).scrollIntoView({ block: "nearest" }); // on a phone it is above the form
});

/** @type {Run | null} */
let run = null;
let state = emptyState();
/** Other runs in the charts. @type {Map<number, Shown>} */
const overlays = new Map();
/** The ids of those that the visitor has ticked. @type {number[]} */
let ticked = [];
/** @type {RunFeed | null} */
let feed = null;
/** Counts opened runs, to ignore late replies about an earlier one. */
let openings = 0;
/** The curves to show once the run that is being opened has come; null if none is being opened. @type {number[] | null} */
let awaited = null;

/**
 * Show a run.
 * @param {number} id
 * @param {number[]} beside  runs to compare
 * @param {boolean} [changesAddress]
 */
async function open(id, beside, changesAddress = true) {
  const opening = ++openings;
  awaited = beside;
  feed?.stop();
  overlays.clear();
  state = emptyState();
  view.clear();
  if (changesAddress) writeAddress(id, beside);
  history.mark(id, beside);
  try {
    const details = await api.getRun(id);
    if (opening !== openings) return;
    run = details;
    view.showRun(details);
    view.showState(details, state);
    view.showFacts(details.config, details.environment);
    form.showBusy(!isOver(details));
  } catch (error) {
    if (opening !== openings) return;
    run = awaited = null;
    settle();
    return view.showNothing(messageOf(error));
  }
  feed = new RunFeed(id, { onEvents: addEvents, onEnd: showEnd, onConnection: showConnection });
  const wanted = awaited;
  awaited = null;
  overlayRuns(wanted, wanted !== beside);
}

/** Show what is below the panel of the run, which has its final size now. */
function settle() {
  page.dataset.settled = "true";
}

/** @param {RunEvent[]} events */
function addEvents(events) {
  settle();
  state = events.reduce(withEvent, state);
  if (run === null) return;
  if (events.some(({ kind }) => kind === "status" || kind === "message" || kind === "phase")) refresh();
  draw();
}

/** @param {boolean} works */
function showConnection(works) {
  if (!works) settle();
  view.showConnection(works);
}

/** @param {Run} ended */
function showEnd(ended) {
  settle();
  run = ended;
  view.showRun(ended);
  draw();
  form.showBusy(false);
  history.load();
  pollForVersion(ended.run_id);
}

/** Wait for the version of a cancelled run. @param {number} id */
async function pollForVersion(id) {
  for (let left = VERSION_POLLS; left > 0; left -= 1) {
    if (run?.run_id !== id || run.trial || run.status !== "cancelled" || run.model_version !== null) return;
    await new Promise((resolve) => window.setTimeout(resolve, VERSION_POLL_MS));
    if (run?.run_id === id) await refresh();
  }
}

/** Load the run again and show it. */
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
  charts.draw([{ id: run.run_id, status: run.status, state }, ...overlays.values()], isOver(run));
}

/** The visitor has ticked other runs, perhaps before the run has come, or where none is shown. @param {number[]} ids */
function tick(ids) {
  if (awaited !== null) awaited = ids;
  else if (run !== null) overlayRuns(ids);
  else if (ids.length > 0) open(ids[0], ids.slice(1));
}

/** Draw other runs in the charts. @param {number[]} ids @param {boolean} [changesAddress] */
async function overlayRuns(ids, changesAddress = true) {
  if (run === null) return;
  const current = run.run_id;
  const wanted = ids.filter((id) => id !== current);
  ticked = wanted;
  if (changesAddress) writeAddress(current, wanted);
  history.mark(current, wanted);
  for (const id of overlays.keys()) if (!wanted.includes(id)) overlays.delete(id);
  for (const id of wanted.filter((id) => !overlays.has(id))) {
    try {
      const loaded = await load(id);
      if (run?.run_id === current && ticked.includes(id)) overlays.set(id, loaded);
    } catch (error) {
      showToast("overlay", messageOf(error));
    }
  }
  draw();
}

/** A run with all its points. @param {number} id @returns {Promise<Shown>} */
async function load(id) {
  let loaded = emptyState();
  for (;;) {
    const { run: { status }, events } = await api.runEvents(id, loaded.last);
    if (events.length === 0) return { id, status, state: loaded };
    loaded = events.reduce(withEvent, loaded);
  }
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

/** Cancel or resume the run. @param {"cancelRun" | "resumeRun"} action @param {HTMLButtonElement} button */
async function control(action, button) {
  const id = run?.run_id;
  if (id === undefined) return;
  button.disabled = true;
  try {
    await api[action](id);
    if (action === "resumeRun" && run?.run_id === id && awaited === null) await open(id, [...overlays.keys()], false);
    else await refresh();
    history.load();
  } catch (error) {
    showToast("run", messageOf(error));
  } finally {
    button.disabled = false;
  }
}

/** Show the run in the address, or else the active or latest one. */
async function start() {
  const { id, beside } = readAddress();
  const before = openings;
  const runs = await history.load();
  const first = runs.find((run) => !isOver(run)) ?? runs[0];
  form.showBusy(runs.some((run) => !isOver(run)));
  if (before !== openings) return; // the visitor has opened one meanwhile
  if (id > 0) await open(id, beside, false);
  else if (first) await open(first.run_id, [], false);
  else {
    settle();
    view.showNothing("Start training: the quickest recipe is chosen. Here you watch it learn.");
  }
}

/** Look for news: also for the first training, which somebody else may start while this page is open. */
function look() {
  if (run === null && readAddress().id === 0) start();
  else history.load();
}

/** @type {typeof view.secondsOf} */
view.secondsOf = (run) => form.secondsOf(run);
for (const [id, action] of /** @type {const} */ ([["run-cancel", "cancelRun"], ["run-resume", "resumeRun"]])) {
  const button = element(id, HTMLButtonElement);
  button.addEventListener("click", () => control(action, button));
}
window.addEventListener("popstate", start);
window.setInterval(() => document.hidden || look(), HISTORY_POLL_MS);
start();
