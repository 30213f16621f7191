// @ts-check
/**
 * Pad, buttons and result together: what both pages do.  The subject is what is
 * read: the drawing, or a picture that lies in its place.
 *
 * @typedef {import("./api.js").Reading} Reading
 * @typedef {import("./api.js").NumberReading} NumberReading
 * @typedef {"digit" | "number"} Mode
 * @typedef {{read: (signal: AbortSignal) => Promise<Reading | NumberReading>, label: number | null}} Subject
 */

import * as api from "./api.js";
import { DatasetNotice } from "./dataset.js";
import { element, write } from "./dom.js";
import { Latest, STALE } from "./latest.js";
import { Pad } from "./pad.js";
import { ResultView } from "./result.js";
import { listenToKeys } from "./shortcuts.js";
import { SIDE, WIDE_SIDE } from "./strokes.js";
import { hideToast, messageOf, showToast } from "./toast.js";

/** Long enough to lift the pen between two strokes of a 4, short enough to feel immediate. */
const AUTO_PREDICT_MS = 180;

/** @type {readonly Mode[]} */
const MODES = ["digit", "number"];

export class Workbench {
  /** Called with every reading that is shown. @type {(reading: Reading | NumberReading) => void} */
  onReading = () => {};

  #pad = new Pad(element("pad", HTMLCanvasElement), element("pad-frame", HTMLElement));
  #result = new ResultView();
  #notice = new DatasetNotice();
  #latest = new Latest();
  #caption = element("caption", HTMLElement);
  #plainCaption = this.#caption.textContent ?? "";
  /** @type {Subject | null} */
  #picture = null;
  /** Whether the result on the page belongs to what lies on the pad. */
  #isRead = false;
  /** @type {Mode} */
  #mode = "digit";
  /** @type {number | undefined} */
  #timer;

