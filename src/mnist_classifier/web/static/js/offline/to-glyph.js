// @ts-check
/**
 * Pixels -> glyph. Follows preprocess.py, ink.py, background.py and cautions.py in recognition/imaging, with the same constants.
 * tests/web/offline/test_export.py compares the two.
 *
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./planes.js").Floats} Floats
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {import("./planes.js").Box} Box
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {import("../shared/api-types.js").Caution} Caution
 * @typedef {{name: string, picture: Plane}} Step
 * @typedef {{glyph: Bytes | null, warnings: Caution[], steps: Step[]}} Prepared
 * @typedef {{ink: Floats, box: Box, contrast: number}} Drawn  contrast under 1 is low
 */

import { digitParts, label, partsOf } from "./connected-components.js";
import { dilate } from "./image-filters.js";
import { readPhotograph, toInk } from "./flatten-photograph.js";
import { abovePattern } from "./patterned.js";
import { borderOf, channelsOf, findInk, pickChannel } from "./pixels.js";
import { any, bytes, cutOut, inkBox, largest, mapped, maskOf, median, round } from "./planes.js";
import { BOX_LEVEL, BOX_SIDE, INK_LEVEL, asStrongAsMnist, centre, isGlyph, resample, strokeWidth } from "./scaling.js";

const PLAIN_LEVELS = 3;
const PLAIN_SHARE = 0.5;
const PLAIN_EDGE_SHARE = 0.9;
const LEAST_PLAIN_SHARE = 0.25;
const SMALL_PLAIN_EDGE_SHARE = 0.7;
const MOST_PLACES = 3;
const TWO_LEVELS_SHARE = 0.9;
const MAIN_SHARE = 0.85;
const MOST_MEETINGS = 6;
const LEAST_RULE_SHARE = 0.6;
const MIN_PHOTOGRAPH_PX = 64;
const ENLARGED_PX = 140;
const MOST_ENLARGED_PX = 1024;
const MIN_PART_OF_PHOTOGRAPH = 0.03;
export const LOW_CONTRAST = 80;
export const LOW_DENSITY = 0.4;
const VERY_THIN_PX = 1.1;
const VERY_THICK_PX = 4.5;

/** Centre a drawn or photographed digit as MNIST does; the glyph is null if nothing is drawn. @param {Picture} picture @returns {Prepared} */
export function prepare(picture) {
  const channels = channelsOf(picture);
  const grey = pickChannel(channels);
  const ink = findInk(grey);
  /** @type {Step[]} */
  const steps = [{ name: "grey", picture: grey }];
  if (ink !== null && isGlyph(ink)) {
    const glyph = asStrongAsMnist(ink);
    return { glyph, warnings: strokeWarnings(glyph), steps: [...steps, { name: "glyph", picture: glyph }] };
  }
  const isPhotograph = needsFlattening(grey, ink) && !(ink !== null && fillsPicture(grey, ink));
  const drawn = isPhotograph ? photographed(channels[0], steps) : cleanDrawing(ink, steps);
  if (drawn === null) return { glyph: null, warnings: [], steps };
  const { plain, glyph } = centre(cutOut(drawn.ink, drawn.box));
  steps.push({ name: "glyph", picture: glyph });
  return { glyph, warnings: [...pictureWarnings(drawn), ...strokeWarnings(plain)], steps };
}

/** @param {Plane} ink */
const boxOf = (ink) => inkBox(maskOf(ink, INK_LEVEL));

/** Ink on a plain background. @param {Bytes | null} ink @param {Step[]} steps @returns {Drawn | null} */
function cleanDrawing(ink, steps) {
  if (ink === null) return null;
  const most = largest(ink);
  const factor = Math.fround(255 / most);
  const stretched = mapped(ink, (value) => value * factor);
  const box = boxOf(stretched);
  const contrast = most / LOW_CONTRAST;
  steps.push({ name: "ink", picture: stretched });
  const cleaned = withoutSpecks(stretched, box);
  if (cleaned === null) return { ink: stretched, box, contrast };
  steps.push({ name: "digit", picture: cleaned });
  return { ink: cleaned, box: boxOf(cleaned), contrast };
}

