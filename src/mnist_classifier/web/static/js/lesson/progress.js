// @ts-check
/**
 * How far a learner has come in the lesson, kept in the browser.
 * If the browser stores nothing (a private window, full or blocked storage), it lasts until the page is left.
 *
 * @typedef {import("../pad/strokes.js").Stroke} Stroke
 * @typedef {"quick" | "memory"} Kind  of the networks that the lesson trains: the quick one, and the one that learns by heart
 * @typedef {{
 *   done: number[], answers: number[], strokes: Stroke[], drawn: number | null, guess: number | null,
 *   runs: Record<Kind, number | null>
 * }} State
 *   done, answers: steps; drawn: the digit that the learner draws in step 2, -1 for no digit; guess: of 100; runs: trainings
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} ProgressStorage
 */

import { pack, unpack } from "../pad/packed.js";

const KEY = "mnist-classifier.lesson";
const FORMAT = 1;
export const STEPS = 5;

/** @returns {State} */
export function emptyState() {
  return { done: [], answers: [], strokes: [], drawn: null, guess: null, runs: { quick: null, memory: null } };
}

export class Progress {
  #open;

  /** @param {() => ProgressStorage} open  may throw */
  constructor(open) {
    this.#open = open;
    this.state = this.#read();
  }

  /** @param {Partial<State>} changes */
  change(changes) {
    this.state = { ...this.state, ...changes };
    try {
      this.#open().setItem(KEY, format(this.state));
    } catch {
      // Full or blocked.
    }
  }

  /** Note that the task of a step is done, or its answer was read. @param {"done" | "answers"} what @param {number} step */
  add(what, step) {
    if (!this.state[what].includes(step)) this.change({ [what]: [...this.state[what], step].sort() });
  }

  /** Forget everything. */
  clear() {
    this.state = emptyState();
    try {
      this.#open().removeItem(KEY);
    } catch {
      // Blocked: it holds nothing.
    }
  }

  #read() {
    try {
      return parse(this.#open().getItem(KEY));
    } catch {
      return emptyState();
    }
  }
}

/** @param {State} state */
export function format({ strokes, ...rest }) {
  return JSON.stringify({ format: FORMAT, ...rest, strokes: pack(strokes) });
}

/** The state from the text of `format`; a part that is damaged is empty. @param {string | null} text @returns {State} */
export function parse(text) {
  /** @type {any} */
  let found;
  try {
    found = JSON.parse(text ?? "null");
  } catch {
    return emptyState();
  }
  if (found?.format !== FORMAT) return emptyState();
  return {
    done: stepsIn(found.done),
    answers: stepsIn(found.answers),
    strokes: unpack(found.strokes) ?? [],
    drawn: wholeIn(found.drawn, -1, 9),
    guess: wholeIn(found.guess, 0, 100),
    runs: { quick: wholeIn(found.runs?.quick, 1), memory: wholeIn(found.runs?.memory, 1) },
  };
}

/** @param {unknown} list @returns {number[]} */
function stepsIn(list) {
  return Array.isArray(list) ? list.filter((step) => wholeIn(step, 1, STEPS) !== null) : [];
}

/** @param {unknown} value @param {number} low @param {number} [high] */
function wholeIn(value, low, high = Number.MAX_SAFE_INTEGER) {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high ? value : null;
}
