// @ts-check
/**
 * Pad, tools and result, as the home page and the page that looks inside have them.
 * The subject is the drawing, or the picture in its place, that is read.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {"digit" | "number"} Mode
 * @typedef {{image: string} | {file: File}} Source
 * @typedef {{source: Source, mode: Mode, strokes: Stroke[], label: number | null, caption: string, scale: number}} Subject
 *   scale: pixels of the original file per pixel of the picture in its place
 */

import * as api from "../shared/api.js";
import { element, mark, write } from "../shared/dom.js";
import { saveDrawing } from "../shared/download.js";
import { fileSize } from "../shared/format.js";
import { listenForHelp } from "../shared/help.js";
import { Latest, STALE } from "../shared/latest.js";
import { browserModelFile } from "../shared/browser-model.js";
import { Live } from "./live.js";
import { Pad } from "./pad.js";
import { load } from "./paint.js";
import { ResultView } from "./result.js";
import { listenToKeys } from "../shared/shortcuts.js";
import { SIDE, Strokes, WIDE_SIDE } from "./strokes.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { chosenVersion } from "../shared/version.js";
import { Tools } from "./tools.js";
import { listenForFiles } from "./upload.js";

/** Show that work is in progress after this time; most answers arrive sooner. */
const BUSY_MS = 100;
/** Tell the user that the server is slow after this time. */
const SLOW_MS = 3_000;

