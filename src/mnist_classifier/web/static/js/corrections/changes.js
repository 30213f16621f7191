// @ts-check
/**
 * Relabel, rename and delete corrections, each with Undo.
 *
 * A deletion is sent once its Undo has gone: the server keeps nothing from which it could restore a correction.
 *
 * @typedef {import("./api.js").Correction} Correction
 * @typedef {{label?: Correction["label"], writer?: string}} Change
 * @typedef {import("./words.js").Outcome} Outcome
 */

import { edit, isGone, remove, removeAll, seenWords } from "../shared/corrections.js";
import { focusToast, hideToast, messageOf, showToast } from "../shared/toast.js";
import { counted, outcomeWords } from "./words.js";

const TOPIC = "corrections";
/** Shorter than the message with the button stays. */
export const UNDO_MS = 10_000;

export class Changes {
  /** Called once something has changed. @type {() => void} */
  onChange = () => {};

  /** Corrections whose deletion can still be undone. @type {readonly number[]} */
  #leaving = [];
  #timer = 0;
  /** Settles when all changes are done: one after another, so that no message takes the place of a later one. */
  #last = Promise.resolve();

  constructor() {
    window.addEventListener("pagehide", () => this.#leave());
  }

  /** Whether a correction is about to be deleted. @param {number} id */
  isLeaving(id) {
    return this.#leaving.includes(id);
  }

  /** @param {readonly Correction[]} corrections @param {Change} change @param {(count: number) => string} words  what was done to so many */
  apply(corrections, change, words) {
    return this.#inTurn(() => this.#apply(corrections, change, words));
  }

  /** @param {readonly Correction[]} corrections */
  delete(corrections) {
    const byKeys = document.activeElement?.matches(":focus-visible") ?? false;
    return this.#inTurn(() => this.#delete(corrections, byKeys));
  }

  /** Delete now what waits for it. */
  flush() {
    return this.#inTurn(() => this.#flush());
  }

  /** @param {() => Promise<void>} change */
  #inTurn(change) {
    this.#last = this.#last.then(change);
    return this.#last;
  }

  /** @param {readonly Correction[]} corrections @param {Change} change @param {(count: number) => string} words */
  async #apply(corrections, change, words) {
    await this.#flush();
    /** @type {Correction[]} */
    const changed = [];
    let merged = 0;
    let gone = 0;
    let fault = "";
    try {
      for (const each of corrections) {
        const reply = await editIfThere(each.id, change);
        if (reply === null) gone += 1;
        else if (reply.merged) merged += 1;
        else changed.push(each);
      }
    } catch (error) {
      fault = messageOf(error);
    }
    this.#say(words, changed, { merged, gone, fault });
    this.onChange();
  }

  /** @param {readonly Correction[]} corrections @param {boolean} byKeys */
  async #delete(corrections, byKeys) {
    await this.#flush();
    this.#leaving = corrections.map(({ id }) => id);
    this.#timer = window.setTimeout(() => this.flush(), UNDO_MS);
    const words = `${counted(corrections.length, "correction")} will be deleted in a moment.`;
    showToast(TOPIC, words, "info", { text: "Undo", onClick: () => this.#keep() });
    if (byKeys) focusToast(TOPIC);
    this.onChange();
  }

  async #flush() {
    if (this.#leaving.length === 0) return;
    const count = this.#leaving.length;
    await this.#do(async () => {
      const seenBy = await this.#send(false);
      showToast(TOPIC, `Deleted ${counted(count, "correction")}.${seenWords(seenBy)}`, "good");
    });
    this.onChange();
  }

  /** The page goes, but a browser may show it again. */
  async #leave() {
    if (this.#leaving.length === 0) return;
    await this.#do(async () => void (await this.#send(true)));
    this.onChange(); // a list that was asked for before still had them
  }

  #keep() {
    window.clearTimeout(this.#timer);
    this.#leaving = [];
    this.onChange();
  }

  /** @param {boolean} keepalive  the page is going @returns {Promise<number[]>}  the versions that learned from them */
  async #send(keepalive) {
    window.clearTimeout(this.#timer);
    hideToast(TOPIC);
    const ids = this.#leaving;
    this.#leaving = [];
    if (keepalive) return (await Promise.all(ids.map((id) => remove(id, keepalive)))).flat();
    return removeAll([...ids]);
  }

  /** @param {(count: number) => string} words @param {readonly Correction[]} changed @param {Outcome} outcome */
  #say(words, changed, outcome) {
    const undo = changed.length === 0 ? null : { text: "Undo", onClick: () => this.#inTurn(() => this.#takeBack(changed)) };
    const isGood = outcome.gone === 0 && outcome.fault === "";
    showToast(TOPIC, outcomeWords(words, changed.length, outcome), isGood ? "good" : "error", undo);
  }

  /** @param {readonly Correction[]} before */
  async #takeBack(before) {
    await this.#do(async () => {
      for (const { id, label, writer } of before) await editIfThere(id, { label, writer });
    });
    this.onChange();
  }

  /** @param {() => Promise<void>} act */
  async #do(act) {
    try {
      await act();
    } catch (error) {
      showToast(TOPIC, messageOf(error));
    }
  }
}

/** Another page may have deleted it. @param {number} id @param {Change} change */
async function editIfThere(id, change) {
  try {
    return await edit(id, change);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
