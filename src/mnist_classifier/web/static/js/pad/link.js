// @ts-check
/**
 * A drawing as the text of a link, and back.  Pure.
 *
 * The text is base64url.  Its bytes: format, mode, and for each stroke its width, its number of points, and the steps
 * from point to point in tenths of a unit, as LEB128 numbers; then a checksum of two bytes (CRC-16/CCITT).
 *
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("./workbench.js").Mode} Mode
 * @typedef {{mode: Mode, strokes: Stroke[]}} Drawing
 */

import { simplified } from "./simplify.js";

const FORMAT = 1;
/** @type {readonly Mode[]} */
const MODES = ["digit", "number"];
const PER_UNIT = 10;
/** A usual digit needs some hundred characters. A longer link leaves out points, which can change single pixels of the network input. */
const USUAL = 2_000;
/** How far lines may move in a longer link, in units: the network input has a pixel for about 10. */
const TOLERANCES = [0.05, 0.25];
/** Browsers and messengers pass links of this length. */
const LONGEST = 30_000;
/** No drawing has wider strokes, or goes farther beyond the pad, in units. */
const [MOST_WIDTH, MOST_DISTANCE] = [100, 10_000];

/** The text of a drawing; null if it is too long for a link. @param {Drawing} drawing @returns {string | null} */
export function encode({ mode, strokes }) {
  let text = textOf(mode, strokes);
  for (const tolerance of TOLERANCES) {
    if (text.length > USUAL) text = textOf(mode, strokes.map((stroke) => simplified(stroke, tolerance)));
  }
  return text.length > LONGEST ? null : text;
}

/** @param {Mode} mode @param {readonly Stroke[]} strokes */
function textOf(mode, strokes) {
  const bytes = [FORMAT, MODES.indexOf(mode)];
  let [x, y] = [0, 0];
  for (const { width, points } of strokes) {
    put(bytes, Math.round(width * PER_UNIT));
    put(bytes, points.length);
    for (const point of points) {
      const [nextX, nextY] = [Math.round(point.x * PER_UNIT), Math.round(point.y * PER_UNIT)];
      put(bytes, zigzag(nextX - x));
      put(bytes, zigzag(nextY - y));
      [x, y] = [nextX, nextY];
    }
  }
  const sum = checksum(bytes);
  return toText([...bytes, sum >> 8, sum & 255]);
}

/** The drawing of a text; null if the text is damaged or of another format. @param {string} text @returns {Drawing | null} */
export function decode(text) {
  const sealed = text.length > LONGEST ? null : toBytes(text);
  if (sealed === null || sealed.length < 4) return null;
  const [bytes, sum] = [sealed.slice(0, -2), sealed.slice(-2)];
  const [format, modeIndex] = bytes;
  const mode = MODES[modeIndex];
  if (format !== FORMAT || mode === undefined || checksum(bytes) !== sum[0] * 256 + sum[1]) return null;
  const strokes = readStrokes(new Reader(bytes, 2));
  return strokes === null || strokes.length === 0 ? null : { mode, strokes };
}

/** @param {Reader} reader @returns {Stroke[] | null} */
function readStrokes(reader) {
  /** @type {Stroke[]} */
  const strokes = [];
  let [x, y] = [0, 0];
  while (!reader.isAtEnd) {
    const width = reader.next() / PER_UNIT;
    const count = reader.next();
    // Each point takes two bytes or more, so a wrong count cannot fill the memory.
    if (!(width > 0 && width <= MOST_WIDTH && count > 0 && count <= reader.left / 2)) return null;
    const points = [];
    for (let i = 0; i < count; i += 1) {
      x += unzigzag(reader.next());
      y += unzigzag(reader.next());
      points.push({ x: x / PER_UNIT, y: y / PER_UNIT });
    }
    if (!points.every(({ x, y }) => Math.abs(x) <= MOST_DISTANCE && Math.abs(y) <= MOST_DISTANCE)) return null;
    strokes.push({ width, points });
  }
  return strokes;
}

/** Reads LEB128 numbers; past the end they are NaN. */
class Reader {
  #bytes;
  #at;

  /** @param {readonly number[]} bytes @param {number} at  where to begin */
  constructor(bytes, at) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  get isAtEnd() {
    return this.left <= 0;
  }

  next() {
    let value = 0;
    for (let scale = 1; scale <= 128 ** 3; scale *= 128) {
      const byte = this.#bytes[this.#at] ?? NaN;
      this.#at += 1;
      value += (byte % 128) * scale;
      if (!(byte >= 128)) return value;
    }
    return NaN;
  }
}

/** Append a number from 0 to 2^28 - 1 as LEB128. @param {number[]} bytes @param {number} value */
function put(bytes, value) {
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
}

/** Small numbers of either sign as small numbers from 0. @param {number} value */
function zigzag(value) {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** @param {number} value */
function unzigzag(value) {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** @param {readonly number[]} bytes */
function checksum(bytes) {
  let sum = 0xffff;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) sum = ((sum << 1) ^ (sum & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return sum;
}

/** @param {readonly number[]} bytes */
function toText(bytes) {
  const base64 = btoa(bytes.map((byte) => String.fromCharCode(byte)).join(""));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text @returns {number[] | null} */
function toBytes(text) {
  if (!/^[\w-]+$/.test(text)) return null;
  try {
    return [...atob(text.replaceAll("-", "+").replaceAll("_", "/"))].map((letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