/** @type {readonly Mode[]} */
const MODES = ["digit", "number"];

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
  #tools = new Tools(this.#pad);
  #result = new ResultView();
  /** @type {import("../shared/dataset.js").DatasetNotice | null} */
  #notice = null;
  #latest = new Latest();
  #live = new Live(browserModelFile);
  #caption = element("caption", HTMLElement);
  /** Whether the result on the page belongs to the subject on the pad. */
  #isRead = false;
  /** The last reading that was shown. @type {Reading | NumberReading | null} */
  #reading = null;
  /** @type {Mode} */
  #mode = "digit";
  /** The drawing of each mode, with its history. @type {Record<Mode, Strokes>} */
  #sheets = { digit: this.#pad.strokes, number: new Strokes() };
  /** The mode before the last change, if that changed the mode: Undo goes back to it. @type {Mode | null} */
  #cameFrom = null;
  /** @type {import("./numbers.js").Numbers | null} */
  #numbers = null;
  #isLookingForServer = false;
  #readAsNumber = element("read-number", HTMLButtonElement);
  /** The heading, which may depend on the mode. */
  #heading = element("heading", HTMLElement);

  constructor() {
    this.#pad.onBegin = () => {
      this.#changed();
      this.#latest.cancel();
    };
    this.#pad.onMove = () => this.#look();
    this.#live.onReading = (answer) => this.#result.showLive(answer);
    this.#live.follow(chosenVersion() ?? undefined);
    this.#pad.onChange = () => {
      this.#changed();
      this.predict();
    };
    this.#result.onStepsWanted = () => this.reread();
    this.#listen();
    this.#changed();
    this.#showEmpty();
  }

  /** Read the subject again, for example with another model. */
  reread() {
    if (this.#isRead) this.predict();
  }

  get mode() {
    return this.#mode;
  }

  /** The drawing of each mode, with its history. @returns {Record<Mode, Strokes>} */
  get sheets() {
    return { ...this.#sheets, [this.#mode]: this.#pad.strokes };
  }

  /** The strokes on the pad. */
  get drawn() {
    return this.#pad.strokes.export();
  }

  /** Show other drawings, with their history. @param {{mode: Mode, sheets: Record<Mode, Strokes>}} drawings */
  adopt({ mode, sheets }) {
    this.#sheets = { ...sheets };
    this.#open(mode);
    this.isAdopted = true;
  }

  /** Read one digit or a number; each mode has its own drawing. @param {Mode} mode */
  setMode(mode) {
    const before = this.#mode;
    if (mode === before) return;
    this.#pad.finish();
    this.#sheets[before] = this.#pad.strokes;
    this.#open(mode);
    this.#noteOrigin(before);
  }

  /** @param {Mode} mode */
  #open(mode) {
    this.#mode = mode;
    element("bench", HTMLElement).dataset.mode = mode;
    element("random", HTMLButtonElement).hidden = mode === "number";
    for (const each of MODES) element(`mode-${each}`, HTMLButtonElement).setAttribute("aria-pressed", String(each === mode));
    write(this.#heading, this.#heading.dataset[mode] ?? this.#heading.textContent ?? "");
    if (mode === "number") this.#loadNumbers().catch((error) => this.#fail(error));
    this.#pad.startSheet(mode === "number" ? WIDE_SIDE : SIDE, this.#sheets[mode]);
    this.#changed();
    this.#numbers?.clear();
    this.#result.showEmpty();
    this.predict();
  }

  /** Move the drawing or the picture to number mode, and read it there. */
  readAsNumber() {
    const { backdrop } = this.#pad;
    if (backdrop === null) {
      this.restore("number", this.#pad.strokes.export());
    } else {
      this.setMode("number");
      this.#pad.showPicture(backdrop.picture, { ...backdrop.subject, mode: "number", label: null });
      this.#changed();
      this.#noteOrigin("digit");
      this.predict();
    }
    // The button that had the focus is gone.
    element("mode-number", HTMLButtonElement).focus();
  }

  /** Show an earlier drawing again. @param {Mode} mode @param {readonly Stroke[]} strokes */
  restore(mode, strokes) {
    const before = this.#mode;
    this.setMode(mode);
    this.#pad.showStrokes(strokes);
    this.#noteOrigin(before);
    element("pad", HTMLCanvasElement).scrollIntoView({ block: "nearest" });
  }

  clear() {
    this.#pad.clear();
  }

  /** Read the subject on the pad. */
  async predict() {
    // Ending the stroke changes the drawing, which is then read.
    if (this.#pad.strokes.isOpen) return this.#pad.finish();
    this.#latest.cancel();
    if (this.#pad.isEmpty) return this.#showEmpty();
    const subject = this.#pad.backdrop?.subject ?? this.#drawing();
    await this.#ask("predict", async (signal) => this.#show(await this.#read(subject, signal), subject, signal));
  }

  /** Fetch a test image, show it and read it. */
  async showRandom() {
    if (this.#mode === "number") return;
    await this.#ask("random", async (signal) => {
      const { index, label, image, is_sample: isSample } = await api.randomTestImage(signal);
      if (isSample) await this.#offerData("This is one of the 200 test images that come with the program. MNIST has 10,000.");
      else this.#notice?.hide();
      const subject = this.#subject({ image }, { label, caption: `Test image ${index}` });
      this.#lay(await load(image), subject, signal);
      this.#show(await this.#read(subject, signal), subject, signal);
    });
  }

  /** Show a file and read it; nothing changes if it cannot be read. @param {File} file */
  async showFile(file) {
    await this.#ask("predict", async (signal) => {
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

  /** Undo the last step, or the change of the mode if that came last. */
  undo() {
    const before = this.#cameFrom;
    if (before === null || this.#pad.strokes.isOpen) return this.#pad.undo();
    this.setMode(before);
    this.#noteOrigin(before);
  }

  /** Let Undo go back to that mode, unless it is the present one. @param {Mode} before */
  #noteOrigin(before) {
    this.#cameFrom = before === this.#mode ? null : before;
    this.#showSteps();
  }

  #listen() {
    const actions = {
      predict: () => this.predict(),
      clear: () => this.clear(),
      undo: () => this.undo(),
      redo: () => this.#pad.redo(),
      random: () => this.showRandom(),
      download: () => saveDrawing(this.#pad),
    };
    for (const [id, action] of Object.entries(actions)) {
      element(id, HTMLButtonElement).addEventListener("click", action);
    }
    element("share", HTMLButtonElement).addEventListener("click", () => this.#share());
    this.#readAsNumber.addEventListener("click", () => this.readAsNumber());
    for (const mode of MODES) {
      element(`mode-${mode}`, HTMLButtonElement).addEventListener("click", () => this.setMode(mode));
    }
    listenToKeys({
      ...actions,
      eraser: () => this.#tools.toggleEraser(),
      thinner: () => this.#tools.stepPen(-1),
      thicker: () => this.#tools.stepPen(1),
      mode: () => this.setMode(this.#mode === "digit" ? "number" : "digit"),
      upload: () => element("file", HTMLInputElement).click(),
      help: listenForHelp(),
    });
    listenForFiles((file) => this.showFile(file));
  }

  /** Offer the drawing or picture, with its reading, as a link and as a picture. */
  async #share() {
    if (this.#pad.isEmpty) return showToast("download", "There is nothing to share yet. Draw something first.", "info");
    try {
      const { share } = await import("./share.js").catch(() => Promise.reject(api.unreachable()));
      const { backdrop, width } = this.#pad;
      share({ strokes: this.drawn, picture: backdrop?.picture ?? null, width, reading: this.#isRead ? this.#reading : null }, this.#mode);
    } catch (error) {
      showToast("download", messageOf(error));
    }
  }

  /** @param {Source} source @param {Partial<Subject>} details @returns {Subject} */
  #subject(source, details) {
    return { source, mode: this.#mode, strokes: [], label: null, caption: "", scale: 1, ...details };
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
    this.#numbers ??= new Numbers(this.#pad, () => this.predict());
    return this.#numbers;
  }

  /**
   * Run a task and show errors; a newer task replaces it.
   * @param {"predict" | "random"} buttonId  the button that shows the progress
   * @param {(signal: AbortSignal) => Promise<void>} task
   */
  async #ask(buttonId, task) {
    const busy = window.setTimeout(() => {
      this.#result.showBusy();
      element(buttonId, HTMLButtonElement).setAttribute("aria-busy", "true");
    }, BUSY_MS);
    const slow = window.setTimeout(() => showToast("slow", "The server is slow. Your drawing is safe. Waiting…", "info"), SLOW_MS);
    try {
      if ((await this.#latest.run(task)) !== STALE) hideToast("reading");
    } catch (error) {
      this.#fail(error);
    } finally {
      window.clearTimeout(busy);
      window.clearTimeout(slow);
      if (!this.#latest.isBusy) this.#rest();
    }
  }

  #rest() {
    hideToast("slow");
    this.#result.showIdle();
    for (const id of ["predict", "random"]) element(id, HTMLButtonElement).removeAttribute("aria-busy");
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#numbers?.showError(error)) showToast("reading", messageOf(error));
    if (!this.#isRead && !this.#pad.isEmpty) this.#showError();
    if (error instanceof api.ApiError && error.code === "network") this.#lookForServer();
  }

  /** Offer to download MNIST. @param {string} words  what is missing */
  async #offerData(words) {
    const { DatasetNotice } = await import("../shared/dataset.js");
    this.#notice ??= new DatasetNotice();
    this.#notice.onReady = () => this.showRandom();
    this.#notice.showMissing(words);
  }

  /** Try the server until it answers, then read the subject that waits. */
  async #lookForServer() {
    if (this.#isLookingForServer) return;
    this.#isLookingForServer = true;
    await api.waitForServer();
    this.#isLookingForServer = false;
    hideToast("reading");
    if (!this.#isRead && !this.#pad.isEmpty && !this.#pad.strokes.isOpen) this.predict();
  }

  /** @param {Reading | NumberReading} reading @param {Subject} subject @param {AbortSignal} signal */
  #show(reading, subject, signal) {
    signal.throwIfAborted();
    this.#isRead = true;
    this.#reading = reading;
    if ("digits" in reading) {
      this.#result.showNumber(reading);
      this.#numbers?.show(reading, subject);
    } else {
      this.#result.showReading(reading, subject.label);
      this.#readAsNumber.hidden = !reading.warnings?.some(({ code }) => code === "several_digits");
    }
    if (reading.model !== undefined) this.#live.follow(reading.model.version);
    this.onReading(reading, subject);
  }

  /** Read the open drawing in the browser; at the end of the stroke the server confirms. */
  #look() {
    if (this.#mode === "digit" && !this.#pad.strokes.isEmpty) this.#live.look(() => this.#pad.toPixels());
  }

  #showError() {
    this.#numbers?.clear();
    this.#result.showError("Your drawing is safe. Try again.");
  }

  #showEmpty() {
    this.#numbers?.clear();
    this.#result.showEmpty();
    this.onEmpty();
  }

  /** @param {HTMLImageElement} picture @param {Subject} subject @param {AbortSignal} signal */
  #lay(picture, subject, signal) {
    signal.throwIfAborted();
    this.#pad.showPicture(picture, subject);
    this.#changed();
  }

  /** The subject has changed, so the result no longer belongs to it. */
  #changed() {
    this.#live.stop();
    this.#isRead = this.isAdopted = false;
    this.#readAsNumber.hidden = true;
    this.#numbers?.changed();
    this.#cameFrom = null;
    write(this.#caption, this.#pad.backdrop?.subject.caption ?? "");
    this.#showSteps();
    this.onChange();
  }

  /** Whether there is anything to undo or redo. */
  #showSteps() {
    const { canUndo, canRedo } = this.#pad.strokes;
    // `disabled` would take the keyboard focus away.
    mark(element("undo", HTMLButtonElement), "aria-disabled", String(!canUndo && this.#cameFrom === null));
    mark(element("redo", HTMLButtonElement), "aria-disabled", String(!canRedo));
  }
}
