// @ts-check
/**
 * Recent drawings, stored in the browser.  If it stores nothing (a private
 * window, full or blocked storage), the drawings last for this visit.
 *
 * @typedef {import("../pad/strokes.js").Stroke} Stroke
 * @typedef {import("../pad/workbench.js").Mode} Mode
 * @typedef {{id: string, mode: Mode, strokes: Stroke[], text: string, words: string}} Drawing  text, words: the reading
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} DrawingStorage
 */

import { pack, unpack } from "../pad/packed.js";

export const KEY = "mnist-classifier.drawings";
const FORMAT = 1;
export const MAX_DRAWINGS = 24;
/** A drawing with more points is not stored: it would fill the storage. */
const MAX_POINTS = 4_000;

export class History {
  #open;
  /** Drawings that the browser did not store. @type {Drawing[] | null} */
  #unstored = null;

  /** @param {() => DrawingStorage} open  may throw */
  constructor(open) {
    this.#open = open;
  }

  /** Whether the browser stores the drawings; true until a write has failed. */
  get isStored() {
    return this.#unstored === null;
  }

  /** The drawings, newest first. @returns {Drawing[]} */
  list() {
    if (this.#unstored !== null) return this.#unstored;
    try {
      return parse(this.#open().getItem(KEY));
    } catch {
      return [];
    }
  }

  /** Store a drawing; replaces one of the same id. @param {Drawing} drawing */
  save(drawing) {
    const points = drawing.strokes.reduce((sum, stroke) => sum + stroke.points.length, 0);
    if (points === 0 || points > MAX_POINTS) return;
    const others = this.list().filter(({ id }) => id !== drawing.id);
    this.#store([drawing, ...others].slice(0, MAX_DRAWINGS));
  }

  clear() {
    this.#unstored = null;
    try {
      this.#open().removeItem(KEY);
    } catch {
      this.#unstored = [];
    }
  }

  /** If the storage is full, drop the oldest, down to half; then keep all for this visit only. @param {Drawing[]} drawings */
  #store(drawings) {
    for (let count = drawings.length; this.#unstored === null && count > drawings.length / 2; count -= 1) {
      try {
        this.#open().setItem(KEY, format(drawings.slice(0, count)));
        return;
      } catch (error) {
        if (!isFull(error)) break;
      }
    }
    this.#unstored = drawings;
  }
}

/** @param {unknown} error */
function isFull(error) {
  return error instanceof Error && /quota/i.test(error.name);
}

/** @param {Drawing[]} drawings */
export function format(drawings) {
  const packed = drawings.map(({ strokes, ...rest }) => ({ ...rest, strokes: pack(strokes) }));
  return JSON.stringify({ format: FORMAT, drawings: packed });
}

/** The drawings from the text of `format`, without invalid ones. @param {string | null} text @returns {Drawing[]} */
export function parse(text) {
  /** @type {any} */
  let found;
  try {
    found = JSON.parse(text ?? "null");
  } catch {
    return [];
  }
  if (found?.format !== FORMAT || !Array.isArray(found.drawings)) return [];
  return found.drawings.slice(0, MAX_DRAWINGS).flatMap((/** @type {any} */ each) => drawingOf(each) ?? []);
}

/** @param {any} packed @returns {Drawing | null} */
function drawingOf(packed) {
  const { id, mode, text, words } = packed ?? {};
  if ([id, text, words].some((each) => typeof each !== "string") || !["digit", "number"].includes(mode)) return null;
  const strokes = unpack(packed.strokes);
  return strokes === null || strokes.length === 0 ? null : { id, mode, text, words, strokes };
}
