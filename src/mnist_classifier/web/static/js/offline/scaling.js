// @ts-check
/**
 * Makes a glyph from ink: scales it into the 20 px box, redraws very thin or thick strokes
 * and centres it by its centre of mass.  Follows normalise.py.
 *
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./planes.js").Floats} Floats
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {{start: number, weights: Float32Array}} Share  source pixels of a target pixel, and their weights
 */

import { dilateRound } from "./image-filters.js";
import { any, bytes, cutOut, floats, inkBox, largest, mapped, maskOf, padded, round } from "./planes.js";

export const GLYPH_SIDE = 28;
export const BOX_SIDE = 20;
/** The ink box ends at this fraction of the strongest ink. */
export const BOX_LEVEL = 0.1;
export const INK_LEVEL = BOX_LEVEL * 255;
const MNIST_LONGER_SIDES = [19, 20];
const MNIST_CENTRE = 14;
const MNIST_CENTRE_TOLERANCE = 0.55;
const MNIST_STRONGEST = 254;
/** Stroke widths in px of the 20 px box: the limits beyond which strokes are redrawn, and their new widths. */
const THIN_PX = 1.4;
const THICK_PX = 4;
const PEN_PX = [1.5, 3];
const REDRAWING_SIDE = 4 * BOX_SIDE;

/** Whether an image is already centred and scaled as in MNIST. @param {Bytes} ink */
export function isGlyph(ink) {
  if (ink.width !== GLYPH_SIDE || ink.height !== GLYPH_SIDE) return false;
  const { top, bottom, left, right } = inkBox(ink);
  if (!MNIST_LONGER_SIDES.includes(Math.max(bottom - top, right - left))) return false;
  return centreOfMass(ink).every((centre) => Math.abs(centre - MNIST_CENTRE) <= MNIST_CENTRE_TOLERANCE);
}

/** Stretch the levels of a pale glyph. @param {Bytes} ink @returns {Bytes} */
export function asStrongAsMnist(ink) {
  const strongest = largest(ink);
  if (strongest >= MNIST_STRONGEST) return ink;
  const factor = Math.fround(255 / strongest);
  return { ...ink, data: Uint8Array.from(mapped(ink, (value) => value * factor).data, round) };
}

/** Row and column of the centre of mass. @param {Bytes} ink @returns {[number, number]} */
function centreOfMass({ width, height, data }) {
  let total = 0;
  let row = 0;
  let column = 0;
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      total += data[i];
      row += data[i] * y;
      column += data[i] * x;
    }
  }
  return [row / total, column / total];
}

/** Scale so that the longer side has `side` px; keeps the aspect ratio, anti-aliased. @param {Floats} ink @param {number} [side] */
export function fit(ink, side = BOX_SIDE) {
  const scale = side / Math.max(ink.width, ink.height);
  return resample(ink, Math.max(1, round(ink.width * scale)), Math.max(1, round(ink.height * scale)));
}

/** @param {Plane} ink @param {number} width @param {number} height @returns {Floats} */
export function resample(ink, width, height) {
  const shorter = floats(ink.width, height);
  shares(ink.height, height).forEach(({ start, weights }, y) => {
    for (let x = 0; x < ink.width; x += 1) {
      let total = 0;
      for (let i = 0; i < weights.length; i += 1) total += weights[i] * ink.data[(start + i) * ink.width + x];
      shorter.data[y * ink.width + x] = total;
    }
  });
  const result = floats(width, height);
  shares(ink.width, width).forEach(({ start, weights }, x) => {
    for (let y = 0; y < height; y += 1) {
      let total = 0;
      for (let i = 0; i < weights.length; i += 1) total += weights[i] * shorter.data[y * ink.width + start + i];
      result.data[y * width + x] = total;
    }
  });
  return result;
}

/**
 * When shrinking, a target pixel is the mean of the area that it covers; when enlarging, it is interpolated.
 * @param {number} source @param {number} target
 * @returns {Share[]}
 */
