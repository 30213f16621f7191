// @ts-check
/**
 * The picture of the network.  A drawing flows through it, column by column; at rest it shows everything.
 *
 * @typedef {import("../offline/planes.js").Plane} Plane
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./story-graph.js").Column} Column
 * @typedef {import("./story-graph.js").Link} Link
 * @typedef {import("./story-sections.js").Section} Section
 * @typedef {import("./story-stage.js").Pass} Pass
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

import { outputOf } from "../offline/stages.js";
import { button, make, mark, write } from "../shared/dom.js";
import { BOARD, drawFromStrip, fillGrey, fillStrip, MARK, MINUS_RGB, PLUS_RGB, sized } from "./story-draw.js";
import { stillness } from "./story-motion.js";
import { boxesOf, heightOf, ROW_PX } from "./story-layout.js";
import { columnsOf } from "./story-graph.js";
import { largestOf } from "./story-numbers.js";

const COLUMN_MS = 420;
/** A column that the drawing has not reached yet. */
const FAINT = 0.14;
const PALE = "#c9ced8";
const TRACK = "#2e333c";
const DIGITS = 10;

export class FlowView {
  #canvas = make("canvas");
  #labels = make("ol", { className: "story-labels" });
  #picture = make("div", { className: "story-picture" }, this.#canvas, this.#labels);
  #caption = make("p", { className: "story-caption" });
  #playButton = button("Play", "primary", () => this.play());
  #backButton = button("Back", "", () => this.#step(-1));
  #stepButton = button("Step", "", () => this.#step(1));
  /** @type {Column[]} */
  #columns = [];
  /** The pictures of the nodes of each column, side by side. @type {HTMLCanvasElement[]} */
  #strips = [];
  #width = 0;
  /** @type {Reading | null} */
  #reading = null;
  /** Of the columns of each section. @type {Map<string, string[]>} */
  #summaries = new Map();
  /** The column that the drawing has reached; null at rest. @type {number | null} */
  #reached = null;
  #frame = 0;
  root;

