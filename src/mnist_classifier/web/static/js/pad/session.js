// @ts-check
/**
 * Carries the drawings of a workbench over reloads, pages and visits: it opens what the address and the browser hold,
 * and stores every change.
 *
 * @typedef {import("./workbench.js").Workbench} Workbench
 * @typedef {import("./kept.js").StoredPicture} StoredPicture
 * @typedef {import("./kept.js").Drawings} Drawings
 * @typedef {import("./strokes.js").Timeline} Timeline
 * @typedef {import("./pad.js").Backdrop} Backdrop
 */

import { showToast } from "../shared/toast.js";
import { modeIn, withMode } from "./address.js";
import { DRAWING } from "./keep.js";
import { Kept, withoutLost } from "./kept.js";
import { load } from "./paint.js";
import { Strokes } from "./strokes.js";

/** Larger files are not stored: they would crowd out the drawings. */
const MOST_BYTES = 700_000;
/** How often to look whether the pen is up. */
const PEN_MS = 50;

/** Files as data URLs, null for those that are not stored. @type {WeakMap<File, string | null>} */
const texts = new WeakMap();

export class Session {
  #bench;
  #kept = new Kept({ tab: () => window.sessionStorage, last: () => window.localStorage });
  /** @type {number | undefined} */
  #timer;
  #isChanged = false;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /**
   * Show the drawings of earlier and the one of the link, and store changes from now on.
   * @param {boolean} isNew  whether there is nothing to show
   * @param {boolean} isChanged  whether the user has done something while this loaded
   */
  async start(isNew, isChanged) {
    if (new URLSearchParams(location.search).has("version")) this.#noteVersion();
    this.#bench.onChange = () => this.#changed();
    if (isNew) isChanged && this.#changed();
    else await this.#restore(modeIn(location.search), () => this.#bench.shown);
    this.#openLink();
    window.addEventListener("hashchange", () => this.#openLink());
    window.addEventListener("pagehide", () => this.#store());
    // A phone ends a hidden page without a word.
    document.addEventListener("visibilitychange", () => document.hidden && this.#store());
    window.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.#kept.isStale) this.#restore(this.#bench.mode, () => null);
    });
  }

  /**
   * @param {import("./workbench.js").Mode | null} mode  the one to show; null for the one that was shown last
   * @param {() => Workbench["shown"] | null} shown  what the user chose, drew or opened while this loaded
   */
  async #restore(mode, shown) {
    const kept = this.#kept.read();
    if (kept === null) return this.#bench.adopt({ mode: mode ?? this.#bench.mode, sheets: this.#bench.sheets });
    const { drawings, lost } = hasPictures(kept) ? await withPictures(kept) : { drawings: kept, lost: null };
    // A stroke that is being drawn would be cut off.
    while (this.#isOpen) await new Promise((resolve) => setTimeout(resolve, PEN_MS));
    const [chosen = "digit", strokes = [], backdrop = null] = shown() ?? [];
    const [digit, number] = [drawings.digit, drawings.number].map((timeline) => Strokes.from(timeline));
    // Every page begins with "digit", so nobody has chosen it.
    this.#bench.adopt({ mode: chosen === "digit" ? mode ?? drawings.mode : chosen, sheets: { digit, number } });
    this.#isChanged = false;
    if (strokes.length > 0 || backdrop !== null) this.#bench.restore(this.#bench.mode, strokes, backdrop);
    if (lost !== null) showToast("kept", `This browser could not store ${lost || "the picture"}. Open it again to see it here.`, "info");
  }

  /** Show the drawing of the address; Undo brings back the one on the pad. */
  async #openLink() {
    if (!location.hash.startsWith(DRAWING)) return;
    const link = await import("./link.js").catch(() => null);
    if (link === null) return showToast("kept", "No answer from the server, so this link does not open yet. Reload the page to try again.");
    const drawing = link.decode(location.hash.slice(DRAWING.length));
    history.replaceState(history.state, "", location.pathname + location.search);
    if (drawing !== null) return this.#bench.restore(drawing.mode, drawing.strokes);
    this.#bench.clear();
    showToast("kept", "This link is damaged, so it shows no drawing. Ask for it again. Undo brings back your own drawing.", "info");
  }

