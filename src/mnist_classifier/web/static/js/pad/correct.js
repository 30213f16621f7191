// @ts-check
/**
 * "Wrong? It was …": one tap stores what an image shows, and Undo deletes it.  Nothing is stored without that tap.
 *
 * @typedef {import("./workbench.js").Source} Source
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("../shared/corrections.js").Label} Label
 * @typedef {import("../shared/corrections.js").Changed} Changed
 * @typedef {import("../shared/api-types.js").GivenReading} GivenReading
 * @typedef {{source: Source, strokes: readonly Stroke[], reading: GivenReading, version?: number, box?: [number, number, number, number]}} Shown
 *   an image, its pen strokes, what the model read, and the box of one digit of a number
 */

import { add, edit, isGone, labelOf, remove } from "../shared/corrections.js";
import { element, mark, write } from "../shared/dom.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { askForWriter, writer } from "../shared/writer.js";
import { sentenceOf, undoWords } from "./correct-words.js";
import { toPaths } from "./strokes.js";

const UNDO = "undo";

export class Correcting {
  #root;
  #status;
  #undo;
  #others;
  #open;
  #writer;
  #labels;
  /** @type {Shown | null} */
  #shown = null;
  /** The correction of what is shown, if there is one. @type {{id: number, label: Label} | null} */
  #saved = null;
  /** What the newest request is about, until its reply has come. @type {Shown | null} */
  #busy = null;
  /** The last tap before the reading or the reply to the one before came. @type {Label | typeof UNDO | null} */
  #waiting = null;

