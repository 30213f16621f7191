// @ts-check
/**
 * The result beside the pad: the digit, its confidence, ten bars, the glyph;
 * or the headline of a number.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../offline/reader.js").Answer} Answer
 */

import { element, make, mark, write } from "../shared/dom.js";
import { advice, compare, describe, percent, stage } from "../shared/format.js";
import { describeNumber, layoutOf } from "./number.js";
import { context2d } from "./paint.js";

const GLYPH_SIDE = 28;

export class ResultView {
  /** Called when the user opens the preprocessing steps and the reading has none. */
  onStepsWanted = () => {};

  #root = element("result", HTMLElement);
  #spoken = element("spoken", HTMLElement);
  #announced = element("announced", HTMLElement);
  #digit = element("digit", HTMLElement);
  #words = element("verdict", HTMLElement);
  #sure = element("confidence", HTMLElement);
  #truth = element("truth", HTMLElement);
  #glyph = element("glyph", HTMLElement);
  /** The glyph of the open drawing. */
  #canvas = make("canvas");
  #answeredBy = element("answered-by", HTMLElement);
  #warnings = element("warnings", HTMLElement);
  #steps = element("steps", HTMLDetailsElement);
  #stepList = element("step-list", HTMLElement);
  #bars = barsOf(element("bars", HTMLElement));
  #notADigit = partsOfBar(element("not-a-digit", HTMLElement));

