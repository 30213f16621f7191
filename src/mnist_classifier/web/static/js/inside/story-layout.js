// @ts-check
/**
 * Where the nodes of the picture of the network are, in CSS pixels: columns from left to right, or rows on a phone.  Pure.
 *
 * @typedef {import("./story-graph.js").Column} Column
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

/** With less room for a column, the columns become rows. */
const LEAST_COLUMN_PX = 76;
const WIDE_HEIGHT_PX = 416;
/** Room for the name of a column below it, or of a row above it. */
const LABEL_PX = 76;
const ROW_LABEL_PX = 34;
/** Height of a row. */
export const ROW_PX = 118;
const MARGIN_PX = 12;

/** @param {number[]} counts  nodes in each column @param {number} width */
export function heightOf(counts, width) {
  if (!isUpright(counts.length, width)) return WIDE_HEIGHT_PX;
  return counts.length * ROW_PX + MARGIN_PX;
}

/** @param {number} columns @param {number} width */
export function isUpright(columns, width) {
  return width / columns < LEAST_COLUMN_PX;
}

/** The nodes of each column. @param {Pick<Column, "kind" | "channels">[]} columns @param {number} width @returns {Box[][] & {isUpright: boolean}} */
export function boxesOf(columns, width) {
  const upright = isUpright(columns.length, width);
  const boxes = columns.map((column, index) => (upright ? rowOf(column, index, width) : columnOf(column, index, width / columns.length)));
  return Object.assign(boxes, { isUpright: upright });
}

/** @param {Pick<Column, "kind" | "channels">} column @param {number} index @param {number} pitch @returns {Box[]} */
function columnOf({ kind, channels }, index, pitch) {
  const room = WIDE_HEIGHT_PX - LABEL_PX - MARGIN_PX;
  const step = room / channels.length;
  const side = kind === "units" ? 26 : Math.min(pitch * 0.62, step - 8, 84);
  const [width, height] = kind === "answers" ? [pitch - 24, step] : [side, side];
  return channels.map((_, node) => ({ x: pitch * (index + 0.5) - width / 2, y: MARGIN_PX + step * (node + 0.5) - height / 2, width, height }));
}

/** @param {Pick<Column, "kind" | "channels">} column @param {number} index @param {number} room @returns {Box[]} */
function rowOf({ kind, channels }, index, room) {
  const top = index * ROW_PX + ROW_LABEL_PX;
  const step = (room - 2 * MARGIN_PX) / channels.length;
  if (kind === "answers") {
    return channels.map((_, node) => ({ x: MARGIN_PX + step * node, y: top, width: step, height: ROW_PX - ROW_LABEL_PX }));
  }
  const side = kind === "units" ? 26 : Math.min(step - 8, ROW_PX - ROW_LABEL_PX - 28);
  return channels.map((_, node) => ({ x: MARGIN_PX + step * (node + 0.5) - side / 2, y: top, width: side, height: side }));
}
