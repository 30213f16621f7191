// @ts-check
/**
 * The table of all trainings, with a search and a check box to show the curves of each.
 *
 * @typedef {import("../shared/api.js").Run} Run
 */

import * as api from "../shared/api.js";
import { button, element, make, write } from "../shared/dom.js";
import { duration, moment, percent, sentence, UNKNOWN } from "../shared/format.js";
import { keepFocus } from "../shared/focus.js";
import { SortHead } from "../shared/sorting.js";
import { messageOf } from "../shared/toast.js";
import { trialName } from "./trial.js";

const TYPING_MS = 250;

/** @type {import("../shared/sorting.js").SortColumn<Run>[]} */
export const COLUMNS = [
  { id: "tick", title: "Show" },
  { id: "run", title: "Run", value: ({ run_id }) => run_id, isFigure: true },
  { id: "recipe", title: "Recipe", value: ({ recipe }) => recipe },
  { id: "status", title: "Status", value: ({ status }) => status },
  { id: "validation", title: "Validation", value: ({ summary }) => summary?.validation_accuracy, isFigure: true },
  { id: "epochs", title: "Epochs", value: ({ summary }) => summary?.epoch, isFigure: true },
  { id: "took", title: "Duration", value: seconds, isFigure: true },
  { id: "began", title: "Started", value: ({ created_at }) => Date.parse(created_at), isFigure: true },
  { id: "outcome", title: "Outcome" },
];

/** How long a run took; null until it is over. @param {Pick<Run, "started_at" | "finished_at">} run */
export function seconds({ started_at, finished_at }) {
  return started_at && finished_at ? (Date.parse(finished_at) - Date.parse(started_at)) / 1000 : null;
}

export class RunHistory {
  #body = element("history", HTMLTableSectionElement);
  #scroll = element("history-scroll", HTMLElement);
  #note = element("history-note", HTMLElement);
  #more = element("history-more", HTMLButtonElement);
  #search = element("history-search", HTMLInputElement);
  #head = new SortHead(element("history-columns", HTMLTableRowElement), COLUMNS, { column: "run", isDescending: true }, () => this.#sort());
  #onOpen;
  #onTick;
  /** The runs in the table, and the search that found them. @type {Map<number, Run>} */
  #runs = new Map();
  #found = "";
  /** The row of each run, and the run as JSON. @type {Map<number, {row: HTMLTableRowElement, shown: string}>} */
  #rows = new Map();
  /** @type {Set<number>} */
  #ticked = new Set();
  /** @type {number | null} */
  #current = null;
  /** The address of older runs. @type {string | null} */
  #next = null;
  #round = 0;

