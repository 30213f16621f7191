// @ts-check
/**
 * The way of a drawing through the network: the picture of the network, then a section for each stage.
 * All is computed from the weights in the browser; no server is asked.
 *
 * @typedef {import("../offline/read-digit.js").Recogniser} Recogniser
 * @typedef {import("../offline/pixels.js").Picture} Picture
 * @typedef {import("../offline/network.js").Features} Features
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("./story-sections.js").Section} Section
 */

import { stagesOf } from "../offline/stages.js";
import { prepare } from "../offline/to-glyph.js";
import { make, mark, write } from "../shared/dom.js";
import { FlowView } from "./story-flow.js";
import { sectionsOf } from "./story-sections.js";

const GLYPH_PIXELS = 784;

export class Story {
  #root;
  #note = make("p", { className: "story-note" });
  /** For screen readers; the figures show the same. */
  #spoken = make("p", { className: "story-spoken visually-hidden" });
  #flow = new FlowView();
  #body = make("div", { className: "story-body" });
  /** What belongs to the recogniser that was shown last. @type {{recogniser: Recogniser, stages: Stage[], sections: Section[], empty: Features[]} | null} */
  #made = null;

  /** @param {HTMLElement} root  is filled @param {string} empty  what to say without a drawing */
  constructor(root, empty) {
    this.#root = root;
    mark(this.#note, "role", "status");
    mark(this.#spoken, "role", "status");
    root.append(this.#note, this.#flow.root, this.#spoken, this.#body);
    this.clear(empty);
  }

  /** Show no drawing. @param {string} words  why */
  clear(words) {
    write(this.#note, words);
    write(this.#spoken, "");
    this.#flow.stop();
    this.#flow.root.hidden = this.#body.hidden = true;
  }

  /** Say why the first picture is not here yet. @param {string} words */
  wait(words) {
    if (this.#body.hidden) write(this.#note, words);
  }

  /**
   * Show a picture on its way through the network.
   * @param {Recogniser} recogniser @param {Picture} picture
   * @param {{isNew?: boolean}} [options]  isNew: let the drawing flow; otherwise the picture of the network changes at once
   */
  show(recogniser, picture, { isNew = true } = {}) {
    const prepared = prepare(picture);
    if (prepared.glyph === null) return this.clear("There is no ink in the picture.");
    const { stages, sections, empty } = this.#partsFor(recogniser);
    const glyph = prepared.glyph.data;
    const trace = recogniser.network.trace(glyph);
    const reading = recogniser.readingOf(trace[trace.length - 1].data);
    const pass = { network: recogniser.network, trace, empty, glyph };
    this.#flow.root.hidden = this.#body.hidden = false;
    write(this.#note, "");
    const shown = { pass, reading, steps: prepared.steps, temperature: recogniser.network.header.temperature };
    const summaries = sections.map((section) => section.show(shown));
    this.#flow.show(pass, stages, reading, prepared.steps[0].picture, sections, summaries);
    if (isNew) this.#flow.play({ isAutomatic: true });
  }

  /** @param {Recogniser} recogniser */
  #partsFor(recogniser) {
    if (this.#made?.recogniser === recogniser) return this.#made;
    const stages = stagesOf(recogniser.network);
    const sections = sectionsOf(recogniser, stages, (words) => write(this.#spoken, words));
    this.#made = { recogniser, stages, sections, empty: recogniser.network.trace(new Uint8Array(GLYPH_PIXELS)) };
    this.#body.replaceChildren(...sections.map(sectionElement));
    return this.#made;
  }
}

/** @param {Section} section @param {number} index */
function sectionElement({ id, title, root }, index) {
  const heading = make("h3", { text: `${index + 1}. ${title}` });
  heading.id = `story-${id}-heading`;
  const made = make("section", { className: "story-section" }, heading, root);
  made.id = `story-${id}`;
  made.tabIndex = -1;
  mark(made, "aria-labelledby", heading.id);
  return made;
}