  /** @param {string} id  of what the macro `correct` makes */
  constructor(id) {
    const root = element(id, HTMLElement);
    this.#root = root;
    this.#status = part(root, ".correct-status");
    this.#undo = part(root, ".correct-undo");
    this.#others = part(root, ".correct-others");
    this.#open = part(root, ".correct-open");
    this.#writer = part(root, ".correct-writer");
    this.#labels = [.../** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("[data-label]"))];
    for (const each of this.#labels) each.addEventListener("click", () => this.#choose(labelOf(each.dataset.label ?? "")));
    this.#undo.addEventListener("click", () => this.#takeBack());
    this.#open.addEventListener("click", () => this.#fold(this.#open.getAttribute("aria-expanded") === "true"));
    this.#writer.addEventListener("click", async () => (await askForWriter()) && this.#showWriter());
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#open.getAttribute("aria-expanded") !== "true") return;
      event.stopPropagation();
      this.#fold(true);
      this.#open.focus();
    });
  }

  /** Offer to correct this.  What was said of the same image stays. @param {Shown} shown */
  show(shown) {
    if (this.#shown === null || !isSame(shown, this.#shown)) this.#settle(null, "");
    this.#shown = shown;
    this.#root.dataset.state = "ready";
    this.#showWriter();
    this.#goOn();
  }

  /** The page shows something else, which has no reading yet. */
  changed() {
    this.#shown = this.#waiting = null;
    this.#fold(true);
    this.#settle(null, "");
  }

  /** There is nothing to correct. */
  hide() {
    this.changed();
    this.#root.dataset.state = "none";
  }

  /** @param {Label} label */
  async #choose(label) {
    const shown = this.#shown;
    const saved = this.#saved;
    if (shown === null || this.#isBusy) return this.#wait(label);
    if (saved?.label === label) return this.#fold(true);
    await this.#do(shown, async () => {
      const reply = await (saved === null ? this.#add(shown, label) : this.#relabel(saved.id, shown, label));
      const words = sentenceOf(reply, saved !== null);
      if (this.#shown === null || !isSame(this.#shown, shown)) return this.#sayLater(reply, words);
      this.#settle(reply.correction, words, reply);
      this.#fold(true);
    });
  }

  /** @param {Label | typeof UNDO} tap */
  #wait(tap) {
    this.#waiting = tap;
    this.#pressChosen();
    this.#fold(true);
  }

  #goOn() {
    const tap = this.#waiting;
    if (tap === null || this.#shown === null || this.#isBusy) return;
    this.#waiting = null;
    if (tap === UNDO) this.#takeBack();
    else this.#choose(tap);
  }

  /** @param {Shown} shown @param {Label} label */
  async #add(shown, label) {
    return add(await this.#correction(shown, label));
  }

  /** Somebody may have deleted the correction on another page. @param {number} id @param {Shown} shown @param {Label} label */
  async #relabel(id, shown, label) {
    try {
      return await edit(id, { label });
    } catch (error) {
      if (isGone(error)) return this.#add(shown, label);
      throw error;
    }
  }

  /** @param {Shown} shown @param {Label} label @returns {Promise<import("../shared/corrections.js").NewCorrection>} */
  async #correction({ source, strokes, reading, version, box }, label) {
    const { prediction, confidence, verdict, not_a_digit } = reading;
    return {
      label,
      image: "image" in source ? source.image : await base64(source.file),
      writer: writer(),
      source: "page",
      reading: { prediction, confidence, verdict, not_a_digit },
      ...(strokes.length > 0 ? { strokes: toPaths(strokes) } : {}),
      ...(box === undefined ? {} : { box }),
      ...(version === undefined ? {} : { version }),
    };
  }

  async #takeBack() {
    if (this.#isBusy) return this.#wait(UNDO);
    const [shown, saved] = [this.#shown, this.#saved];
    if (shown === null || saved === null) return;
    await this.#do(shown, async () => {
      await remove(saved.id);
      if (this.#saved !== saved) return;
      // The button that had the focus goes away.
      if (document.activeElement === this.#undo) (this.#open.checkVisibility() ? this.#open : this.#labels[0]).focus();
      this.#settle(null, "Deleted. Nothing is stored.");
    });
  }

  /** Whether a request about the image on the page has no reply yet. */
  get #isBusy() {
    return this.#busy !== null && this.#shown !== null && isSame(this.#busy, this.#shown);
  }

  /** @param {Shown} shown @param {() => Promise<void>} act */
  async #do(shown, act) {
    this.#busy = shown;
    this.#root.setAttribute("aria-busy", "true");
    try {
      await act();
      hideToast("correct");
    } catch (error) {
      this.#pressChosen();
      showToast("correct", messageOf(error));
    } finally {
      if (this.#busy === shown) {
        this.#busy = null;
        this.#root.removeAttribute("aria-busy");
      }
      this.#goOn();
    }
  }

  /** The drawing has changed meanwhile. @param {Changed} reply @param {string} words */
  #sayLater(reply, words) {
    const onClick = () => remove(reply.correction.id).catch((error) => showToast("correct", messageOf(error)));
    showToast(`corrected-${reply.correction.id}`, words, "good", { text: undoWords(reply), onClick });
  }

  /** @param {{id: number, label: Label} | null} saved @param {string} words @param {Changed | null} [reply] */
  #settle(saved, words, reply = null) {
    this.#saved = saved;
    this.#pressChosen();
    write(this.#status, words);
    this.#root.dataset.saved = String(words !== "");
    this.#undo.hidden = saved === null;
    write(this.#undo, undoWords(reply));
    this.#others.hidden = reply === null || reply.contradicts.length === 0;
  }

  #pressChosen() {
    const label = this.#waiting ?? this.#saved?.label ?? null;
    for (const each of this.#labels) mark(each, "aria-pressed", String(label !== null && each.dataset.label === String(label)));
  }

  #showWriter() {
    const name = writer();
    write(this.#writer, name === "" ? "Add your name" : `Writer: ${name}`);
  }

  /** @param {boolean} isFolded  of effect on narrow screens only */
  #fold(isFolded) {
    mark(this.#open, "aria-expanded", String(!isFolded));
  }
}

/** @param {HTMLElement} root @param {string} selector */
function part(root, selector) {
  return /** @type {HTMLElement} */ (root.querySelector(selector));
}

/** Whether both show the same picture. @param {Shown} one @param {Shown} other */
function isSame(one, other) {
  const [a, b] = [one.source, other.source];
  return ("image" in a ? "image" in b && a.image === b.image : "file" in b && a.file === b.file) && String(one.box) === String(other.box);
}

/** The contents of a file. @param {File} file @returns {Promise<string>} */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1]);
    reader.onerror = () => reject(new Error("The browser cannot read the file any more. Open it again."));
    reader.readAsDataURL(file);
  });
}