  constructor() {
    this.#canvas.width = this.#canvas.height = GLYPH_SIDE;
    this.#steps.addEventListener("toggle", () => {
      if (this.#steps.open && this.#stepList.childElementCount === 0) this.onStepsWanted();
    });
  }

  /** Whether the preprocessing steps are shown. */
  get wantsSteps() {
    return this.#steps.open;
  }

  showEmpty() {
    this.#state("empty");
    this.#headline("", "Nothing drawn yet", "");
    this.#clearFigures();
  }

  /** Keep the previous reading until the next one arrives; dim it if that takes long. */
  showBusy() {
    this.#root.setAttribute("aria-busy", "true");
  }

  /** Stop waiting; the reading on the page stays. */
  showIdle() {
    this.#root.removeAttribute("aria-busy");
  }

  /** @param {string} message */
  showError(message) {
    this.#state("error");
    this.#headline("", "No reading", message);
    this.#clearFigures();
  }

  /** @param {Reading} reading @param {number | null} label  the true digit, if it is known */
  showReading(reading, label = null) {
    this.#state(reading.verdict);
    const { digit, words, sure } = describe(reading);
    this.#headline(digit, words, sure);
    this.#showTruth(reading, label);
    this.#showBars(reading);
    this.#showGlyph(reading.glyph ?? null);
    this.#showWarnings(reading);
    this.#showSteps(reading);
    this.#showAnswerer(reading);
  }

  /** Show a reading of the open drawing; screen readers hear only the last one. @param {Answer} answer */
  showLive({ reading, glyph }) {
    this.#root.dataset.state = reading.verdict;
    this.#root.dataset.live = "true";
    const { digit, words, sure } = describe(reading);
    this.#headline(digit, words, sure);
    this.#showTruth(reading, null);
    this.#showBars(reading);
    this.#glyph.replaceChildren(...(glyph === null ? [] : [paintGlyph(this.#canvas, glyph)]));
    write(this.#answeredBy, "Your browser reads while you draw.");
  }

  /** @param {NumberReading} reading */
  showNumber(reading) {
    this.#state(reading.verdict);
    const { digit, words, sure } = describeNumber(reading);
    this.#headline(digit, words, sure);
    this.#digit.style.setProperty("--characters", String(Math.max(...digit.split("\n").map((line) => line.length))));
    this.#root.dataset.layout = layoutOf(reading);
    this.#showWarnings(reading);
    this.#showAnswerer(reading);
  }

  /** @param {Reading | NumberReading} reading */
  #showAnswerer({ model, elapsed_ms }) {
    const ms = elapsed_ms === undefined ? "" : ` in ${elapsed_ms.toFixed(1)}\u00a0ms`;
    const personal = model?.personal ? ` with ${model.personal}’s personal model` : "";
    write(this.#answeredBy, model ? `Answered by version ${model.version}${personal}${ms}.` : "");
  }

  /** @param {string} state */
  #state(state) {
    this.#root.dataset.state = state;
    delete this.#root.dataset.live;
    this.showIdle();
    // Screen readers hear the result once it is complete.
    queueMicrotask(() => write(this.#announced, textOf(this.#spoken)));
  }

  /** @param {string} digit @param {string} words @param {string} sure */
  #headline(digit, words, sure) {
    write(this.#digit, digit);
    write(this.#words, words);
    write(this.#sure, sure);
  }

  #clearFigures() {
    write(this.#truth, "");
    delete this.#truth.dataset.agrees;
    write(this.#answeredBy, "");
    this.#glyph.replaceChildren();
    this.#warnings.replaceChildren();
    this.#stepList.replaceChildren();
    delete this.#root.dataset.layout;
    this.#showBars(null);
  }

  /** The bar below the ten shows only where it is part of the answer. @param {Reading | null} reading */
  #showBars(reading) {
    showBars(this.#bars, reading);
    const isDoubted = reading?.verdict === "ambiguous" && (reading.candidates ?? []).length < 2;
    showBar(this.#notADigit, reading?.not_a_digit ?? null);
    this.#notADigit.row.dataset.shown = String(reading?.verdict === "not_a_digit" || isDoubted);
  }

  /** @param {Reading} reading @param {number | null} label */
  #showTruth(reading, label) {
    if (label === null) {
      write(this.#truth, "");
      delete this.#truth.dataset.agrees;
      return;
    }
    const { agrees, words } = compare(reading, label);
    write(this.#truth, words);
    this.#truth.dataset.agrees = String(agrees);
  }

  /** @param {Reading | NumberReading} reading */
  #showWarnings({ warnings = [] }) {
    const lines = warnings.map(advice);
    // A live region must not repeat itself.
    if (lines.join() === [...this.#warnings.children].map((line) => line.textContent).join()) return;
    this.#warnings.replaceChildren(...lines.map((text) => make("li", { text })));
  }

  /** @param {Reading} reading */
  #showSteps({ steps = [] }) {
    this.#stepList.replaceChildren(
      ...steps.map(({ name, image }) => {
        const picture = new Image();
        picture.src = image;
        picture.alt = "";
        return make("li", {}, picture, stage(name));
      }),
    );
  }

  /** The picture takes a moment to load, so the one of the open drawing stays behind it. @param {string | null} glyph */
  #showGlyph(glyph) {
    const behind = this.#canvas.isConnected ? [this.#canvas] : [];
    this.#glyph.replaceChildren(...(glyph === null ? [] : [...behind, glyphImage(glyph)]));
  }
}

/** @param {HTMLCanvasElement} canvas @param {Uint8Array} glyph  28 x 28, ink = 255 */
function paintGlyph(canvas, glyph) {
  const context = context2d(canvas);
  const pixels = context.createImageData(canvas.width, canvas.height);
  glyph.forEach((level, i) => pixels.data.set([level, level, level, 255], 4 * i));
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** @param {HTMLElement} spoken */
function textOf(spoken) {
  const texts = [...spoken.querySelectorAll("p")].map(({ textContent }) => textContent);
  return texts.filter((text) => text !== "").join(". ");
}

/** @param {string} glyph  data URL */
export function glyphImage(glyph) {
  const image = new Image();
  image.src = glyph;
  image.alt = "The network input: your drawing, centred, 28 by 28 pixels";
  return image;
}

/** @type {{probabilities: number[] | null, verdict: Reading["verdict"], candidates?: number[]}} */
const NOTHING = { probabilities: null, verdict: "blank" };

/** The parts of a list of ten bars. @param {HTMLElement} list */
export function barsOf(list) {
  return [...list.children].map(partsOfBar);
}

/** @param {ReturnType<typeof barsOf>} bars @param {Reading | null} reading  null for none */
export function showBars(bars, reading) {
  const { probabilities, verdict, candidates = [] } = reading !== null && reading.verdict !== "blank" ? reading : NOTHING;
  const best = probabilities === null || verdict === "not_a_digit" ? -1 : probabilities.indexOf(Math.max(...probabilities));
  bars.forEach((bar, digit) => {
    showBar(bar, probabilities?.[digit] ?? null);
    bar.row.dataset.best = String(digit === best);
    bar.row.dataset.candidate = String(verdict === "ambiguous" && candidates.includes(digit));
  });
}

/** @param {ReturnType<typeof partsOfBar>} bar @param {number | null} share */
function showBar({ meter, fill, value }, share) {
  const text = share === null ? "" : percent(share);
  mark(meter, "aria-valuenow", ((share ?? 0) * 100).toFixed(1));
  if (share === null) meter.removeAttribute("aria-valuetext");
  else mark(meter, "aria-valuetext", text);
  fill.style.setProperty("--share", (share ?? 0).toFixed(3)); // a share that reads 0.0 % has no bar
  write(value, text);
}

/** @param {Element} row */
function partsOfBar(row) {
  const [meter, fill, value] = [".bar-track", ".bar-fill", ".bar-value"].map((part) => row.querySelector(part));
  if (!(row instanceof HTMLElement && meter instanceof HTMLElement)) throw new Error("a bar lacks its track");
  if (!(fill instanceof HTMLElement && value instanceof HTMLElement)) throw new Error("a bar lacks its fill or value");
  return { row, meter, fill, value };
}