function shares(source, target) {
  const scale = source / target;
  /** @type {(pixel: number, of: number) => number} */
  const weigh =
    scale > 1
      ? (pixel, of) => Math.min(pixel + 1, (of + 1) * scale) - Math.max(pixel, of * scale)
      : (pixel, of) => 1 - Math.abs(pixel + 0.5 - (of + 0.5) * scale);
  return Array.from({ length: target }, (_, of) => {
    const start = Math.max(0, Math.floor(of * scale - 1));
    const end = Math.min(source, Math.ceil((of + 1) * scale + 1));
    const raw = Array.from({ length: end - start }, (__, i) => Math.max(0, weigh(start + i, of)));
    const total = raw.reduce((a, b) => a + b, 0);
    return { start, weights: Float32Array.from(raw, (weight) => weight / total) };
  });
}

/** Put the centre of mass at pixel (14, 14) of a glyph, but keep the box inside. @param {Floats} ink */
function place(ink) {
  const factor = Math.fround(255 / largest(ink));
  const levels = bytes(ink.width, ink.height);
  for (let i = 0; i < levels.data.length; i += 1) levels.data[i] = round(Math.fround(ink.data[i] * factor));
  const [row, column] = centreOfMass(levels);
  const top = Math.min(Math.max(round(MNIST_CENTRE - row), 0), GLYPH_SIDE - levels.height);
  const left = Math.min(Math.max(round(MNIST_CENTRE - column), 0), GLYPH_SIDE - levels.width);
  const glyph = bytes(GLYPH_SIDE, GLYPH_SIDE);
  for (let y = 0; y < levels.height; y += 1) {
    const from = levels.data.subarray(y * levels.width, (y + 1) * levels.width);
    glyph.data.set(from, (top + y) * GLYPH_SIDE + left);
  }
  return glyph;
}

/** Make a glyph of ink cropped to its box; `plain` is it before very thin or thick strokes are redrawn. @param {Floats} ink */
export function centre(ink) {
  const plain = place(fit(ink));
  const width = strokeWidth(plain);
  return { plain, glyph: width < THIN_PX || width > THICK_PX ? place(fit(redraw(ink))) : plain };
}

/** Mean stroke width of a drawing in px: twice the area divided by the outline. @param {Plane} drawing */
export function strokeWidth(drawing) {
  const { width, height, data } = padded(drawing, 1);
  let area = 0;
  let outline = 0;
  for (let y = 0; y < height - 1; y += 1) {
    for (let x = 0; x < width - 1; x += 1) {
      const here = data[y * width + x];
      area += here;
      const down = data[(y + 1) * width + x] - here;
      const right = data[y * width + x + 1] - here;
      if (down !== 0 || right !== 0) outline += Math.sqrt(down * down + right * right);
    }
  }
  return outline === 0 ? 0 : (2 * area) / outline;
}

/** Redraw very thin or thick strokes with a width from PEN_PX; the result still needs scaling. @param {Floats} ink @returns {Floats} */
function redraw(ink) {
  const scale = REDRAWING_SIDE / BOX_SIDE;
  const coarse = fit(ink, REDRAWING_SIDE);
  const factor = Math.fround(255 / largest(coarse));
  const fine = mapped(coarse, (value) => value * factor);
  const width = strokeWidth(fine);
  const pen = width < PEN_PX[0] * scale ? PEN_PX[0] : PEN_PX[1];
  const radius = round((pen * scale - width) / 2);
  if (radius > 0) return dilateRound(padded(fine, radius), radius);
  const inverse = (/** @type {number} */ value) => 255 - value;
  const thinned = mapped(dilateRound(mapped(padded(fine, -radius), inverse), -radius), inverse);
  const mask = maskOf(thinned, INK_LEVEL);
  return any(mask) ? cutOut(thinned, inkBox(mask)) : fine;
}
