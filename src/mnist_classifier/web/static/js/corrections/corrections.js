// @ts-check
/** The page of corrections: filter, look, relabel, delete, export, import. */

import { LABELS, labelOf, labelWords } from "../shared/corrections.js";
import { element, write } from "../shared/dom.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { askForName, writer as ownName } from "../shared/writer.js";
import * as api from "./api.js";
import { Changes } from "./changes.js";
import { CorrectionDialog } from "./dialog.js";
import { Files } from "./files.js";
import { Grid } from "./grid.js";
import { Learn } from "./learn.js";
import { counted, rangeWords, retentionWords, SOURCES, totalsWords, writerWords } from "./words.js";

const PAGE_SIZE = 60;
/** Any writer.  No name has a control character, but one may be empty or "*". */
const ANYBODY = "\u0001";

const root = element("list", HTMLElement);
const note = element("list-note", HTMLElement);
const retry = element("list-retry", HTMLButtonElement);
const form = element("filters", HTMLFormElement);
const selects = {
  label: element("filter-label", HTMLSelectElement),
  writer: element("filter-writer", HTMLSelectElement),
  source: element("filter-source", HTMLSelectElement),
};
const onlyContradictions = element("filter-contradictions", HTMLInputElement);
const bulk = {
  root: element("bulk", HTMLElement),
  all: element("bulk-all", HTMLInputElement),
  count: element("bulk-count", HTMLElement),
  label: element("bulk-label", HTMLSelectElement),
  writer: element("bulk-writer", HTMLButtonElement),
  delete: element("bulk-delete", HTMLButtonElement),
};
const paging = element("paging", HTMLElement);
const newer = element("newer", HTMLButtonElement);
const older = element("older", HTMLButtonElement);

const changes = new Changes();
const grid = new Grid();
const dialog = new CorrectionDialog(changes);
const files = new Files();
const learn = new Learn();

let filters = api.filtersOf(new URLSearchParams(location.search));
/** The last correction of each page before this one. @type {number[]} */
let before = [];
/** @type {number | null} */
let next = null;
/** The newest request; the reply to an earlier one is dropped. */
let asked = 0;

async function refresh() {
  const mine = (asked += 1);
  try {
    const page = await api.list(filters, before.at(-1) ?? null, PAGE_SIZE);
    if (mine !== asked) return;
    if (page.corrections.length === 0 && before.length > 0) return turn(before.slice(0, -1));
    show(page);
    hideToast("corrections-list");
  } catch (error) {
    if (mine !== asked) return;
    if (root.dataset.state === "loading") root.dataset.state = "error";
    else showToast("corrections-list", messageOf(error));
    write(note, messageOf(error));
    retry.hidden = false;
    goOnWhenBack(error, refresh);
  }
}

/** @param {import("../shared/corrections.js").CorrectionPage} page */
function show({ corrections, count, next: following, totals, days }) {
  const isEmpty = totals.count === 0;
  root.dataset.state = isEmpty ? "empty" : "ready";
  retry.hidden = true;
  next = following;
  older.removeAttribute("aria-disabled");
  write(note, isEmpty ? "There are no corrections yet." : count === 0 ? "No correction matches the filters." : totalsWords(totals, count));
  element("list-empty", HTMLElement).hidden = !isEmpty;
  form.hidden = isEmpty;
  showFilters(totals);
  grid.show(corrections.filter(({ id }) => !changes.isLeaving(id)));
  bulk.root.hidden = corrections.length === 0;
  paging.hidden = count <= PAGE_SIZE;
  newer.disabled = before.length === 0;
  older.disabled = next === null;
  write(element("range", HTMLElement), rangeWords(before.length * PAGE_SIZE, corrections.length, count));
  write(element("retention", HTMLElement), retentionWords(days));
  files.filters = filters;
  files.show(totals, count);
  learn.show(totals);
}

/** @param {import("../shared/api-types.js").CorrectionTotals} totals */
function showFilters({ labels, writers, sources, contradictions }) {
  const some = (/** @type {string} */ words, /** @type {number | undefined} */ count) => `${words} (${count ?? 0})`;
  offer(selects.label, ["", "Any"], LABELS.map((label) => [String(label), some(labelWords(label), labels[String(label)])]), filters.label);
  offer(selects.writer, [ANYBODY, "Anybody"], writers.map(({ name, count }) => [name, some(writerWords(name), count)]), filters.writer ?? ANYBODY);
  offer(selects.source, ["", "Any"], Object.entries(SOURCES).map(([name, words]) => [name, some(words, sources[name])]), filters.source);
  onlyContradictions.checked = filters.contradictions;
  onlyContradictions.disabled = contradictions === 0 && !filters.contradictions;
}

