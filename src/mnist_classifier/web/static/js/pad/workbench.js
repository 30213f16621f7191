// @ts-check
/**
 * Pad, tools and result, as the home page and the page that looks inside have them.
 * The subject is the drawing, or the picture in its place, that is read.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("./strokes.js").Strokes} Strokes
 * @typedef {"digit" | "number"} Mode
 * @typedef {{image: string} | {file: File}} Source
 * @typedef {{source: Source, mode: Mode, strokes: Stroke[], label: number | null, caption: string, scale: number}} Subject
 *   scale: pixels of the original file per pixel of the picture in its place
 */

import * as api from "../shared/api.js";
import { browserModelFile } from "../shared/browser-model.js";
import { element, write } from "../shared/dom.js";
import { fileSize } from "../shared/format.js";
import { personalWriter } from "../shared/personal.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { chosenVersion } from "../shared/version.js";
import { listen } from "./controls.js";
import { Live } from "./live.js";
import { Pad } from "./pad.js";
import { load } from "./paint.js";
import { Questions } from "./questions.js";
import { ResultView } from "./result.js";
import { Sheets } from "./sheets.js";
import { TestImages } from "./test-images.js";

const DROPPED = "The picture was not opened, because the drawing changed meanwhile. Open it again to see it.";

export class Workbench {
  /** Called with every reading that is shown. @type {(reading: Reading | NumberReading, subject: Subject) => void} */
  onReading = () => {};
  /** Called when the pad has become empty. */
  onEmpty = () => {};
  /** Called when the drawing or the mode changes. */
  onChange = () => {};

  /** Whether the pad shows the drawings of `adopt`, unchanged. */
  isAdopted = false;

  #pad = new Pad(element("pad", HTMLCanvasElement), element("pad-frame", HTMLElement));
  #result = new ResultView();
  #sheets = new Sheets(this.#pad);
  #questions = new Questions(this.#result, (error) => this.#fail(error));
  // A picture would take the place of the stroke that is being drawn.
  #testImages = new TestImages(() => this.#pad.strokes.isOpen || this.showRandom());
  #live = new Live(browserModelFile);
  #caption = element("caption", HTMLElement);
  /** Whether the result on the page belongs to the subject on the pad. */
  #isRead = false;
  /** Asks again for the picture that is on its way; null if there is none. @type {(() => void) | null} */
  #coming = null;
  /** The last reading that was shown. @type {Reading | NumberReading | null} */
  #reading = null;
  /** @type {import("./numbers.js").Numbers | null} */
  #numbers = null;
  /** @type {import("./correct.js").Correcting | null} */
  #correcting = null;
  #readAsNumber = element("read-number", HTMLButtonElement);

