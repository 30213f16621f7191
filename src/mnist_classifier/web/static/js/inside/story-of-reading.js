// @ts-check
/**
 * The story of the reading on the page, with the version that answered.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../pad/workbench.js").Subject} Subject
 */

import { pixelsOf } from "../offline/pictures.js";
import { browserRecogniser } from "../shared/browser-model.js";
import { element } from "../shared/dom.js";
import { messageOf } from "../shared/toast.js";
import { Story } from "./story.js";

const EMPTY = "Draw a digit to see what each part of the network makes of it.";
const NUMBER = "This works for one digit only. Switch to Digit to see it.";

export class StoryOfReading {
  #story = new Story(element("story", HTMLElement), EMPTY);
  /** Counts the readings; only the newest is shown. */
  #newest = 0;

  clear(words = EMPTY) {
    this.#newest += 1;
    this.#story.clear(words);
  }

  /** @param {Reading | NumberReading} reading @param {Subject} subject */
  async show(reading, { source, mode }) {
    if (mode === "number") return this.clear(NUMBER);
    this.#newest += 1;
    const mine = this.#newest;
    this.#story.wait("Loading the network…");
    const url = "image" in source ? source.image : URL.createObjectURL(source.file);
    try {
      const [recogniser, picture] = await Promise.all([browserRecogniser(reading.model?.version), pixelsOf(url)]);
      if (mine === this.#newest) this.#story.show(recogniser, picture);
    } catch (error) {
      if (mine === this.#newest) this.#story.clear(messageOf(error));
    } finally {
      if ("file" in source) URL.revokeObjectURL(url);
    }
  }
}