  constructor() {
    this.#pad.onBegin = () => {
      this.#dropPicture();
      this.#interrupt();
    };
    this.#pad.onChange = () => {
      this.#dropPicture();
      this.#interrupt();
      if (this.#pad.isEmpty) this.#result.showEmpty();
      else this.#timer = window.setTimeout(() => this.predict(), AUTO_PREDICT_MS);
    };
    this.#result.onStepsWanted = () => this.reread();
    this.#notice.onReady = () => this.showRandom();
    this.#listen();
    this.#result.showEmpty();
  }

  /** Ask again about what was read, as when another model answers now. */
  reread() {
    if (this.#isRead) this.predict();
  }

  /** Read one digit or several, on a new sheet. @param {Mode} mode */
  setMode(mode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#interrupt();
    this.#dropPicture();
    element("bench", HTMLElement).dataset.mode = mode;
    element("random", HTMLButtonElement).hidden = mode === "number";
    for (const each of MODES) element(`mode-${each}`, HTMLButtonElement).setAttribute("aria-pressed", String(each === mode));
    this.#pad.startSheet(mode === "number" ? WIDE_SIDE : SIDE);
    this.#result.showEmpty();
  }

  /** Read what lies on the pad now. */
  async predict() {
    this.#pad.finish();
    this.#interrupt();
    if (this.#pad.isEmpty) return this.#result.showEmpty();
    const subject = this.#picture ?? this.#drawing();
    await this.#ask("predict", async (signal) => this.#show(await subject.read(signal), subject, signal));
  }

  /** Fetch a test image, show it and read it. */
  async showRandom() {
    if (this.#mode === "number") return;
    this.#interrupt();
    await this.#ask("random", async (signal) => {
      const { index, label, image } = await api.randomTestImage(signal);
      this.#notice.hide();
      const subject = { label, read: (/** @type {AbortSignal} */ newSignal) => this.#read(image, newSignal) };
      this.#lay(await load(image), subject, `Test image ${index}`, signal);
      return this.#show(await subject.read(signal), subject, signal);
    });
  }

  /** Show a file and read it. @param {File} file @param {string} caption */
  async showFile(file, caption) {
    this.#interrupt();
    await this.#ask("predict", async (signal) => {
      const subject = { label: null, read: (/** @type {AbortSignal} */ newSignal) => this.#readFile(file, newSignal) };
      const preview = await loadFile(file);
      if (preview !== null) this.#lay(preview, subject, caption, signal);
      const reading = await subject.read(signal);
      if (preview === null && "glyph" in reading) this.#lay(await load(reading.glyph ?? ""), subject, caption, signal);
      return this.#show(reading, subject, signal);
    });
  }

  #listen() {
    const actions = {
      predict: () => this.predict(),
      clear: () => this.#pad.clear(),
      undo: () => this.#pad.undo(),
      random: () => this.showRandom(),
    };
    for (const [id, action] of Object.entries(actions)) {
      element(id, HTMLButtonElement).addEventListener("click", action);
    }
    listenToKeys(actions);
    for (const mode of MODES) {
      element(`mode-${mode}`, HTMLButtonElement).addEventListener("click", () => this.setMode(mode));
    }
  }

  /** @returns {Subject} */
  #drawing() {
    const image = this.#pad.toDataUrl();
    if (this.#mode === "number") {
      const paths = this.#pad.toPaths();
      return { label: null, read: (signal) => api.predictNumber(image, paths, signal) };
    }
    return { label: null, read: (signal) => this.#read(image, signal) };
  }

  /** @param {string} image @param {AbortSignal} signal */
  #read(image, signal) {
    return api.predictImage(image, signal, this.#result.wantsSteps);
  }

  /** @param {File} file @param {AbortSignal} signal */
  #readFile(file, signal) {
    if (this.#mode === "number") return api.predictNumberFile(file, signal);
    return api.predictFile(file, signal, this.#result.wantsSteps);
  }

  /**
   * Ask; the newest question wins.  A failure is told and leaves the pad as it is.
   * @param {"predict" | "random"} buttonId  the button that shows that work goes on
   * @param {(signal: AbortSignal) => Promise<void>} task
   */
  async #ask(buttonId, task) {
    this.#result.showBusy();
    element(buttonId, HTMLButtonElement).setAttribute("aria-busy", "true");
    try {
      if ((await this.#latest.run(task)) !== STALE) hideToast("reading");
    } catch (error) {
      this.#fail(error);
    } finally {
      if (!this.#latest.isBusy) this.#rest();
    }
  }

  #rest() {
    this.#result.showIdle();
    for (const id of ["predict", "random"]) element(id, HTMLButtonElement).removeAttribute("aria-busy");
  }

  /** @param {unknown} error */
  #fail(error) {
    if (error instanceof api.ApiError && error.code === "data_missing") return this.#notice.showMissing();
    showToast("reading", messageOf(error));
    if (!this.#isRead && !this.#pad.isEmpty) this.#result.showError("Nothing is lost. Try again.");
  }

  /** @param {Reading | NumberReading} reading @param {Subject} subject @param {AbortSignal} signal */
  #show(reading, subject, signal) {
    signal.throwIfAborted();
    this.#isRead = true;
    if ("digits" in reading) {
      this.#result.showNumber(reading);
      this.#pad.showFound(reading.digits);
    } else {
      this.#result.showReading(reading, subject.label);
    }
    this.onReading(reading);
  }

  /** @param {HTMLImageElement} picture @param {Subject} subject @param {string} caption @param {AbortSignal} signal */
  #lay(picture, subject, caption, signal) {
    signal.throwIfAborted();
    this.#pad.showPicture(picture);
    this.#picture = subject;
    this.#isRead = false;
    write(this.#caption, caption);
  }

  #dropPicture() {
    this.#picture = null;
    this.#isRead = false;
    write(this.#caption, this.#plainCaption);
  }

  #interrupt() {
    window.clearTimeout(this.#timer);
    this.#latest.cancel();
  }
}

/** @param {string} url @returns {Promise<HTMLImageElement>} */
async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** The file as a picture, or null where this browser cannot show it. @param {File} file */
async function loadFile(file) {
  const url = URL.createObjectURL(file);
  try {
    return await load(url);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}
