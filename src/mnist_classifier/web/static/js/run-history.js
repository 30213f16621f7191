// @ts-check
/**
 * The table of all runs, with search, and ticks for those whose curves are shown.
 *
 * @typedef {import("./api.js").Run} Run
 */

import * as api from "./api.js";
import { button, element, write } from "./dom.js";
import { duration, percent, sentence, UNKNOWN } from "./format.js";
import { messageOf } from "./toast.js";

const TYPING_MS = 250;

export class RunHistory {
  #body = element("history", HTMLTableSectionElement);
  #note = element("history-note", HTMLElement);
  #more = element("history-more", HTMLButtonElement);
  #search = element("history-search", HTMLInputElement);
  #onOpen;
  #onTick;
  /** @type {Set<number>} */
  #ticked = new Set();
  /** @type {number | null} */
  #current = null;
  /** @type {string | null} */
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
    this.#more.addEventListener("click", () => this.#loadMore());
  }

  /** @param {number | null} current @param {number[]} ticked */
  mark(current, ticked) {
    this.#current = current;
    this.#ticked = new Set(ticked);
    for (const row of this.#body.rows) this.#markRow(row);
  }

  /** Ask for the newest runs. @returns {Promise<Run[]>} */
  async load() {
    this.#round += 1;
    const round = this.#round;
    try {
      const { runs, next } = await api.runs(this.#search.value);
      if (round !== this.#round) return runs;
      this.#next = next;
      this.#body.replaceChildren(...runs.map((run) => this.#row(run)));
      const none = this.#search.value ? "Nothing fits the search." : "No trainings yet: start the first above.";
      write(this.#note, runs.length === 0 ? none : "");
      this.#more.hidden = next === null;
      return runs;
    } catch (error) {
      write(this.#note, messageOf(error));
      return [];
    }
  }

  async #loadMore() {
    if (this.#next === null) return;
    this.#more.disabled = true;
    try {
      const { runs, next } = await api.request(this.#next);
      this.#next = next;
      this.#body.append(...runs.map((/** @type {Run} */ run) => this.#row(run)));
      this.#more.hidden = next === null;
    } catch (error) {
      write(this.#note, messageOf(error));
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {Run} run */
  #row(run) {
    const row = document.createElement("tr");
    row.dataset.run = String(run.run_id);
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.setAttribute("aria-label", `Show the curves of run ${run.run_id}`);
    tick.addEventListener("change", () => {
      if (tick.checked) this.#ticked.add(run.run_id);
      else this.#ticked.delete(run.run_id);
      this.#onTick([...this.#ticked]);
    });
    const tickLabel = document.createElement("label");
    tickLabel.className = "tick";
    tickLabel.append(tick);
    const open = button(String(run.run_id), "link", () => this.#onOpen(run.run_id));
    open.setAttribute("aria-label", `Open run ${run.run_id}`);
    const chip = document.createElement("span");
    chip.className = "chip";
    chip.dataset.status = run.status;
    chip.textContent = run.status;
    const took = run.started_at && run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000 : null;
    row.append(
      cell(tickLabel), cell(open, "number"), cell(run.recipe ?? UNKNOWN), cell(chip),
      cell(percent(run.summary?.validation_accuracy, 2), "number"),
      cell(`${run.summary?.epoch ?? 0}/${run.planned_epochs ?? UNKNOWN}`, "number"),
      cell(duration(took), "number"), cell(new Date(run.created_at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })),
      cell(run.message ? sentence(run.message) : ""),
    );
    this.#markRow(row);
    return row;
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

/** @param {string | HTMLElement} content @param {string} [className] */
function cell(content, className = "") {
  const made = document.createElement("td");
  made.className = className;
  made.append(content);
  return made;
}