  constructor() {
    this.#pad.onBegin = () => {
      this.#changed();
      this.#questions.cancel();
    };
    this.#pad.onMove = () => this.#look();
    this.#live.onReading = (answer) => this.#result.showLive(answer);
    this.#live.follow(chosenVersion() ?? undefined);
    this.#pad.onChange = () => {
      this.#changed();
      this.predict();
    };
    this.#result.onStepsWanted = () => this.reread();
    listen(this, this.#pad);
    this.#changed();
    this.#showEmpty();
  }

  /** Read the subject again, for example with another model; also after a reading that failed. */
  reread() {
    if (this.#coming !== null) this.#coming();
    else if (!this.#pad.isEmpty && !this.#pad.strokes.isOpen) this.predict();
  }

  get mode() {
    return this.#sheets.mode;
  }

  /** The drawing of each mode, with its history. @returns {Record<Mode, Strokes>} */
  get sheets() {
    return this.#sheets.drawings;
  }

  /** The strokes on the pad. */
  get drawn() {
    return this.#pad.strokes.export();
  }

  /** What the pad shows, as `restore` takes it. @returns {[Mode, Stroke[], import("./pad.js").Backdrop | null]} */
  get shown() {
    return [this.mode, this.drawn, this.#pad.backdrop];
  }

  /** Show other drawings, with their history. @param {{mode: Mode, sheets: Record<Mode, Strokes>}} drawings */
  adopt({ mode, sheets }) {
    this.#open(mode, sheets);
    this.isAdopted = true;
  }

  /** Read one digit or a number; each mode has its own drawing. @param {Mode} mode */
  setMode(mode) {
    const before = this.mode;
    if (mode === before) return;
    this.#pad.finish();
    this.#open(mode, this.sheets);
    this.#sheets.noteOrigin(before);
  }

  /** @param {Mode} mode @param {Record<Mode, Strokes>} drawings */
  #open(mode, drawings) {
    const coming = this.#coming;
    this.#coming = null;
    if (mode === "number") this.#loadNumbers().catch((error) => this.#fail(error));
    this.#sheets.show(mode, drawings);
    this.#changed();
    this.#numbers?.clear();
    this.#result.showEmpty();
    if (coming !== null) coming();
    else this.predict();
  }

  /** Move the drawing or the picture to number mode, and read it there. */
  readAsNumber() {
    this.restore("number", this.drawn, this.#pad.backdrop);
    // The button that had the focus is gone.
    element("mode-number", HTMLButtonElement).focus();
  }

  /** Show an earlier drawing or picture again. @param {Mode} mode @param {readonly Stroke[]} strokes @param {import("./pad.js").Backdrop | null} [backdrop] */
  restore(mode, strokes, backdrop = null) {
    const before = this.mode;
    this.setMode(mode);
    if (backdrop === null) {
      this.#pad.showStrokes(strokes);
    } else {
      this.#pad.showPicture(backdrop.picture, { ...backdrop.subject, mode, label: mode === "digit" ? backdrop.subject.label : null });
      this.#changed();
      this.predict();
    }
    this.#sheets.noteOrigin(before);
    element("pad", HTMLCanvasElement).scrollIntoView({ block: "nearest" });
  }

  clear() {
    this.#pad.clear();
  }

  /** Read the subject on the pad; a picture that is on its way is read anyway. */
  async predict() {
    if (this.#coming !== null) return;
    // Ending the stroke changes the drawing, which is then read.
    if (this.#pad.strokes.isOpen) return this.#pad.finish();
    this.#questions.cancel();
    if (this.#pad.isEmpty) return this.#showEmpty();
    const subject = this.#pad.backdrop?.subject ?? this.#drawing();
    await this.#questions.ask("predict", async (signal) => this.#show(await this.#read(subject, signal), subject, signal));
  }

  /** Fetch a test image, show it and read it. */
  async showRandom() {
    if (this.mode === "number") return this.predict();
    await this.#bring("random", () => this.showRandom(), async (signal) => {
      const { picture, source, ...details } = await this.#testImages.next(signal);
      const subject = this.#subject(source, details);
      this.#lay(picture, subject, signal);
      this.#show(await this.#read(subject, signal), subject, signal);
    });
  }

  /** Show a file and read it; nothing changes if it cannot be read. @param {File} file */
  async showFile(file) {
    await this.#bring("predict", () => this.showFile(file), async (signal) => {
      const { makeReady } = await import("./picture.js").catch(() => Promise.reject(api.unreachable()));
      const { file: ready, picture, scale } = await makeReady(file);
      const caption = `${file.name || "Pasted image"}, ${fileSize(file.size)}`;
      const subject = this.#subject({ file: ready }, { caption, scale });
      /** @type {Reading | NumberReading | null} */
      let reading = null;
      /** @type {unknown} */
      let failure = null;
      try {
        reading = await this.#read(subject, signal);
      } catch (error) {
        failure = error;
      }
      // If the server refuses the file, the drawing stays. If no server answers, the picture waits for it.
      if (failure !== null && (picture === null || api.refusesPicture(failure))) throw failure;
      const shown = picture ?? (reading && "glyph" in reading && reading.glyph ? await load(reading.glyph) : null);
      if (shown !== null) this.#lay(shown, subject, signal);
      if (reading === null) throw failure;
      this.#show(reading, subject, signal);
    });
  }

  /** Bring a picture. @param {"predict" | "random"} buttonId @param {() => void} again @param {(signal: AbortSignal) => Promise<void>} task */
  async #bring(buttonId, again, task) {
    this.#coming = again;
    await this.#questions.ask(buttonId, task);
    if (this.#coming === again) this.#coming = null;
  }

  /** Undo the last step, or the change of the mode if that came last. */
  undo() {
    const { origin } = this.#sheets;
    if (origin === null || this.#pad.strokes.isOpen) return this.#pad.undo();
    this.setMode(origin);
    this.#sheets.noteOrigin(null);
  }

  /** Offer the drawing or picture, with its reading, as a link and as a picture. */
  async share() {
    if (this.#pad.isEmpty) return showToast("download", "There is nothing to share yet. Draw something first.", "info");
    try {
      const { share } = await import("./share.js").catch(() => Promise.reject(api.unreachable()));
      const { backdrop, width } = this.#pad;
      share({ strokes: this.drawn, picture: backdrop?.picture ?? null, width, reading: this.#isRead ? this.#reading : null }, this.mode);
    } catch (error) {
      showToast("download", messageOf(error));
    }
  }

  /** @param {Source} source @param {Partial<Subject>} details @returns {Subject} */
  #subject(source, details) {
    return { source, mode: this.mode, strokes: [], label: null, caption: "", scale: 1, ...details };
  }

  #drawing() {
    return this.#subject({ image: this.#pad.toDataUrl() }, { strokes: this.#pad.strokes.export() });
  }

  /** @param {Subject} subject @param {AbortSignal} signal @returns {Promise<Reading | NumberReading>} */
  async #read(subject, signal) {
    const { source, mode } = subject;
    if (mode === "number") return (await this.#loadNumbers()).read(subject, signal);
    const steps = this.#result.wantsSteps;
    return "file" in source ? api.predictFile(source.file, signal, steps) : api.predictImage(source.image, signal, steps);
  }

  /** Most visitors read digits, so the parts for numbers load when they are needed. */
  async #loadNumbers() {
    if (this.#numbers !== null) return this.#numbers;
    const { Numbers } = await import("./numbers.js").catch(() => Promise.reject(api.unreachable()));
    this.#numbers ??= new Numbers(this.#pad, () => this.reread());
    return this.#numbers;
  }

  /** Let the user say what a digit was.  The label of a test image is known, and no model may learn from it. @param {Reading} reading @param {Subject} subject */
  async #offerCorrection(reading, { source, strokes, label }) {
    if (reading.verdict === "blank" || label !== null) return this.#correcting?.hide();
    const loaded = await import("./correct.js").catch(() => null); // without a server there is nothing to correct
    if (loaded === null || this.#reading !== reading || !this.#isRead) return;
    this.#correcting ??= new loaded.Correcting("correct");
    this.#correcting.show({ source, strokes, reading, version: reading.model?.version });
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#numbers?.showError(error)) showToast("reading", messageOf(error));
    if (!this.#isRead && !this.#pad.isEmpty) {
      this.#numbers?.clear();
      this.#correcting?.hide();
      this.#result.showError("Your drawing is safe. Try again.");
    }
    // The subject waits for the server.
    goOnWhenBack(error, this.#goOn);
  }

  #goOn = () => {
    hideToast("reading");
    if (!this.#isRead && !this.#pad.isEmpty && !this.#pad.strokes.isOpen) this.predict();
  };

  /** @param {Reading | NumberReading} reading @param {Subject} subject @param {AbortSignal} signal */
  #show(reading, subject, signal) {
    signal.throwIfAborted();
    this.#isRead = true;
    this.#reading = reading;
    if ("digits" in reading) {
      this.#correcting?.hide();
      this.#result.showNumber(reading);
      this.#numbers?.show(reading, subject);
    } else {
      this.#result.showReading(reading, subject.label);
      this.#readAsNumber.hidden = !reading.warnings?.some(({ code }) => code === "several_digits");
      this.#offerCorrection(reading, subject);
    }
    if (reading.model !== undefined) this.#live.follow(reading.model.version);
    this.onReading(reading, subject);
  }

  /** Read the open drawing in the browser, with the model of everybody; at the end of the stroke the server confirms. */
  #look() {
    if (personalWriter() === "" && this.mode === "digit" && !this.#pad.strokes.isEmpty) this.#live.look(() => this.#pad.toPixels());
  }

  #showEmpty() {
    this.#numbers?.clear();
    this.#correcting?.hide();
    this.#result.showEmpty();
    this.onEmpty();
  }

  /** @param {HTMLImageElement} picture @param {Subject} subject @param {AbortSignal} signal */
  #lay(picture, subject, signal) {
    signal.throwIfAborted();
    this.#coming = null;
    this.#pad.showPicture(picture, subject);
    this.#changed();
  }

  /** The subject has changed, so the result no longer belongs to it. */
  #changed() {
    this.#live.stop();
    if (this.#coming !== null) showToast("picture", DROPPED, "info");
    this.#coming = null;
    this.#isRead = this.isAdopted = false;
    this.#readAsNumber.hidden = true;
    this.#numbers?.changed();
    this.#correcting?.changed();
    write(this.#caption, this.#pad.backdrop?.subject.caption ?? "");
    this.#sheets.noteOrigin(null);
    this.onChange();
  }
}
