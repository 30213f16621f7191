// @ts-check
/**
 * Reads the drawing in the browser while the pen moves.  One reading is in flight; the newest drawing is next.
 *
 * @typedef {import("../offline/reader.js").Answer} Answer
 * @typedef {import("../offline/reader.js").Reader} Reader
 * @typedef {import("../offline/pixels.js").Picture} Picture
 */

import { readerOf } from "../offline/reader.js";

export class Live {
  /** Called with each reading of the drawing that is still open. @type {(answer: Answer) => void} */
  onReading = () => {};

  #load;
  #start;
  /** @type {Reader | null} */
  #reader = null;
  /** The version that is loaded, is loading, or cannot be loaded. @type {number | undefined} */
  #version;
  #isLoading = false;
  #isReading = false;
  /** Takes the drawing when its turn comes. @type {(() => Picture) | null} */
  #next = null;
  /** Counts the strokes; a reading of an earlier one is dropped. */
  #stroke = 0;

  /**
   * @param {(version?: number) => Promise<{version: number, file: ArrayBuffer}>} load  without a version: the one in production
   * @param {(file: ArrayBuffer) => Promise<Reader>} start
   */
  constructor(load, start = readerOf) {
    this.#load = load;
    this.#start = start;
  }

  /** Read with this version, once it has loaded; until then nothing is read. @param {number} [version] */
  async follow(version) {
    if (this.#isLoading || (version !== undefined && version === this.#version)) return;
    this.#isLoading = true;
    this.#drop();
    this.#version = version;
    try {
      const loaded = await this.#load(version);
      this.#version = loaded.version;
      this.#reader = await this.#start(loaded.file);
    } catch (error) {
      // After a lost connection, the next call tries again; a refusal stays one.
      if (error instanceof Error && "code" in error && ["network", "timeout"].includes(String(error.code))) this.#version = undefined;
    } finally {
      this.#isLoading = false;
    }
  }

  /** The pen has moved. @param {() => Picture} take  takes the drawing */
  look(take) {
    this.#next = take;
    if (!this.#isReading) this.#read();
  }

  /** The stroke has ended. */
  stop() {
    this.#stroke += 1;
    this.#next = null;
  }

  async #read() {
    const reader = this.#reader;
    if (reader === null) return;
    this.#isReading = true;
    try {
      for (let take = this.#next; take !== null; take = this.#next) {
        this.#next = null;
        const stroke = this.#stroke;
        const answer = await reader.read(take());
        if (stroke === this.#stroke) this.onReading(answer);
      }
    } catch {
      this.#drop();
    } finally {
      this.#isReading = false;
    }
  }

  #drop() {
    this.#reader?.close();
    this.#reader = null;
    this.#isReading = false;
  }
}
