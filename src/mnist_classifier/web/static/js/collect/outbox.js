// @ts-check
/**
 * Sends digits to the server one after another, and keeps those that it did not take.  The writer need not wait.
 *
 * @typedef {import("../shared/corrections.js").NewCorrection} NewCorrection
 * @typedef {import("../shared/corrections.js").Changed} Changed
 * @typedef {{sent: NewCorrection, stored: Changed | null}} Item
 */

export class Outbox {
  /** Called after every change. */
  onChange = () => {};
  /** Called when the server did not take a digit. @type {(error: unknown, item: Item) => void} */
  onFault = () => {};

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

  /** How many are not stored yet. */
  get pending() {
    return this.#items.filter((each) => each.stored === null).length;
  }

  /** Whether a digit is on its way. */
  get isSending() {
    return this.#sending !== null;
  }

  /** @param {NewCorrection} sent */
  put(sent) {
    this.#items.push({ sent, stored: null });
    this.flush();
  }

  /** Send what is not stored yet.  Stops at the first that the server does not take. */
  async flush() {
    if (this.#sending !== null) return;
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) {
        this.#sending = item;
        this.onChange();
        try {
          item.stored = await this.#add(item.sent);
        } catch (error) {
          // What was taken back meanwhile is missed by nobody.
          const isKept = this.#items.includes(item);
          if (isKept) this.onFault(error, item);
          if (isKept && this.#items.includes(item)) break;
        }
      }
    } finally {
      this.#sending = null;
      this.onChange();
    }
  }

  /** Take back the last digit; deletes it if it is stored.  What was stored before stays. */
  async takeBack() {
    // Off the list at once: a second tap takes back the digit before.
    const item = this.#items.pop();
    if (item === undefined) return;
    this.onChange();
    while (this.#sending === item) await new Promise((resolve) => setTimeout(resolve, 50));
    if (item.stored === null || item.stored.merged) return;
    try {
      await this.#remove(item.stored.correction.id);
    } catch (error) {
      this.#items.push(item);
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

  #next() {
    return this.#items.find((each) => each.stored === null);
  }
}