  /** @param {{onOpen: (id: number) => void, onTick: (ids: number[]) => void}} listener */
  constructor({ onOpen, onTick }) {
    this.#onOpen = onOpen;
    this.#onTick = onTick;
    /** @type {number | undefined} */
    let typing;
    this.#search.addEventListener("input", () => {
      window.clearTimeout(typing);
      typing = window.setTimeout(() => this.load(), TYPING_MS);
    });
    this.#more.addEventListener("click", () => this.#showOlder());
  }

  /** @param {number | null} current @param {number[]} ticked */
  mark(current, ticked) {
    this.#current = current;
    this.#ticked = new Set(ticked);
    for (const row of this.#body.rows) this.#markRow(row);
  }

  /** Load the newest runs; older ones stay in the table. @returns {Promise<Run[]>} */
  async load() {
    this.#round += 1;
    const round = this.#round;
    const search = this.#search.value;
    try {
      const { runs, next } = await api.runs(search);
      if (round !== this.#round) return runs;
      if (search !== this.#found || !runs.some(({ run_id }) => this.#runs.has(run_id))) {
        this.#found = search;
        this.#runs.clear();
        this.#next = next;
      }
      this.#take(runs);
      await this.#complete(round);
      return runs;
    } catch (error) {
      write(this.#note, messageOf(error));
      return [];
    }
  }

  async #sort() {
    this.#show();
    try {
      await this.#complete(this.#round);
    } catch (error) {
      write(this.#note, messageOf(error));
    }
  }

  /** Whether the table has the order in which the server lists the runs. */
  get #isNewestFirst() {
    const { column, isDescending } = this.#head.order;
    return column === "run" && isDescending;
  }

  /** Load all runs if the table has another order. @param {number} round */
  async #complete(round) {
    while (this.#next !== null && !this.#isNewestFirst) {
      const { runs, next } = await api.follow(this.#next);
      if (round !== this.#round) return;
      this.#next = next;
      this.#take(runs);
    }
  }

  async #showOlder() {
    const older = this.#next;
    if (older === null) return;
    this.#more.disabled = true;
    try {
      const { runs, next } = await api.follow(older);
      if (this.#next !== older) return; // another search has been made meanwhile
      this.#next = next;
      this.#take(runs);
    } catch (error) {
      write(this.#note, messageOf(error));
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {Run[]} runs */
  #take(runs) {
    for (const run of runs) this.#runs.set(run.run_id, run);
    this.#show();
  }

  #show() {
    const runs = [...this.#runs.values()].sort((one, other) => other.run_id - one.run_id);
    const rows = this.#head.sorted(runs).map((run) => this.#row(run));
    keepFocus(this.#body, () => arrange(this.#body, rows), { name: placeOf });
    const none = this.#found ? "No trainings match your search." : "No trainings yet. Start one above.";
    write(this.#note, runs.length === 0 ? none : "");
    this.#scroll.hidden = runs.length === 0;
    this.#more.hidden = this.#next === null;
  }

  /** The row that shows a run as it is now.  What did not change in it stays: somebody may be pressing its button. @param {Run} run */
  #row(run) {
    const shown = JSON.stringify(run);
    const known = this.#rows.get(run.run_id);
    if (known?.shown === shown) return known.row;
    const built = this.#build(run);
    const row = known?.row ?? built;
    [...built.cells].forEach((cell, index) => row.cells[index].isEqualNode(cell) || row.cells[index].replaceWith(cell));
    this.#markRow(row);
    this.#rows.set(run.run_id, { row, shown });
    return row;
  }

  /** @param {Run} run */
  #build(run) {
    const row = make("tr", { data: { run: String(run.run_id) } });
    const open = button(String(run.run_id), "link", () => this.#onOpen(run.run_id));
    open.setAttribute("aria-label", `Open run ${run.run_id}`);
    const number = make("th", { className: "figure" }, open);
    number.scope = "row";
    const texts = {
      recipe: this.#recipe(run),
      status: chip(run.status),
      validation: percent(run.summary?.validation_accuracy, 2),
      epochs: `${run.summary?.epoch ?? 0}/${run.planned_epochs ?? UNKNOWN}`,
      took: duration(seconds(run)),
      began: moment(run.created_at),
      outcome: outcome(run.message),
    };
    row.append(cell("tick", this.#tick(run.run_id)), number, ...Object.entries(texts).map(([id, content]) => cell(id, content)));
    return row;
  }

  /** The recipe; for a trial also a button that lists its search. @param {Run} run */
  #recipe({ recipe, trial, seed }) {
    const text = recipe ?? UNKNOWN;
    if (!trial) return text; // also from an older server, which sends none
    const list = button(trialName(trial, seed), "link trial", () => {
      this.#search.value = trial.search;
      this.load();
    });
    list.title = `List the trainings of search ${trial.search}`;
    return make("div", { className: "of-search" }, make("div", { text }), list);
  }

  /** @param {number} id */
  #tick(id) {
    const tick = make("input");
    tick.type = "checkbox";
    tick.setAttribute("aria-label", `Show the curves of run ${id}`);
    tick.addEventListener("change", () => {
      if (tick.checked) this.#ticked.add(id);
      else this.#ticked.delete(id);
      this.#onTick([...this.#ticked]);
    });
    return make("label", { className: "tick" }, tick);
  }

  /** @param {HTMLTableRowElement} row */
  #markRow(row) {
    const id = Number(row.dataset.run);
    const tick = row.querySelector("input");
    if (id === this.#current) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    if (tick) tick.checked = this.#ticked.has(id) || id === this.#current;
    if (tick) tick.disabled = id === this.#current;
  }
}

/** Give a table these rows; those in their place stay there. @param {HTMLTableSectionElement} body @param {HTMLTableRowElement[]} rows */
function arrange(body, rows) {
  for (const row of [...body.rows].filter((row) => !rows.includes(row))) row.remove();
  rows.forEach((row, index) => row === body.rows[index] || body.insertBefore(row, body.rows[index] ?? null));
}

/** A control of a row. @param {Element} control */
function placeOf(control) {
  return `${control.closest("tr")?.dataset.run} ${control.className || control.localName}`;
}

/** @param {string} status */
function chip(status) {
  return make("span", { className: "chip", text: status, data: { status } });
}

/** The run's message; style.css cuts it after some lines. @param {string} message */
function outcome(message) {
  const text = message ? sentence(message) : "";
  const made = make("p", { className: "outcome", text });
  made.title = text;
  return made;
}

/** @param {string} id  of its column @param {string | HTMLElement} content */
function cell(id, content) {
  const { title, isFigure = false } = COLUMNS.find((column) => column.id === id) ?? { title: "" };
  return make("td", { className: isFigure ? "figure" : "", data: { column: id, title } }, content);
}