/** Ink on paper, in uneven light. @param {Bytes} grey @param {Step[]} steps @returns {Drawn | null} */
function photographed(grey, steps) {
  const found = readPhotograph(enlarge(grey), Math.min(grey.width, grey.height) < ENLARGED_PX);
  if (found === null) return null;
  const photograph = abovePattern(found);
  const show = (/** @type {string} */ name, /** @type {Floats} */ density) =>
    steps.push({ name, picture: mapped(density, (value) => (value * 255) / photograph.typical) });
  steps.push({ name: "background", picture: photograph.background });
  show("ink", photograph.withLines);
  show("without_lines", photograph.density);
  const kept = digitParts(photograph.mask, photograph.density, { dropEdges: true });
  const { top, bottom, left, right } = inkBox(kept);
  if (Math.max(bottom - top, right - left) < MIN_PART_OF_PHOTOGRAPH * Math.max(kept.width, kept.height)) return null;
  const ink = toInk(photograph, kept);
  steps.push({ name: "digit", picture: ink });
  return { ink, box: boxOf(ink), contrast: photograph.typical / LOW_DENSITY };
}

/** The ink without distant specks; null if there are none. @param {Floats} ink @param {Box} box @returns {Floats | null} */
function withoutSpecks(ink, box) {
  const mask = maskOf(ink, INK_LEVEL);
  if (isFilled(mask, box)) return null;
  const kept = digitParts(mask, ink);
  const specks = bytes(mask.width, mask.height);
  for (let i = 0; i < specks.data.length; i += 1) specks.data[i] = mask.data[i] & ~kept.data[i] & 1;
  if (!any(specks)) return null;
  const near = dilate(specks, 5);
  const cleaned = mapped(ink, (value) => value);
  for (let i = 0; i < cleaned.data.length; i += 1) if (near.data[i] === 1 && kept.data[i] !== 1) cleaned.data[i] = 0;
  return cleaned;
}

/** Whether every row and column of a box has ink; a distant speck would leave some empty. @param {Bytes} mask @param {Box} box */
function isFilled({ width, data }, { top, bottom, left, right }) {
  const rows = new Uint8Array(bottom - top);
  const columns = new Uint8Array(right - left);
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      if (data[y * width + x] === 0) continue;
      rows[y - top] = 1;
      columns[x - left] = 1;
    }
  }
  return !rows.includes(0) && !columns.includes(0);
}

/** Whether a picture is a photograph, with shadows or lines, rather than a drawing on a plain background. @param {Bytes} grey @param {Bytes | null} ink */
export function needsFlattening(grey, ink) {
  const { width, height, data } = grey;
  const border = borderOf(grey);
  const background = Math.trunc(median(border));
  const down = Math.max(1, Math.floor(height / 64));
  const right = Math.max(1, Math.floor(width / 64));
  let plain = 0;
  let count = 0;
  for (let y = 0; y < height; y += down) {
    for (let x = 0; x < width; x += right, count += 1) {
      if (Math.abs(data[y * width + x] - background) <= PLAIN_LEVELS) plain += 1;
    }
  }
  const edge = Array.from(border, (level) => Math.abs(level - background) <= 2 * PLAIN_LEVELS);
  const share = plain / count;
  const edgeShare = edge.filter(Boolean).length / edge.length;
  const isSmall = Math.min(width, height) < MIN_PHOTOGRAPH_PX;
  if (share < PLAIN_SHARE || edgeShare < PLAIN_EDGE_SHARE) {
    const leastEdge = isSmall ? SMALL_PLAIN_EDGE_SHARE : PLAIN_EDGE_SHARE;
    const places = edge.filter((isPlain, i) => isPlain && !edge.at(i - 1)).length;
    if (share < LEAST_PLAIN_SHARE || edgeShare < leastEdge || places > MOST_PLACES) return true;
  }
  if (isSmall) return false;
  if (ink === null) return plain < count;
  return touchesOppositeEdges(maskOf(ink, largest(ink) * BOX_LEVEL));
}

