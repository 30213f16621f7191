// @ts-check
/** The page of model versions: list, compare, import, history. */

import { element, make, write } from "../shared/dom.js";
import { fileSize, moment } from "../shared/format.js";
import * as api from "./api.js";
import { ComparePanel } from "./compare.js";
import { ModelDialog } from "./dialog.js";
import { inWords, rollBack as goBack } from "./moves.js";
import { ModelsTable } from "./table.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";

const root = element("models", HTMLElement);
const note = element("models-note", HTMLElement);
const setAside = element("models-set-aside", HTMLElement);
const few = element("models-few", HTMLElement);
const retry = element("models-retry", HTMLButtonElement);
const scroll = element("models-scroll", HTMLElement);
const rollBack = element("roll-back", HTMLButtonElement);
const file = element("import-file", HTMLInputElement);
const importNote = element("import-note", HTMLElement);
const historyRoot = element("history", HTMLElement);
const historyNote = element("history-note", HTMLElement);
const historyRows = element("history-rows", HTMLElement);

const table = new ModelsTable();
const dialog = new ModelDialog();
const compare = new ComparePanel();
let production = 0;
/** Counts the requests for the list; the reply to an earlier one than is shown is dropped. */
let asked = 0;
let shown = 0;

async function refresh() {
  await Promise.all([showModels(), showHistory()]);
}

async function showModels() {
  const mine = (asked += 1);
  try {
    const { aliases, roll_back_to: previous, models, set_aside: unreadable } = await api.listModels();
    if (mine < shown) return;
    shown = mine;
    production = aliases.production;
    root.dataset.state = models.length === 0 ? "empty" : "ready";
    table.show(models);
    compare.offer(models, production);
    setAside.replaceChildren(...unreadable.map(fault));
    scroll.hidden = models.length === 0;
    few.hidden = models.length > 1;
    rollBack.hidden = previous === null;
    if (previous !== null) write(rollBack, `Roll back to ${inWords(previous)}`);
    write(note, wordsFor(models.length, aliases));
    retry.hidden = true;
    hideToast("models-list");
  } catch (error) {
    if (mine < shown) return;
    if (root.dataset.state === "ready") showToast("models-list", messageOf(error));
    else root.dataset.state = "error";
    write(note, messageOf(error));
    retry.hidden = false;
    goOnWhenBack(error, refresh);
  }
}

/** @param {{folder: string, reason: string}} unreadable */
function fault({ folder, reason }) {
  return make("li", { text: `Version ${folder} cannot be read: ${reason}. Restore its folder from a backup, or delete it.` });
}

/** @param {number} found @param {Record<string, number>} aliases */
function wordsFor(found, { challenger }) {
  if (found === 0) return "There is no model yet.";
  if (challenger !== undefined) return `Version ${challenger} is the challenger. Open it to see why it was not promoted, or to promote it.`;
  if (found === 1) return "There is only the model in the box so far. Each training adds a version.";
  return "Open a version to promote, rename, export or delete it.";
}

async function showHistory() {
  try {
    const { promotions } = await api.listPromotions();
    historyRoot.dataset.state = promotions.length === 0 ? "empty" : "ready";
    write(historyNote, promotions.length === 0 ? "No version was promoted yet. The model in the box is in production." : "");
    historyRows.replaceChildren(...promotions.map(move));
  } catch (error) {
    historyRoot.dataset.state = "error";
    write(historyNote, messageOf(error));
  }
}

/** @param {import("../shared/api-types.js").Promotion} promotion */
function move({ alias, version, previous, at, actor, reason, is_rollback: isRollback }) {
  const time = make("time", { text: moment(at) });
  time.dateTime = at;
  const moved = alias === "production" ? (isRollback ? "Rolled back to" : "Promoted") : "Challenger:";
  const before = alias === "production" ? `Replaced ${inWords(previous)}, by ` : "By ";
  const why = `${before}${actor || "someone"}${reason ? `: ${reason}` : ""}`;
  return make("li", {}, time, make("strong", { text: `${moved} ${inWords(version)}` }), make("p", { text: why }));
}

rollBack.addEventListener("click", async () => {
  rollBack.disabled = true;
  try {
    await goBack({ production, onChange: refresh });
  } catch (error) {
    showToast("models", messageOf(error));
  } finally {
    rollBack.disabled = false;
    refresh();
  }
});

file.addEventListener("change", async () => {
  const chosen = file.files?.[0];
  if (chosen === undefined) return;
  file.disabled = true;
  write(importNote, `Checking ${chosen.name} (${fileSize(chosen.size)})…`);
  hideToast("import");
  try {
    const { version, remarks } = await api.importArchive(chosen);
    write(importNote, [`Imported as version ${version}. Open it in the table above to promote it.`, ...remarks].join(" "));
    refresh();
  } catch (error) {
    write(importNote, "Nothing was imported.");
    showToast("import", messageOf(error));
  } finally {
    file.value = "";
    file.disabled = false;
  }
});

retry.addEventListener("click", refresh);
/** @type {typeof table.onOpen} */
table.onOpen = (version) => void dialog.open(version, production);
dialog.onChange = refresh;
document.addEventListener("visibilitychange", () => document.hidden || refresh());
await refresh();
const [first, second] = (new URLSearchParams(window.location.search).get("compare") ?? "").split(",").map(Number);
if (second !== undefined) compare.start(first, second);
