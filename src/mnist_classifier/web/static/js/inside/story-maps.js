// @ts-check
/**
 * The channels of a stage as small maps on one canvas.  Pointing at a value, or moving to it with the arrow keys, chooses it.
 *
 * @typedef {import("../offline/network.js").Features} Features
 * @typedef {import("../offline/stages.js").Place} Place
 * @typedef {{noun: "channel" | "unit" | "score", name: (channel: number) => string, isSigned?: boolean}} Kind  name: a short name of a channel
 */

import { button, make, mark, write } from "../shared/dom.js";
import { drawFromStrip, drawNumber, fillStrip, grey, outline, signed, sized } from "./story-draw.js";

const GAP_PX = 8;
const NAME_PX = 20;
const UNIT_HEIGHT_PX = 44;
/** A canvas narrower than this is on a phone. */
const NARROW_PX = 560;
/** How many are in a row, and how many are shown at first. */
const LAYOUTS = {
  channel: { wide: 8, narrow: 4, first: 8 },
  unit: { wide: 12, narrow: 6, first: 12 },
  score: { wide: 11, narrow: 6, first: 11 },
};
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class ChannelMaps {
  /** Called with the value that the user points at, or chooses with a click or the keyboard; null when the pointer leaves. @type {(place: Place | null, how: "point" | "choose") => void} */
  onPlace = () => {};

  #kind;
  #nameHeight;
  #canvas = make("canvas", { className: "story-maps" });
  #strip = document.createElement("canvas");
  #more;
  #showsAll = false;
  /** @type {Features} */
  #features = { side: 1, channels: 0, data: new Float64Array() };
  /** @type {number[]} */
  #order = [];
  #scale = 1;
  /** @type {Place} */
  #marked = { x: 0, y: 0, channel: -1 };
  /** In CSS pixels.  Asking the canvas would make the browser lay out the page each time. */
  #width = 0;

  /** @param {string} label  for screen readers @param {Kind} kind */
  constructor(label, kind) {
    this.#kind = kind;
    this.#nameHeight = kind.name(0) === "" ? 0 : NAME_PX;
    this.#more = button("", "", () => this.#toggle());
    this.#canvas.tabIndex = 0;
    mark(this.#canvas, "role", "application");
    const shift = kind.noun === "channel" ? ", with Shift between channels" : "";
    mark(this.#canvas, "aria-label", `${label}. The arrow keys move between values${shift}.`);
    this.tools = make("div", { className: "story-tools" }, this.#more);
    this.root = make("div", { className: "story-channels" }, this.#canvas, this.tools);
    this.#listen();
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === this.#width) return;
      this.#width = contentRect.width;
      this.#paint();
    }).observe(this.#canvas);
  }

  /** @param {Features} features @param {number[]} order  channels, the most active first @param {number} scale  the value in full colour @param {Place} marked  the value to outline */
  show(features, order, scale, marked) {
    [this.#features, this.#order, this.#scale, this.#marked] = [features, order, scale, marked];
    const { first } = LAYOUTS[this.#kind.noun];
    this.#more.hidden = order.length <= first;
    write(this.#more, this.#showsAll ? `Show the ${first} most active only` : `Show all ${order.length} ${this.#kind.noun}s`);
    mark(this.#more, "aria-expanded", String(this.#showsAll));
    if (this.#kind.noun === "channel") fillStrip(this.#strip, features, this.#visible, scale);
    this.#paint();
  }

  /** Outline a value. @param {Place} place */
  mark(place) {
    this.#marked = place;
    this.#paint();
  }

  #toggle() {
    this.#showsAll = !this.#showsAll;
    this.show(this.#features, this.#order, this.#scale, this.#marked);
  }

  /** The channels on the canvas. */
  get #visible() {
    return this.#showsAll ? this.#order : this.#order.slice(0, LAYOUTS[this.#kind.noun].first);
  }

  #measure() {
    return layoutOf(this.#kind.noun, this.#width, this.#visible.length, this.#nameHeight);
  }

  #paint() {
    const layout = this.#measure();
    if (layout.width === 0 || layout.columns === 0) return;
    this.#canvas.style.height = `${layout.total}px`;
    const context = sized(this.#canvas, layout.width, layout.total);
    if (layout.nameHeight > 0) this.#paintNames(context, layout);
    this.#visible.forEach((channel, index) => this.#paintOne(context, layout, channel, index));
    const index = this.#visible.indexOf(this.#marked.channel);
    if (index < 0) return;
    const { x, y } = cornerOf(layout, index);
    const { side } = this.#features;
    outline(context, x + (this.#marked.x * layout.cell) / side, y + (this.#marked.y * layout.height) / side, layout.cell / side, layout.height / side);
  }

  /** @param {CanvasRenderingContext2D} context @param {Layout} layout */
  #paintNames(context, layout) {
    context.font = "600 14px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillStyle = "#c9ced8";
    this.#visible.forEach((channel, index) => {
      const { x, y } = cornerOf(layout, index);
      context.fillText(this.#kind.name(channel), x + layout.cell / 2, y - 5);
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {Layout} layout @param {number} channel @param {number} index */
  #paintOne(context, layout, channel, index) {
    const { x, y } = cornerOf(layout, index);
    if (this.#kind.noun === "channel") return drawFromStrip(context, this.#strip, index, x, y, layout.cell);
    const value = this.#features.data[channel];
    drawNumber(context, value, (this.#kind.isSigned ? signed : grey)(value, this.#scale), x, y, layout.cell, layout.height);
  }

  #listen() {
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event, "point"));
    this.#canvas.addEventListener("pointerdown", (event) => this.#point(event, "choose"));
    this.#canvas.addEventListener("pointerleave", () => this.onPlace(null, "point"));
    this.#canvas.addEventListener("keydown", (event) => {
      const [right, down] = ARROWS[event.key] ?? [0, 0];
      if (right === 0 && down === 0) return;
      event.preventDefault();
      this.onPlace(this.#moved(right, down, event.shiftKey), "choose");
    });
  }

  /** @param {PointerEvent} event @param {"point" | "choose"} how */
  #point({ offsetX, offsetY }, how) {
    const layout = this.#measure();
    const { side } = this.#features;
    const [column, row] = [Math.floor(offsetX / layout.pitch.x), Math.floor(offsetY / layout.pitch.y)];
    const index = row * layout.columns + column;
    const corner = cornerOf(layout, index);
    const [x, y] = [Math.floor(((offsetX - corner.x) / layout.cell) * side), Math.floor(((offsetY - corner.y) / layout.height) * side)];
    if (column >= layout.columns || index >= this.#visible.length || Math.min(x, y) < 0 || Math.max(x, y) >= side) return;
    this.onPlace({ x, y, channel: this.#visible[index] }, how);
  }

  /** The place beside the marked one; from the edge of a map, in the next map. @param {number} right @param {number} down @param {boolean} byMap @returns {Place} */
  #moved(right, down, byMap) {
    const { side } = this.#features;
    const { columns } = this.#measure();
    const index = Math.max(0, this.#visible.indexOf(this.#marked.channel));
    let [x, y] = [this.#marked.x + right, this.#marked.y + down];
    if (!byMap && x >= 0 && y >= 0 && x < side && y < side) return { x, y, channel: this.#visible[index] };
    const next = index + right + down * columns;
    if (next < 0 || next >= this.#visible.length) return { ...this.#marked, channel: this.#visible[index] };
    [x, y] = byMap ? [this.#marked.x, this.#marked.y] : [(x + side) % side, (y + side) % side];
    return { x, y, channel: this.#visible[next] };
  }
}

/**
 * Sizes in CSS pixels.  pitch: from one map to the next.
 * @typedef {{width: number, columns: number, cell: number, height: number, nameHeight: number, pitch: {x: number, y: number}, total: number}} Layout
 * @param {Kind["noun"]} noun @param {number} width @param {number} count @param {number} nameHeight
 * @returns {Layout}
 */
function layoutOf(noun, width, count, nameHeight) {
  const columns = Math.min(count, LAYOUTS[noun][width < NARROW_PX ? "narrow" : "wide"]);
  const cell = (width - GAP_PX * (columns + 1)) / Math.max(1, columns);
  const height = noun === "channel" ? cell : UNIT_HEIGHT_PX;
  const pitch = { x: cell + GAP_PX, y: height + nameHeight + GAP_PX };
  return { width, columns, cell, height, nameHeight, pitch, total: Math.ceil(count / Math.max(1, columns)) * pitch.y + GAP_PX };
}

/** @param {Layout} layout @param {number} index */
function cornerOf({ columns, pitch, nameHeight }, index) {
  return { x: GAP_PX + (index % columns) * pitch.x, y: GAP_PX + nameHeight + Math.floor(index / columns) * pitch.y };
}
