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
  #isSending = false;
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

  /** @param {NewCorrection} sent */
  put(sent) {
    this.#items.push({ sent, stored: null });
    this.flush();
  }

  /** Send what is not stored yet.  Stops at the first that the server does not take. */
  async flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    this.onChange();
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) {
        try {
          item.stored = await this.#add(item.sent);
        } catch (error) {
          this.onFault(error, item);
          if (this.#items.includes(item)) break;
        }
        this.onChange();
      }
    } finally {
      this.#isSending = false;
      this.onChange();
    }
  }

  /** Take back the last digit; deletes it if it is stored.  What was stored before stays. */
  async takeBack() {
    const item = this.#items.at(-1);
    if (item === undefined) return;
    while (this.#isSending && item.stored === null) await new Promise((resolve) => setTimeout(resolve, 50));
    if (item.stored !== null && !item.stored.merged) await this.#remove(item.stored.correction.id);
    this.drop(item);
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