/** @param {HTMLSelectElement} select @param {[string, string]} any @param {[string, string][]} choices @param {string} chosen */
function offer(select, any, choices, chosen) {
  // What a link asks for may have been deleted since.
  const missing = [any, ...choices].every(([value]) => value !== chosen) ? [/** @type {[string, string]} */ ([chosen, `${chosen} (0)`])] : [];
  select.replaceChildren(...[any, ...choices, ...missing].map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function filter() {
  const { label, source, writer } = selects;
  filters = { label: label.value, writer: writer.value === ANYBODY ? null : writer.value, source: source.value, contradictions: onlyContradictions.checked };
  const query = String(api.queryOf(filters));
  history.replaceState(history.state, "", location.pathname + (query === "" ? "" : `?${query}`));
  grid.selectAll(false);
  turn([]);
}

/** @param {number[]} pages  the last correction of each page before the one to show */
function turn(pages) {
  before = pages;
  next = null; // the one that is known goes on from the page before
  older.setAttribute("aria-disabled", "true");
  refresh();
}

function showSelection() {
  const { length } = grid.selected;
  const all = grid.shown.length;
  bulk.all.checked = all > 0 && length === all;
  bulk.all.indeterminate = length > 0 && length < all;
  write(bulk.count, length === 0 ? "Select all on this page" : `${length} selected`);
  for (const each of [bulk.label, bulk.writer, bulk.delete]) each.disabled = length === 0;
}

async function changeWriter() {
  const chosen = grid.selected;
  const names = new Set(chosen.map(({ writer }) => writer));
  const before = (names.size === 1 && chosen[0].writer) || ownName();
  const name = await askForName("Who wrote them?", `For ${counted(chosen.length, "correction")}. Leave it empty for no name.`, before);
  if (name === null) return;
  const words = (/** @type {number} */ number) => {
    const changed = counted(number, "correction");
    return name === "" ? `Removed the writer’s name from ${changed}` : `Changed the writer of ${changed} to ${name}`;
  };
  await act(changes.apply(chosen, { writer: name }, words));
}

async function relabel() {
  const chosen = grid.selected;
  const label = labelOf(bulk.label.value);
  bulk.label.value = "";
  await act(changes.apply(chosen, { label }, (number) => `Relabelled ${counted(number, "correction")} as ${labelWords(label)}`));
}

/** Changes of many take a moment, in which others can be selected. @param {Promise<void>} change */
async function act(change) {
  grid.selectAll(false);
  root.setAttribute("aria-busy", "true");
  await change;
  root.removeAttribute("aria-busy");
}

/** What is deleted goes at once, and not only when the server has sent the list. */
function changed() {
  grid.show(grid.shown.filter(({ id }) => !changes.isLeaving(id)));
  refresh();
}

bulk.label.append(new Option("Relabel as…", ""), ...LABELS.map((label) => new Option(labelWords(label), String(label))));
bulk.label.addEventListener("change", () => bulk.label.value !== "" && relabel());
bulk.writer.addEventListener("click", changeWriter);
bulk.delete.addEventListener("click", () => act(changes.delete(grid.selected)));
bulk.all.addEventListener("change", () => grid.selectAll(bulk.all.checked));
grid.onSelect = showSelection;
/** @type {typeof grid.onOpen} */
grid.onOpen = (correction) => void dialog.open(correction);
changes.onChange = changed;
files.onChange = () => {
  refresh();
  // An import labels readings that wait, and a deletion of everything deletes them.
  document.dispatchEvent(new CustomEvent("readings-changed"));
};
document.addEventListener("corrections-changed", refresh);
// What waits to be deleted is not learned or exported: a training that learned from it would be thrown away.
learn.before = files.before = () => changes.flush();
form.addEventListener("change", filter);
form.addEventListener("submit", (event) => event.preventDefault());
older.addEventListener("click", () => next !== null && turn([...before, next]));
newer.addEventListener("click", () => turn(before.slice(0, -1)));
retry.addEventListener("click", refresh);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
await refresh();
