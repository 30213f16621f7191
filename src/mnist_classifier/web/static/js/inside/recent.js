// @ts-check
/**
 * The list of recent drawings.
 *
 * @typedef {import("./history.js").Drawing} Drawing
 * @typedef {import("../pad/workbench.js").Subject} Subject
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 */

import { element, make, write } from "../shared/dom.js";
import { describe } from "../shared/format.js";
import { describeNumber } from "../pad/number.js";
import { context2d, paint } from "../pad/paint.js";
import { SIDE, WIDE_SIDE } from "../pad/strokes.js";
import { History, KEY } from "./history.js";

const SHOWN_SIDE_PX = 112;
const KEPT = "Only this browser keeps your drawings. Click one to open it again.";
const FLEETING = "This browser stores nothing for this page. Your drawings disappear when you leave it. Click one to open it again.";

export class Recent {
  /** Called with the drawing to open again. @type {(drawing: Drawing) => void} */
  onChosen = () => {};

  #history = new History(() => window.localStorage);
  #list = element("recent-list", HTMLElement);
  #note = element("recent-note", HTMLElement);
  #emptyNote = this.#note.textContent ?? "";
  #forget = element("recent-clear", HTMLButtonElement);
  /** Ids of the drawings by their start.  Undo may return to an earlier drawing. @type {Map<string, string>} */
  #ids = new Map();

  constructor() {
    this.#forget.addEventListener("click", () => {
      this.#history.clear();
      this.#ids.clear();
      this.#show();
    });
    // Another tab may change the list.
    window.addEventListener("storage", ({ key }) => (key === null || key === KEY) && this.#show());
    // The pad shows the drawing of before: it is not a new one.
    for (const { id, strokes } of this.#history.list()) this.#ids.set(startOf(strokes), id);
    this.#show();
  }

  /** Store a drawing with its reading; replaces an earlier state of it. @param {Reading | NumberReading} reading @param {Subject} subject */
  note(reading, { mode, strokes }) {
    if (strokes.length === 0) return;
    const start = startOf(strokes);
    const id = this.#ids.get(start) ?? newId();
    this.#ids.set(start, id);
    const { digit, words } = "digits" in reading ? describeNumber(reading) : describe(reading);
    this.#history.save({ id, mode, strokes, text: digit, words });
    this.#show();
  }

  startSheet() {
    this.#ids.clear();
  }

  #show() {
    const drawings = this.#history.list();
    this.#forget.hidden = drawings.length === 0;
    write(this.#note, drawings.length === 0 ? this.#emptyNote : this.#history.isStored ? KEPT : FLEETING);
    this.#list.replaceChildren(...drawings.map((drawing) => this.#item(drawing)));
  }

  /** @param {Drawing} drawing */
  #item(drawing) {
    const canvas = make("canvas");
    const width = drawing.mode === "number" ? WIDE_SIDE : SIDE;
    canvas.width = Math.round((SHOWN_SIDE_PX * width) / SIDE);
    canvas.height = SHOWN_SIDE_PX;
    const context = context2d(canvas);
    context.scale(SHOWN_SIDE_PX / SIDE, SHOWN_SIDE_PX / SIDE);
    paint(context, drawing.strokes, "#fff");
    const choose = make("button", {}, canvas, make("span", { text: drawing.text || "–" }));
    choose.type = "button";
    choose.setAttribute("aria-label", `Drawing read as ${drawing.text || "nothing"}: ${drawing.words}. Open it again`);
    choose.addEventListener("click", () => {
      this.onChosen(drawing);
      this.#ids.set(startOf(drawing.strokes), drawing.id);
    });
    const item = make("li", {}, choose);
    item.dataset.mode = drawing.mode;
    return item;
  }
}

/** @param {import("../pad/strokes.js").Stroke[]} strokes */
function startOf(strokes) {
  const { x, y } = strokes[0].points[0];
  // Round as the stored drawing was rounded, so that the two can be compared.
  return `${Math.round(x * 10)} ${Math.round(y * 10)}`;
}

function newId() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}
