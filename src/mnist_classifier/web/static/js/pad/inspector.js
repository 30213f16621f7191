// @ts-check
/**
 * One line, cell, digit or mark: its part of the picture, the 28x28 glyph, its probabilities and verdict.
 *
 * The reply of a number has no glyphs.  The panel cuts the digit out of the picture and has it read on its own, which
 * needs a request only for a digit that somebody looks at.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./found.js").Item} Item
 */

import { predictImage } from "../shared/api.js";
import { element, write } from "../shared/dom.js";
import { advice } from "../shared/format.js";
import { Latest, STALE } from "../shared/latest.js";
import { Correcting } from "./correct.js";
import { cropAround } from "./found.js";
import { otherThan } from "./number.js";
import { context2d } from "./paint.js";
import { barsOf, glyphImage, showBars } from "./result.js";

export class Inspector {
  /** Called when the user closes the panel. */
  onClose = () => {};

  #root = element("inspect", HTMLElement);
  #title = element("inspect-title", HTMLElement);
  #words = element("inspect-words", HTMLElement);
  #crop = element("inspect-crop", HTMLCanvasElement);
  #glyphFigure = element("inspect-glyph-figure", HTMLElement);
  #glyph = element("inspect-glyph", HTMLElement);
  #barList = element("inspect-bars", HTMLElement);
  #bars = barsOf(this.#barList);
  #correcting = new Correcting("correct-part");
  #latest = new Latest();

  constructor() {
    element("inspect-close", HTMLButtonElement).addEventListener("click", () => this.onClose());
  }

  hide() {
    this.#latest.cancel();
    this.#correcting.hide();
    this.#root.hidden = true;
  }

  /**
   * @param {Item} item
   * @param {NumberReading} reading
   * @param {HTMLImageElement} picture
   * @param {import("./workbench.js").Subject} subject
   */
  show(item, reading, picture, { source, strokes }) {
    this.#latest.cancel();
    this.#root.hidden = false;
    write(this.#title, item.name);
    write(this.#words, wordsOf(item, reading));
    this.#cut(item.box, picture);
    const digit = item.kind === "digit" ? reading.digits[item.index] : null;
    this.#barList.hidden = digit === null;
    // The bars belong to the digit as the number's reading has it.
    if (digit !== null) showBars(this.#bars, /** @type {any} */ (digit));
    this.#glyph.replaceChildren();
    this.#glyphFigure.hidden = digit === null && item.kind !== "mark";
    if (digit === null) this.#correcting.hide();
    else this.#correcting.show({ source, strokes, reading: digit, version: reading.model?.version, box: digit.box });
    this.#root.scrollIntoView({ block: "nearest" });
    if (!this.#glyphFigure.hidden) this.#askForGlyph();
  }

  /** @param {Item["box"]} box @param {HTMLImageElement} picture */
  #cut(box, picture) {
    const [x, y, width, height] = cropAround(box, picture.naturalWidth, picture.naturalHeight);
    this.#crop.width = width;
    this.#crop.height = height;
    this.#crop.style.setProperty("--ratio", String(width / height));
    const context = context2d(this.#crop);
    // JPEG and PNG may be transparent; the server reads them on white too.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(picture, x, y, width, height, 0, 0, width, height);
  }

  async #askForGlyph() {
    try {
      const found = await this.#latest.run((signal) => predictImage(this.#crop.toDataURL("image/png"), signal));
      if (found === STALE || !found.glyph) return;
      this.#glyph.replaceChildren(glyphImage(found.glyph));
    } catch {
      // The panel is complete without the glyph.
    }
  }
}

/** @param {Item} item @param {NumberReading} reading */
function wordsOf({ kind, index, sure }, reading) {
  if (kind === "mark") return "A mark is not part of the number.";
  if (kind !== "digit") return sure ? "" : "Not sure.";
  const digit = reading.digits[index];
  return [verdictOf(digit), ...(digit.warnings ?? []).map(advice)].join(" ");
}

/** @param {import("./number.js").DigitInNumber} digit */
function verdictOf(digit) {
  if (digit.verdict === "digit") return "Sure.";
  return digit.verdict === "ambiguous" ? `Not sure: ${digit.prediction} or ${otherThan(digit)}.` : "This is not a digit.";
}
