// @ts-check
/**
 * Sends digits to the server one after another, and keeps those that it did not take.  The writer need not wait.
 *
 * If the answer to a digit is lost, nobody knows whether it is stored.  The digit is then sent again, which stores
 * nothing twice, and is deleted if it was taken back.
 *
 * @typedef {import("../shared/corrections.js").NewCorrection} NewCorrection
 * @typedef {import("../shared/corrections.js").Changed} Changed
 * @typedef {{id: number, isOwn: boolean}} Stored  isOwn: it was not there before
 * @typedef {{sent: NewCorrection, stored: Stored | null, tries: number, isTakenBack: boolean}} Item
 *   tries: how often the server may have stored it
 */

import { ApiError, isAnswer } from "../shared/api.js";

export class Outbox {
  /** Called after every change. */
  onChange = () => {};
  /** Called when the server did not take a digit. @type {(error: unknown, item: Item) => void} */
  onFault = () => {};
  /** Called when nothing more is sent until `flush`. @type {(error: unknown) => void} */
  onStop = () => {};

  /** All digits of the round, oldest first. @type {Item[]} */
  #items = [];
  /** What is on its way. @type {Item | null} */
  #sending = null;
  #add;
  #remove;

  /** @param {(correction: NewCorrection) => Promise<Changed>} add @param {(id: number) => Promise<unknown>} remove */
  constructor(add, remove) {
    this.#add = add;
    this.#remove = remove;
  }

  /** The digits that were not taken back, oldest first. */
  get items() {
    return this.#items.filter((each) => !each.isTakenBack);
  }

  /** How many are not stored yet. */
  get pending() {
    return this.items.filter((each) => each.stored === null).length;
  }

  /** Whether the server knows all that it should. */
  get isDone() {
    return this.#next() === undefined;
  }

  /** Whether a digit is on its way. */
  get isSending() {
    return this.#sending !== null;
  }

  /** @param {NewCorrection} sent */
  put(sent) {
    this.#items.push({ sent, stored: null, tries: 0, isTakenBack: false });
    this.flush();
  }

  /** Take digits over that were stored before the page was loaded. @param {readonly (Stored & {label: number})[]} saved */
  restore(saved) {
    this.#items = saved.map(({ label, id, isOwn }) => ({ sent: { label }, stored: { id, isOwn }, tries: 1, isTakenBack: false }));
  }

  /** Send what is not stored yet.  Stops at the first that the server does not take. */
  async flush() {
    if (this.#sending !== null) return;
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) {
        this.#sending = item;
        this.onChange();
        try {
          await this.#send(item);
        } catch (error) {
          if (isAnswer(error)) item.tries -= 1;
          if (!item.isTakenBack) this.onFault(error, item);
          else if (isRefused(error)) this.drop(item);
          if (this.#items.includes(item)) {
            this.onStop(error);
            break;
          }
        }
      }
    } finally {
      this.#sending = null;
      this.onChange();
    }
  }

  /** Take back the last digit; deletes it if it is stored.  What was stored before stays. */
  async takeBack() {
    const item = this.items.at(-1);
    if (item === undefined) return;
    // At once: a second tap takes back the digit before.
    item.isTakenBack = true;
    if (item.stored === null && item.tries === 0) return this.drop(item);
    this.onChange();
    while (this.#sending === item) await new Promise((resolve) => setTimeout(resolve, 50));
    if (item.stored === null) return void this.flush();
    try {
      if (item.stored.isOwn) await this.#remove(item.stored.id);
      this.drop(item);
    } catch (error) {
      item.isTakenBack = false;
      this.#items = [...this.#items.filter((each) => each !== item), item];
      throw error;
    }
  }

  /** Forget a digit. @param {Item} item */
  drop(item) {
    this.#items = this.#items.filter((each) => each !== item);
    this.onChange();
  }

  /** Forget all digits that are stored. */
  clear() {
    this.#items = this.#items.filter((each) => each.stored === null);
  }

  /** @param {Item} item */
  async #send(item) {
    item.tries += 1;
    const { correction, merged } = await this.#add(item.sent);
    // As often as this page has sent it: an earlier answer was lost.
    const stored = { id: correction.id, isOwn: !merged || correction.times <= item.tries };
    if (!item.isTakenBack) {
      item.stored = stored;
      return;
    }
    if (stored.isOwn) await this.#remove(stored.id);
    this.drop(item);
  }

  #next() {
    return this.#items.find((each) => each.stored === null);
  }
}

/** Whether the server refused the drawing itself. @param {unknown} error */
export function isRefused(error) {
  return error instanceof ApiError && error.field === "image";
}