  constructor() {
    mark(this.#canvas, "aria-hidden", "true");
    mark(this.#caption, "role", "status");
    const controls = make("div", { className: "story-controls" }, this.#playButton, this.#backButton, this.#stepButton);
    mark(controls, "role", "group");
    mark(controls, "aria-label", "Let the drawing flow through the network");
    this.root = make("div", { className: "story-flow" }, this.#picture, controls, this.#caption);
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === this.#width) return;
      this.#width = contentRect.width;
      this.#paint();
    }).observe(this.#canvas);
    stillness.addEventListener("change", () => {
      this.#playButton.hidden = stillness.matches;
      this.stop();
    });
  }

  /** @param {Pass} pass @param {Stage[]} stages @param {Reading} reading @param {Plane} picture @param {Section[]} sections @param {string[][]} summaries */
  show(pass, stages, reading, picture, sections, summaries) {
    this.#columns = columnsOf(pass, stages, reading);
    this.#reading = reading;
    this.#summaries = new Map(sections.map(({ id }, index) => [id, summaries[index]]));
    while (this.#strips.length < this.#columns.length) this.#strips.push(document.createElement("canvas"));
    this.#columns.forEach((column, index) => fillColumn(this.#strips[index], column, index, pass, picture));
    this.#playButton.hidden = stillness.matches;
    this.#showLabels();
    this.stop();
  }

  /** Let the drawing flow from left to right. @param {{isAutomatic?: boolean}} [options]  isAutomatic: not where the user wants no motion */
  play({ isAutomatic = false } = {}) {
    if (isAutomatic && stillness.matches) return;
    this.stop();
    const start = performance.now();
    const last = this.#columns.length - 1;
    const next = () => {
      const reached = (performance.now() - start) / COLUMN_MS;
      if (reached >= last) return this.stop();
      this.#reached = reached;
      this.#paint();
      this.#frame = requestAnimationFrame(next);
    };
    mark(this.root, "data-state", "playing");
    next();
  }

  /** Stand still and show everything. */
  stop() {
    cancelAnimationFrame(this.#frame);
    this.#reached = null;
    mark(this.root, "data-state", "still");
    write(this.#caption, "");
    this.#markLabel(-1);
    this.#paint();
  }

  /** Go to the next or the previous column, from the first after the last. @param {1 | -1} by */
  #step(by) {
    cancelAnimationFrame(this.#frame);
    const count = this.#columns.length;
    const now = this.#reached === null ? (by > 0 ? -1 : 0) : Math.floor(this.#reached);
    this.#reached = (now + by + count) % count;
    mark(this.root, "data-state", "stepping");
    write(this.#caption, this.#summaryOf(this.#reached));
    this.#markLabel(this.#reached);
    this.#paint();
  }

  /** @param {number} reached */
  #summaryOf(reached) {
    const { section } = this.#columns[reached];
    const before = this.#columns.slice(0, reached).filter((column) => column.section === section);
    return this.#summaries.get(section)?.[before.length] ?? "";
  }

  /** @param {number} reached */
  #markLabel(reached) {
    [...this.#labels.children].forEach((label, index) => mark(/** @type {HTMLElement} */ (label), "data-reached", String(index === reached)));
  }

  #showLabels() {
    const text = this.#columns.map(({ title, size }) => `${title} ${size}`).join();
    if (this.#labels.dataset.text === text) return;
    this.#labels.dataset.text = text;
    this.#labels.style.setProperty("--columns", String(this.#columns.length));
    this.#labels.style.setProperty("--row", `${ROW_PX}px`);
    this.#labels.replaceChildren(
      ...this.#columns.map(({ section, title, size }) => {
        const link = make("a", {}, make("b", { text: title }), " ", make("span", { text: size }));
        link.href = `#story-${section}`;
        return make("li", {}, link);
      }),
    );
  }

  #paint() {
    const width = this.#width;
    if (width === 0 || this.#columns.length === 0) return;
    const counts = this.#columns.map(({ channels }) => channels.length);
    const height = heightOf(counts, width);
    this.#canvas.style.height = `${height}px`;
    const context = sized(this.#canvas, width, height);
    const boxes = boxesOf(this.#columns, width);
    mark(this.#picture, "data-upright", String(boxes.isUpright));
    const reached = this.#reached ?? this.#columns.length;
    this.#columns.forEach(({ links }, index) => paintLinks(context, links, boxes[index - 1], boxes[index], reached - index + 1, boxes.isUpright));
    this.#columns.forEach((column, index) => {
      context.globalAlpha = Math.min(1, Math.max(FAINT, reached - index + 1));
      boxes[index].forEach((box, node) => this.#paintNode(context, column, index, node, box, boxes.isUpright));
    });
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Column} column @param {number} index @param {number} node @param {Box} box @param {boolean} isUpright */
  #paintNode(context, column, index, node, { x, y, width, height }, isUpright) {
    if (column.kind === "answers") {
      const share = shareOf(/** @type {Reading} */ (this.#reading), column.channels[node]);
      return (isUpright ? paintUprightAnswer : paintAnswer)(context, node, share, node === column.best, { x, y, width, height });
    }
    context.fillStyle = BOARD;
    context.fillRect(x, y, width, height);
    context.save();
    context.beginPath();
    if (column.kind === "units") context.arc(x + width / 2, y + height / 2, width / 2, 0, 2 * Math.PI);
    else context.roundRect(x, y, width, height, 4);
    context.clip();
    drawFromStrip(context, this.#strips[index], node, x, y, width, height);
    context.restore();
    context.strokeStyle = "#8d95a3";
    context.lineWidth = 1;
    context.stroke();
  }
}

/** @param {HTMLCanvasElement} strip @param {Column} column @param {number} index @param {Pass} pass @param {Plane} picture */
function fillColumn(strip, { kind, channels, stage }, index, { trace }, picture) {
  if (kind === "answers") return;
  if (index === 0) return fillFitted(strip, picture);
  const features = stage === null ? trace[0] : outputOf(trace, stage);
  fillStrip(strip, features, channels, largestOf(features.data));
}

/** The picture in the middle of a square. @param {HTMLCanvasElement} canvas @param {Plane} picture */
function fillFitted(canvas, { width, height, data }) {
  const side = Math.max(width, height);
  const [left, top] = [(side - width) >> 1, (side - height) >> 1];
  fillGrey(canvas, side, side, (x, y) => {
    const [column, row] = [x - left, y - top];
    return column < 0 || row < 0 || column >= width || row >= height ? 0 : Math.min(255, Math.max(0, data[row * width + column]));
  });
}

/**
 * Lines that grow with the flow; a dot leads each strong one.
 * @param {CanvasRenderingContext2D} context @param {Link[]} links @param {Box[] | undefined} from @param {Box[]} to
 * @param {number} reached  how far the flow is from one column (0) to the next (1) @param {boolean} isUpright
 */
function paintLinks(context, links, from, to, reached, isUpright) {
  const share = Math.min(1, reached);
  if (from === undefined || share <= 0) return;
  for (const link of [...links].sort((one, other) => Math.abs(one.strength) - Math.abs(other.strength))) {
    const [start, end] = [from[link.from], to[link.to]];
    const size = Math.abs(link.strength);
    const [x, y] = isUpright ? [start.x + start.width / 2, start.y + start.height] : [start.x + start.width, start.y + start.height / 2];
    const [toX, toY] = isUpright ? [end.x + end.width / 2, end.y] : [end.x, end.y + end.height / 2];
    const [headX, headY] = [x + (toX - x) * share, y + (toY - y) * share];
    const rgb = link.strength >= 0 ? PLUS_RGB : MINUS_RGB;
    context.strokeStyle = context.fillStyle = `rgb(${rgb.join()})`;
    context.globalAlpha = 0.1 + 0.9 * size;
    context.lineWidth = 0.75 + 2 * size;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(headX, headY);
    context.stroke();
    if (share < 1 && size > 0.2) {
      context.beginPath();
      context.arc(headX, headY, 2 + 3 * size, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** @param {Reading} reading @param {number} answer */
function shareOf({ probabilities, not_a_digit: none = 0 }, answer) {
  return answer < probabilities.length ? probabilities[answer] : none;
}

/** @param {number} answer */
const letterOf = (answer) => (answer < DIGITS ? String(answer) : "?");

/** @param {CanvasRenderingContext2D} context @param {boolean} isBest */
function setAnswerStyle(context, isBest) {
  context.fillStyle = isBest ? MARK : PALE;
  context.font = `${isBest ? 700 : 500} ${isBest ? 20 : 16}px system-ui, sans-serif`;
  context.textBaseline = "middle";
}

/** A row: the digit, then its bar. @param {CanvasRenderingContext2D} context @param {number} answer @param {number} share @param {boolean} isBest @param {Box} box */
function paintAnswer(context, answer, share, isBest, { x, y, width, height }) {
  const middle = y + height / 2;
  setAnswerStyle(context, isBest);
  context.textAlign = "left";
  context.fillText(letterOf(answer), x + 2, middle + 1);
  for (const [colour, part] of /** @type {const} */ ([[TRACK, 1], [isBest ? MARK : PALE, share]])) {
    context.fillStyle = colour;
    context.fillRect(x + 20, middle - 4, Math.max(0, width - 22) * part, 8);
  }
}

/** A column on a phone: the digit, above it its bar. @param {CanvasRenderingContext2D} context @param {number} answer @param {number} share @param {boolean} isBest @param {Box} box */
function paintUprightAnswer(context, answer, share, isBest, { x, y, width, height }) {
  const [middle, room] = [x + width / 2, height - 24];
  for (const [colour, part] of /** @type {const} */ ([[TRACK, 1], [isBest ? MARK : PALE, share]])) {
    context.fillStyle = colour;
    context.fillRect(middle - 6, y + room * (1 - part), 12, room * part);
  }
  setAnswerStyle(context, isBest);
  context.textAlign = "center";
  context.fillText(letterOf(answer), middle, y + height - 10);
}
