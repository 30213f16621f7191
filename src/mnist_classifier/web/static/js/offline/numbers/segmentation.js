// @ts-check
/**
 * Divides the ink of a number into pieces in reading order, and lists the digits that they may form.
 * Follows segmentation.py and pen_strokes.py, with the same constants; cells of tables and digits that touch
 * from line to line are left to the server.
 *
 * @typedef {import("../planes.js").Floats} Floats
 * @typedef {import("../planes.js").Bytes} Bytes
 * @typedef {import("./cuts.js").Cut} Cut
 * @typedef {[number, number][]} Path  a pen stroke: x and y of its points
 * @typedef {{ink: Floats, top: number, bottom: number, left: number, right: number, part: number, strokePx: number, cut: Cut | null}} Piece
 *   ink: 0 to 1, without other pieces.  part: the connected component or pen stroke that it was cut from.
 *   cut: the cut on its right within that part
 * @typedef {{pieces: Piece[], height: number}} Line  pieces from left to right; height: typical of its digits, px
 * @typedef {{start: number, end: number, box: [number, number, number, number]}} Candidate
 *   pieces start to end (exclusive) of a line, read as one digit; box: x, y, width, height
 */

import { label, partsOf } from "../connected-components.js";
import { any, cutOut, floats, inkBox, largest, mapped, maskOf, median, sum } from "../planes.js";
import { BOX_LEVEL, INK_LEVEL, centre } from "../scaling.js";
import { findCuts, split } from "./cuts.js";
import { groupLines } from "./text-lines.js";

const MAX_PARTS = 240;
const MAX_PIECES = 200;
const MAX_PIECES_IN_DIGIT = 6;
const MAX_DIGIT_WIDTH = 1.8;
const MAX_GAP_IN_DIGIT = 0.2;
const SPECK = 0.07;
const MIN_CUT_WIDTH = 0.35;
const MIN_CUT_HEIGHT = 0.5;
const STROKE_CUT_WIDTH = 1.1;
const SLACK_PX = 1.5;

/** Lines of the connected components of some ink. @param {Floats} ink  0 to 1 */
export function linesOfInk(ink) {
  const mask = maskOf(ink, BOX_LEVEL);
  const { labels, count } = label(mask);
  const parts = partsOf(labels, count, ink).map((part, index) => ({ ...part, number: index + 1 }));
  parts.sort((one, other) => other.mass - one.mass);
  const pieces = parts.slice(0, MAX_PARTS).map(({ box, number }) => {
    const own = cutOut(ink, box);
    for (let y = box.top, i = 0; y < box.bottom; y += 1) {
      for (let x = box.left; x < box.right; x += 1, i += 1) if (labels[y * ink.width + x] !== number) own.data[i] = 0;
    }
    return pieceOf(own, box.top, box.left, number, runWidth(maskOf(own, BOX_LEVEL)), null);
  });
  return arrange(pieces, MIN_CUT_WIDTH);
}

/** Lines of pen strokes: a stroke belongs to one digit, unless it is very wide. @param {Floats} ink  0 to 1 @param {readonly Path[]} paths  in px of the ink */
export function linesOfStrokes(ink, paths) {
  const penPx = penWidth(ink, paths);
  const pieces = paths.flatMap((path, number) => inkUnder(ink, path, penPx, number) ?? []);
  return pieces.length === 0 ? [] : arrange(pieces, STROKE_CUT_WIDTH);
}

/** The width of the round pen that leaves so much ink along the strokes: ink = length * width + the ends of each stroke. @param {Floats} ink @param {readonly Path[]} paths */
function penWidth(ink, paths) {
  const length = paths.reduce((total, path) => total + lengthOf(path), 0);
  const ends = (paths.length * Math.PI) / 4;
  return Math.max(1, (Math.sqrt(length ** 2 + 4 * ends * sum(ink)) - length) / (2 * ends));
}

/** @param {Path} path */
function lengthOf(path) {
  return path.slice(1).reduce((total, [x, y], index) => total + Math.hypot(x - path[index][0], y - path[index][1]), 0);
}

/** The ink under one stroke; where strokes cross, it belongs to both. @param {Floats} ink @param {Path} path @param {number} penPx @param {number} number @returns {Piece | null} */
function inkUnder(ink, path, penPx, number) {
  const own = floats(ink.width, ink.height);
  const reach = penPx / 2 + SLACK_PX;
  path.forEach((to, index) => {
    const from = path[Math.max(0, index - 1)];
    const [left, right] = [Math.min(from[0], to[0]) - reach, Math.max(from[0], to[0]) + reach];
    const [top, bottom] = [Math.min(from[1], to[1]) - reach, Math.max(from[1], to[1]) + reach];
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(ink.height, bottom); y += 1) {
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(ink.width, right); x += 1) {
        const place = y * ink.width + x;
        if (own.data[place] === 0 && distance(x + 0.5, y + 0.5, from, to) <= reach) own.data[place] = ink.data[place];
      }
    }
  });
  const solid = maskOf(own, BOX_LEVEL);
  if (!any(solid)) return null;
  const box = inkBox(solid);
  return pieceOf(cutOut(own, box), box.top, box.left, number, penPx, null);
}

/** @param {number} x @param {number} y @param {readonly [number, number]} from @param {readonly [number, number]} to */
function distance(x, y, from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : Math.min(1, Math.max(0, ((x - from[0]) * dx + (y - from[1]) * dy) / squared));
  return Math.hypot(x - from[0] - along * dx, y - from[1] - along * dy);
}

