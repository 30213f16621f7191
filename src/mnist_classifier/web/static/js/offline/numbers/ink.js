// @ts-check
/**
 * The ink of a number in a picture.  Follows looks.py; frames, circles, underlines and sheets are left to the server.
 *
 * @typedef {import("../planes.js").Floats} Floats
 * @typedef {import("../planes.js").Bytes} Bytes
 * @typedef {import("../planes.js").Plane} Plane
 * @typedef {import("../pixels.js").Picture} Picture
 * @typedef {import("../../shared/api-types.js").Caution} Caution
 * @typedef {{ink: Floats, scale: number, warnings: Caution[]}} NumberInk  ink: 0 to 1.  scale: px of the picture per px of the ink
 * @typedef {{levels: Plane, dark: Bytes, contrast: number}} Levels  dark: pixels at least half as dark as the ink
 */

import { label, numberParts, partsOf } from "../connected-components.js";
import { readPhotograph, toInk } from "../flatten-photograph.js";
import { channelsOf, findInk, pickChannel } from "../pixels.js";
import { any, borderPlaces, floats, largest, mapped, maskOf } from "../planes.js";
import { BOX_LEVEL } from "../scaling.js";
import { LOW_CONTRAST, LOW_DENSITY, contrastWarnings, enlarge, needsFlattening } from "../to-glyph.js";
import { medianHeight, runWidth } from "./segmentation.js";

/** Larger digits are reduced to this height, unless their strokes would become thinner, in px. */
const READ_PX = 50;
const READ_STROKE_PX = 2.5;
/** The border cuts ink that it meets with such a length, in stroke widths. */
const LEAST_MEETING = 0.8;
const MOST_MEETING = 8;
/** @type {Caution} */
const CUT_OFF = { code: "cut_off", message: "the border of the picture cuts through a digit; photograph the whole number" };

/** Find the ink of a number; null if nothing is drawn. @param {Picture} picture @param {boolean} isDrawing  from the pad @returns {NumberInk | null} */
export function findNumberInk(picture, isDrawing) {
  const channels = channelsOf(picture);
  const grey = pickChannel(channels);
  const plain = findInk(grey);
  const found = !isDrawing && needsFlattening(grey, plain) ? photographed(channels[0]) : drawn(plain);
  if (found === null) return null;
  const most = largest(found.levels);
  const ink = mapped(found.levels, (level) => level / most);
  const mask = maskOf(ink, BOX_LEVEL);
  const { labels, count } = label(mask);
  const parts = partsOf(labels, count, ink).map(({ mass, box }) => ({ height: box.bottom - box.top, mass }));
  const strokePx = runWidth(mask);
  const factor = Math.max(1, Math.floor(Math.min(medianHeight(parts) / READ_PX, strokePx / READ_STROKE_PX)));
  const warnings = contrastWarnings(found.contrast);
  if (isCutOff(found.dark, strokePx)) warnings.push(CUT_OFF);
  return { ink: reduced(ink, factor), scale: (factor * grey.width) / ink.width, warnings };
}

/** @param {Bytes | null} ink @returns {Levels | null} */
function drawn(ink) {
  if (ink === null) return null;
  return { levels: ink, dark: maskOf(ink, largest(ink) / 2), contrast: largest(ink) / LOW_CONTRAST };
}

/** @param {Bytes} grey @returns {Levels | null} */
function photographed(grey) {
  const found = readPhotograph(enlarge(grey), false);
  if (found === null) return null;
  const { density, typical, mask } = found;
  const levels = toInk(found, numberParts(mask, density));
  return any(maskOf(levels, 1)) ? { levels, dark: maskOf(density, typical / 2), contrast: typical / LOW_DENSITY } : null;
}

/** Whether the border of a picture cuts through a stroke. @param {Bytes} dark @param {number} strokePx */
function isCutOff(dark, strokePx) {
  const runs = borderPlaces(dark).map((place) => dark.data[place]).join("").match(/1+/g) ?? [];
  return runs.some(({ length }) => length >= LEAST_MEETING * strokePx && length <= MOST_MEETING * strokePx);
}

/** Average blocks of pixels, and stretch to 1 again. @param {Floats} ink @param {number} factor @returns {Floats} */
function reduced(ink, factor) {
  if (factor === 1) return ink;
  const small = floats(Math.ceil(ink.width / factor), Math.ceil(ink.height / factor));
  for (let y = 0, i = 0; y < ink.height; y += 1) {
    for (let x = 0; x < ink.width; x += 1, i += 1) small.data[Math.floor(y / factor) * small.width + Math.floor(x / factor)] += ink.data[i];
  }
  const most = largest(small);
  return mapped(small, (total) => total / most);
}
