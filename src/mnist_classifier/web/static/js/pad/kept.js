// @ts-check
/**
 * Keeps the drawings of a page in the browser: this tab's own, and the last one of all tabs for a new tab.
 * If the browser stores nothing (a private window, full or blocked storage), they last until the page is left.
 *
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("./strokes.js").Sheet} Sheet
 * @typedef {import("./strokes.js").Timeline} Timeline
 * @typedef {import("./workbench.js").Mode} Mode
 * @typedef {Pick<Storage, "getItem" | "setItem">} DrawingStorage
 * @typedef {{mode: Mode} & Record<Mode, Timeline>} Drawings  the mode that is shown, and the drawing of each mode
 * @typedef {{mode: Mode, image: string | null, file: string | null, label: number | null, caption: string, scale: number}} StoredPicture
 *   image: data URL, null if it is too large; file: its name, null for a test image; the rest: as in a Subject
 */

import { KEY } from "./keep.js";
import { pack, unpack } from "./packed.js";

const FORMAT = 1;
/** How many steps of undo and redo to store; fewer if the storage is full. */
const DEPTHS = [20, 4, 0];
/** A longer text is stored with less history. A browser stores some 5 million characters for all pages of a site. */
const LONGEST = 1_500_000;

export class Kept {
  #open;
  /** The text that this page read or wrote last; null if it could not. @type {string | null} */
  #known = null;

  /** @param {{tab: () => DrawingStorage, last: () => DrawingStorage}} open  may throw */
  constructor(open) {
    this.#open = open;
  }

  /** The drawings of this tab, or else of the tab that changed last; null if there are none. */
  read() {
    const own = this.#text("tab");
    const last = parse(own) === null ? this.#text("last") : null;
    // From now on they are this tab's own, whatever other tabs do.
    this.#known = last === null ? own : this.#store("tab", [() => last]);
    return parse(own) ?? parse(last);
  }

  /** Whether another page of this tab stored drawings after this one did, for instance the page that Back leaves. */
  get isStale() {
    return this.#known !== null && this.#text("tab") !== this.#known;
  }

  /** Store the drawings. @param {Drawings} drawings @param {(backdrop: unknown) => StoredPicture} picture */
  write(drawings, picture) {
    const texts = DEPTHS.map((depth) => () => format(drawings, picture, depth));
    texts.push(() => format(drawings, (backdrop) => ({ ...picture(backdrop), image: null }), 0));
    this.#known = this.#store("tab", texts);
    this.#store("last", texts);
  }

  /** @param {"tab" | "last"} which */
  #text(which) {
    try {
      return this.#open[which]().getItem(KEY);
    } catch {
      return null;
    }
  }

  /** Store the first of the texts that the storage takes. @param {"tab" | "last"} which @param {(() => string)[]} texts */
  #store(which, texts) {
    for (const make of texts) {
      const text = make();
      if (text.length > LONGEST) continue;
      try {
        this.#open[which]().setItem(KEY, text);
        return text;
      } catch {
        // Full, or blocked: try less.
      }
    }
    return null;
  }
}

/**
 * Drawings as text.  Sheets that share strokes or pictures store them once.
 * @param {Drawings} drawings @param {(backdrop: unknown) => StoredPicture} picture @param {number} depth
 */
export function format({ mode, digit, number }, picture, depth = DEPTHS[0]) {
  /** @type {Map<Stroke, number>} */
  const strokes = new Map();
  /** @type {Map<unknown, number>} */
  const pictures = new Map();
  const [digits, numbers] = [digit, number].map(({ sheets, at }) => {
    const from = Math.max(0, at - depth);
    const near = sheets.slice(from, at + depth + 1).map(({ strokes: drawn, backdrop }) =>
      backdrop === null ? drawn.map((stroke) => place(strokes, stroke)) : place(pictures, backdrop),
    );
    return { at: at - from, sheets: near };
  });
  const shared = { strokes: pack([...strokes.keys()]), pictures: [...pictures.keys()].map(picture) };
  return JSON.stringify({ format: FORMAT, mode, ...shared, digit: digits, number: numbers });
}

/** The place of a thing in a list, at its end if it is new. @template T @param {Map<T, number>} list @param {T} thing */
function place(list, thing) {
  const known = list.get(thing) ?? list.size;
  list.set(thing, known);
  return known;
}

/**
 * The drawings from the text of `format`, with a StoredPicture as each backdrop; null if it is anything else.
 * @param {string | null} text @returns {Drawings | null}
 */
export function parse(text) {
  /** @type {any} */
  let found;
  try {
    found = JSON.parse(text ?? "null");
  } catch {
    return null;
  }
  const strokes = unpack(found?.strokes);
  const { format, mode, pictures } = found ?? {};
  if (format !== FORMAT || !isMode(mode) || strokes === null) return null;
  if (!Array.isArray(pictures) || !pictures.every(isPicture)) return null;
  const [digit, number] = [found.digit, found.number].map((each) => timelineOf(each, strokes, pictures));
  return digit === null || number === null ? null : { mode, digit, number };
}

/** @param {any} stored @param {Stroke[]} strokes @param {StoredPicture[]} pictures @returns {Timeline | null} */
function timelineOf(stored, strokes, pictures) {
  const { at, sheets } = stored ?? {};
  if (!Array.isArray(sheets) || !Number.isInteger(at) || at < 0 || at >= sheets.length) return null;
  /** @type {Sheet[]} */
  const found = [];
  for (const sheet of sheets) {
    const isPicture = !Array.isArray(sheet);
    const [parts, known] = isPicture ? [[sheet], pictures.length] : [sheet, strokes.length];
    if (!parts.every((index) => Number.isInteger(index) && index >= 0 && index < known)) return null;
    found.push(isPicture ? { strokes: [], backdrop: pictures[sheet] } : { strokes: sheet.map((index) => strokes[index]), backdrop: null });
  }
  return { at, sheets: found };
}

/** @param {unknown} mode */
function isMode(mode) {
  return mode === "digit" || mode === "number";
}

/** @param {any} stored */
function isPicture(stored) {
  const { mode, image, file, label, caption, scale } = stored ?? {};
  const isImage = image === null || (typeof image === "string" && image.startsWith("data:image/"));
  const isLabel = label === null || (Number.isInteger(label) && label >= 0 && label <= 9);
  return isMode(mode) && isImage && isLabel && (file === null || typeof file === "string") && typeof caption === "string" && scale > 0;
}

/**
 * A timeline without the pictures that are lost.  In place of a lost picture it shows the sheet before it.
 * @param {Timeline} timeline @param {(backdrop: unknown) => boolean} isLost
 * @returns {Timeline}
 */
export function withoutLost({ sheets, at }, isLost) {
  const stays = sheets.map(({ backdrop }) => backdrop === null || !isLost(backdrop));
  const left = sheets.filter((_, index) => stays[index]);
  const before = stays.slice(0, at + 1).filter(Boolean).length - 1;
  return left.length === 0 ? { sheets: [{ strokes: [], backdrop: null }], at: 0 } : { sheets: left, at: Math.max(0, before) };
}