/** @param {Floats} ink @param {number} top @param {number} left @param {number} part @param {number} strokePx @param {Cut | null} cut @returns {Piece} */
function pieceOf(ink, top, left, part, strokePx, cut) {
  return { ink, top, left, bottom: top + ink.height, right: left + ink.width, part, strokePx, cut };
}

/** Sort parts into lines, top to bottom, and cut them into pieces, left to right. @param {readonly Piece[]} parts @param {number} cutWiderThan @returns {Line[]} */
function arrange(parts, cutWiderThan) {
  return groupLines(parts, typicalHeight(parts)).map((members) => {
    const height = typicalHeight(members);
    const kept = members.filter(({ ink }) => Math.max(ink.width, ink.height) >= SPECK * height);
    const cut = kept.flatMap((piece) => cutUp(piece, height, cutWiderThan));
    const pieces = cut.length > MAX_PIECES ? kept : cut;
    pieces.sort((one, other) => one.left + one.right - other.left - other.right);
    return { pieces, height };
  });
}

/** @param {readonly Piece[]} parts */
function typicalHeight(parts) {
  return medianHeight(parts.map(({ ink }) => ({ height: ink.height, mass: sum(ink) })));
}

/** The median height, weighted by ink: specks and bars weigh little. @param {readonly {height: number, mass: number}[]} parts */
export function medianHeight(parts) {
  const sorted = [...parts].sort((one, other) => one.height - other.height);
  const half = sorted.reduce((total, { mass }) => total + mass, 0) / 2;
  let below = 0;
  const middle = sorted.find(({ mass }) => {
    below += mass;
    return below >= half;
  });
  return (middle ?? sorted[sorted.length - 1]).height;
}

/** Cut a part wherever two digits might touch. @param {Piece} piece @param {number} height @param {number} widerThan @returns {Piece[]} */
function cutUp(piece, height, widerThan) {
  const { ink, strokePx } = piece;
  if (ink.width < widerThan * height || ink.height < MIN_CUT_HEIGHT * height) return [piece];
  const cuts = findCuts(ink, strokePx);
  if (cuts.length === 0) return [piece];
  return split(ink, cuts).flatMap((part, index) => {
    const mask = mapped(part, Math.sign);
    if (!mask.data.includes(1)) return [];
    const box = inkBox(mask);
    return [pieceOf(cutOut(part, box), piece.top + box.top, piece.left + box.left, piece.part, strokePx, cuts[index] ?? null)];
  });
}

/** Stroke width in px: the median over all ink of the shorter of its runs in its row and in its column. @param {Bytes} mask */
export function runWidth({ width, height, data }) {
  const shorter = new Int32Array(data.length);
  for (let y = 0; y < height; y += 1) shortenTo(shorter, data, y * width, 1, width);
  for (let x = 0; x < width; x += 1) shortenTo(shorter, data, x, width, height);
  return Math.max(1, median(shorter.filter((length) => length > 0)));
}

/** Lower the value of each ink pixel of a row or column to the length of its run. @param {Int32Array} values  0 for none yet @param {Uint8Array} data @param {number} first @param {number} step @param {number} count */
function shortenTo(values, data, first, step, count) {
  for (let start = 0; start < count; start += 1) {
    let end = start;
    while (end < count && data[first + end * step] === 1) end += 1;
    for (let i = first + start * step; i < first + end * step; i += step) {
      if (values[i] === 0 || values[i] > end - start) values[i] = end - start;
    }
    start = end;
  }
}

/** List every group of neighbouring pieces that may be one digit. @param {Line} line @returns {Candidate[]} */
export function findCandidates({ pieces, height }) {
  /** @type {Candidate[]} */
  const found = [];
  pieces.forEach((first, start) => {
    let { left, top, right, bottom } = first;
    for (let end = start + 1; end <= Math.min(pieces.length, start + MAX_PIECES_IN_DIGIT); end += 1) {
      const piece = pieces[end - 1];
      if (piece.left - right > MAX_GAP_IN_DIGIT * height) break;
      [left, top] = [Math.min(left, piece.left), Math.min(top, piece.top)];
      [right, bottom] = [Math.max(right, piece.right), Math.max(bottom, piece.bottom)];
      if (end > start + 1 && right - left > MAX_DIGIT_WIDTH * height) break;
      found.push({ start, end, box: [left, top, right - left, bottom - top] });
    }
  });
  return found;
}

/** The glyph of a candidate from its own ink, as for a single digit. @param {Line} line @param {Candidate} candidate @returns {Bytes} */
export function glyphOf({ pieces }, { start, end, box: [left, top, width, height] }) {
  const ink = floats(width, height);
  for (const piece of pieces.slice(start, end)) {
    for (let y = 0, i = 0; y < piece.ink.height; y += 1) {
      for (let x = 0; x < piece.ink.width; x += 1, i += 1) {
        const place = (piece.top - top + y) * width + piece.left - left + x;
        if (piece.ink.data[i] > ink.data[place]) ink.data[place] = piece.ink.data[i];
      }
    }
  }
  const factor = Math.fround(255 / largest(ink));
  const stretched = mapped(ink, (value) => value * factor);
  return centre(cutOut(stretched, inkBox(maskOf(stretched, INK_LEVEL)))).glyph;
}