/** Whether a drawing in two levels shows one digit from the top edge to the bottom edge. @param {Bytes} grey @param {Bytes} ink */
function fillsPicture(grey, ink) {
  const { width, height } = grey;
  if (Math.min(width, height) < MIN_PHOTOGRAPH_PX || !hasTwoLevels(grey)) return false;
  const mask = maskOf(ink, largest(ink) * BOX_LEVEL);
  const border = borderOf(mask);
  if (border.filter((value, i) => value === 1 && border.at(i - 1) === 0).length > MOST_MEETINGS) return false;
  const { labels, count } = label(mask);
  const top = new Set(labels.subarray(0, width));
  const bottom = new Set(labels.subarray((height - 1) * width));
  if (Math.max(...top) === 0 || Math.max(...bottom) === 0) return false;
  if (![...top].some((each) => each > 0 && bottom.has(each))) {
    const covered = [mask.data.subarray(0, width), mask.data.subarray((height - 1) * width)].map((row) => row.filter(Boolean).length);
    return Math.max(...covered) < LEAST_RULE_SHARE * width;
  }
  const masses = partsOf(labels, count, ink).map(({ mass }) => mass);
  return Math.max(...masses) >= MAIN_SHARE * masses.reduce((sum, mass) => sum + mass, 0);
}

/** Whether nearly all pixels have the level of the background, or the one farthest from it. @param {Bytes} grey */
function hasTwoLevels({ width, height, data }) {
  const background = Math.trunc(median(borderOf({ width, height, data })));
  const down = Math.max(1, Math.floor(height / 64));
  const right = Math.max(1, Math.floor(width / 64));
  const sample = [];
  for (let y = 0; y < height; y += down) for (let x = 0; x < width; x += right) sample.push(data[y * width + x]);
  const darkest = Math.min(...sample);
  const lightest = Math.max(...sample);
  const strongest = background - darkest > lightest - background ? darkest : lightest;
  const plain = sample.filter((level) => Math.abs(level - background) <= PLAIN_LEVELS).length;
  const either = sample.filter((level) => Math.min(Math.abs(level - background), Math.abs(level - strongest)) <= PLAIN_LEVELS).length;
  return either >= TWO_LEVELS_SHARE * sample.length && plain >= PLAIN_SHARE * sample.length;
}

/** Whether ink meets two opposite edges. @param {Bytes} mask */
function touchesOppositeEdges({ width, height, data }) {
  const has = (/** @type {number} */ start, /** @type {number} */ step, /** @type {number} */ count) =>
    Array.from({ length: count }, (_, i) => data[start + i * step]).includes(1);
  const across = has(0, width, height) && has(width - 1, width, height);
  return across || (has(0, 1, width) && has((height - 1) * width, 1, width));
}

/** Enlarge a small picture by interpolation, unless it would become huge. @param {Bytes} grey @returns {Bytes} */
export function enlarge(grey) {
  const { width, height } = grey;
  const least = Math.min(width, height);
  if (least >= ENLARGED_PX) return grey;
  const factor = Math.min(Math.ceil(ENLARGED_PX / least), Math.max(1, Math.floor(MOST_ENLARGED_PX / Math.max(width, height))));
  const large = resample(grey, width * factor, height * factor);
  return { width: large.width, height: large.height, data: Uint8Array.from(large.data, round) };
}

/** Warnings about the strokes of a glyph. @param {Bytes} glyph @returns {Caution[]} */
function strokeWarnings(glyph) {
  const width = strokeWidth(glyph);
  if (width < VERY_THIN_PX) return [{ code: "very_thin", message: "the strokes are very thin for the size of the digit" }];
  if (width > VERY_THICK_PX) return [{ code: "very_thick", message: "the strokes are very thick for the size of the digit" }];
  return [];
}

/** Warnings about the position and contrast of the ink. @param {Drawn} drawn */
function pictureWarnings({ ink, box: { top, bottom, left, right }, contrast }) {
  /** @type {Caution[]} */
  const found = [];
  if (top === 0 || left === 0 || bottom === ink.height || right === ink.width) {
    found.push({ code: "touches_edge", message: "the ink touches the edge of the picture: a part may be missing" });
  }
  if (Math.max(bottom - top, right - left) < BOX_SIDE) {
    found.push({ code: "small", message: `the digit is small: ${right - left} by ${bottom - top} pixels` });
  }
  return [...found, ...contrastWarnings(contrast)];
}

/** Warn of faint ink. @param {number} contrast  under 1 is low @returns {Caution[]} */
export function contrastWarnings(contrast) {
  return contrast < 1 ? [{ code: "low_contrast", message: "the ink is hardly different from the background" }] : [];
}
