// @ts-check
/**
 * Step 3: squares that cover parts of the network input.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./board.js").Board} Board
 */

import { button, element, write } from "../shared/dom.js";
import { context2d } from "../pad/paint.js";
import { paintGlyph } from "./board.js";
import { judgeCover } from "./tasks.js";

const GLYPH_SIDE = 28;
/** Squares in a row, and the side of one in pixels of the glyph. */
const ACROSS = 7;
const SQUARE_PX = GLYPH_SIDE / ACROSS;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Cover {
  /** @type {(judgement: import("./tasks.js").Judgement) => void} */
  onJudgement = () => {};

  #board;
  #picture = context2d(element("cover-glyph", HTMLCanvasElement));
  #squares;
  #root = element("cover-squares", HTMLElement);
  /** @type {Set<number>} */
  #covered = new Set();
  /** @type {{reading: Reading, glyph: Uint8Array | null} | null} */
  #drawing = null;

  /** @param {Board} board */
  constructor(board) {
    this.#board = board;
    this.#squares = [...Array(ACROSS ** 2).keys()].map((square) => this.#makeSquare(square));
    this.#root.inert = true;
    this.#root.append(...this.#squares);
    this.#root.addEventListener("keydown", (event) => this.#move(event));
    element("cover-clear", HTMLButtonElement).addEventListener("click", () => this.#uncover());
  }

  /** Show another drawing, with nothing covered. @param {Reading} reading @param {Uint8Array | null} glyph */
  show(reading, glyph) {
    this.#root.inert = false;
    this.#drawing = { reading, glyph };
    this.#uncover();
  }

  #uncover() {
    this.#covered.clear();
    this.#squares.forEach((square) => square.setAttribute("aria-pressed", "false"));
    this.#draw();
  }

  /** @param {number} square */
  #toggle(square) {
    if (!this.#covered.delete(square)) this.#covered.add(square);
    this.#squares[square].setAttribute("aria-pressed", String(this.#covered.has(square)));
    this.#draw();
  }

  #draw() {
    if (this.#drawing === null) return;
    const { reading, glyph } = this.#drawing;
    paintGlyph(this.#picture, glyph);
    const count = this.#covered.size;
    write(element("cover-count", HTMLElement), `${count === 1 ? "1 square" : `${count} squares`} covered`);
    const now = glyph === null || count === 0 ? reading : this.#board.readGlyph(covered(glyph, this.#covered));
    if (count === 0) this.#board.show(reading, glyph);
    if (now !== null) this.onJudgement(judgeCover(reading, now, count));
  }

  /** @param {number} square */
  #makeSquare(square) {
    const made = button("", "cover-square", () => this.#toggle(square));
    made.tabIndex = square === (ACROSS ** 2 - 1) / 2 ? 0 : -1;
    made.setAttribute("aria-label", `Row ${Math.floor(square / ACROSS) + 1}, column ${(square % ACROSS) + 1}`);
    made.setAttribute("aria-pressed", "false");
    return made;
  }

  /** The arrow keys move the focus; one square at a time can be reached with Tab. @param {KeyboardEvent} event */
  #move(event) {
    const at = this.#squares.findIndex((square) => square === document.activeElement);
    if (!(event.key in ARROWS) || at < 0) return;
    event.preventDefault();
    const [right, down] = ARROWS[event.key];
    const [x, y] = [(at % ACROSS) + right, Math.floor(at / ACROSS) + down];
    if (Math.min(x, y) < 0 || Math.max(x, y) >= ACROSS) return;
    for (const square of this.#squares) square.tabIndex = -1;
    const next = this.#squares[y * ACROSS + x];
    next.tabIndex = 0;
    next.focus();
  }
}

/** A glyph without the ink in some squares. @param {Uint8Array} glyph @param {Set<number>} squares */
export function covered(glyph, squares) {
  return glyph.map((level, pixel) => {
    const [x, y] = [pixel % GLYPH_SIDE, Math.floor(pixel / GLYPH_SIDE)];
    return squares.has(Math.floor(y / SQUARE_PX) * ACROSS + Math.floor(x / SQUARE_PX)) ? 0 : level;
  });
}