  async #noteVersion() {
    const { noteVersion } = await import("./version-note.js");
    await noteVersion(() => this.#bench.reread());
  }

  /** Store soon, after the question to the server, but not while the pen is down. */
  #changed() {
    this.#isChanged = true;
    this.#writeAddress();
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#isOpen || this.#store());
  }

  #store() {
    if (!this.#isChanged) return;
    window.clearTimeout(this.#timer);
    const { mode, sheets } = this.#bench;
    this.#isChanged = this.#isOpen;
    const [digit, number] = [sheets.digit, sheets.number].map(({ timeline }) => timeline);
    this.#kept.write({ mode, digit, number }, (backdrop) => this.#stored(/** @type {Backdrop} */ (backdrop)));
  }

  get #isOpen() {
    return this.#bench.sheets[this.#bench.mode].isOpen;
  }

  #writeAddress() {
    const address = withMode(location.href, this.#bench.mode);
    if (address !== location.href) history.replaceState(history.state, "", address);
  }

  /** @param {Backdrop} backdrop @returns {StoredPicture} */
  #stored({ subject: { source, mode, label, caption, scale } }) {
    const details = { mode, label, caption, scale };
    if ("image" in source) return { ...details, image: source.image, file: null };
    return { ...details, image: this.#textOf(source.file), file: source.file.name };
  }

  /** A file as a data URL; null until it is read. @param {File} file */
  #textOf(file) {
    const known = texts.get(file);
    if (known !== undefined) return known;
    texts.set(file, null);
    if (file.size <= MOST_BYTES) {
      const reader = new FileReader();
      reader.onload = () => {
        texts.set(file, String(reader.result));
        this.#changed();
      };
      // A file without a type is a picture too; the browser finds out which.
      reader.readAsDataURL(file.type.startsWith("image/") ? file : file.slice(0, file.size, "image/png"));
    }
    return null;
  }
}

/** @param {Drawings} drawings */
function hasPictures({ digit, number }) {
  return [digit, number].some(({ sheets }) => sheets.some(({ backdrop }) => backdrop !== null));
}

/** The drawings with images as pictures; `lost` names a shown picture that was not stored. @param {Drawings} drawings */
async function withPictures(drawings) {
  const stored = [drawings.digit, drawings.number].flatMap(({ sheets }) => sheets.flatMap(({ backdrop }) => backdrop ?? []));
  /** @type {Map<unknown, Backdrop | null>} */
  const pictures = new Map();
  await Promise.all(stored.map(async (each) => pictures.set(each, await backdropOf(/** @type {StoredPicture} */ (each)))));
  const [digit, number] = [drawings.digit, drawings.number].map((timeline) => {
    const { sheets, at } = withoutLost(timeline, (backdrop) => !pictures.get(backdrop));
    return { at, sheets: sheets.map((sheet) => ({ ...sheet, backdrop: pictures.get(sheet.backdrop) ?? null })) };
  });
  return { drawings: { ...drawings, digit, number }, lost: lostOf(drawings, pictures) };
}

/** @param {Drawings} drawings @param {Map<unknown, Backdrop | null>} pictures @returns {string | null} */
function lostOf(drawings, pictures) {
  const { sheets, at } = drawings[drawings.mode];
  const { backdrop } = sheets[at];
  return backdrop === null || pictures.get(backdrop) ? null : (/** @type {StoredPicture} */ (backdrop).file ?? "");
}

/** @param {StoredPicture} stored @returns {Promise<Backdrop | null>}  null if there is no picture any more */
async function backdropOf({ image, file, ...details }) {
  if (image === null) return null;
  try {
    const source = file === null ? { image } : { file: fileOf(image, file) };
    return { picture: await load(image), subject: { ...details, source, strokes: [] } };
  } catch {
    return null;
  }
}

/** @param {string} image  data URL @param {string} name */
function fileOf(image, name) {
  const [head, content] = image.split(",", 2);
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const file = new File([bytes], name, { type: head.slice("data:".length).split(";")[0] });
  texts.set(file, image);
  return file;
}
