// @ts-check
/**
 * Pixels -> ink: alpha, colour, polarity.  Follows colour.py and background.py, number for number.
 *
 * @typedef {import("./planes.js").Bytes} Bytes
 * @typedef {{width: number, height: number, data: Uint8ClampedArray | Uint8Array}} Picture  RGBA, as ImageData has it
 */

import { borderPlaces, bytes, largest, median, round } from "./planes.js";

/** A difference of so many levels (of 255, before stretching) from the background is not noise. */
const MIN_CONTRAST = 40;
const FAINT_CONTRAST = 8;
/** A colour channel replaces luminance if it shows so many times more ink. */
const CHANNEL_GAIN = 1.5;

/**
 * Put transparent pixels on white, or on black if the ink is light.  Returns luminance and, for colour pictures, red, green and blue.
 * @param {Picture} picture
 * @returns {Bytes[]}
 */
export function channelsOf({ width, height, data }) {
  const plain = opaqueGrey({ width, height, data });
  if (plain !== null) return [plain];
  const background = backgroundOf(data);
  const [grey, red, green, blue] = [0, 1, 2, 3].map(() => bytes(width, height));
  let isColoured = false;
  for (let pixel = 0, i = 0; i < data.length; pixel += 1, i += 4) {
    const alpha = data[i + 3];
    const r = laidOn(background, data[i], alpha);
    const g = laidOn(background, data[i + 1], alpha);
    const b = laidOn(background, data[i + 2], alpha);
    red.data[pixel] = r;
    green.data[pixel] = g;
    blue.data[pixel] = b;
    grey.data[pixel] = luminance(r, g, b);
    isColoured ||= r !== g || g !== b;
  }
  return isColoured ? [grey, red, green, blue] : [grey];
}

/** The grey levels of a picture without colour and alpha, such as a drawing; null for others. @param {Picture} picture @returns {Bytes | null} */
function opaqueGrey({ width, height, data }) {
  const grey = bytes(width, height);
  for (let pixel = 0, i = 0; i < data.length; pixel += 1, i += 4) {
    if (data[i] !== data[i + 1] || data[i + 1] !== data[i + 2] || data[i + 3] !== 255) return null;
    grey.data[pixel] = data[i];
  }
  return grey;
}

/** @param {Picture["data"]} data */
function backgroundOf(data) {
  let weight = 0;
  let light = 0;
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3] / 255;
    weight += alpha;
    light += luminance(data[i], data[i + 1], data[i + 2]) * alpha;
  }
  return weight === 0 || light / weight < 128 ? 255 : 0;
}

/** @param {number} background @param {number} level @param {number} alpha  0 to 255 */
function laidOn(background, level, alpha) {
  if (alpha === 255) return level;
  return round(Math.fround(background + Math.fround((level - background) * Math.fround(alpha / 255))));
}

/** Source: ITU-R 601-2, in the integers that Pillow uses. @param {number} red @param {number} green @param {number} blue */
function luminance(red, green, blue) {
  return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
}

/** Luminance, or the colour channel in which the ink is much clearer. @param {readonly Bytes[]} channels */
export function pickChannel(channels) {
  if (channels.length === 1) return channels[0];
  const amounts = channels.map(amountOfInk);
  const best = amounts.indexOf(Math.max(...amounts));
  return amounts[best] > CHANNEL_GAIN * amounts[0] ? channels[best] : channels[0];
}

/** The amount of ink: sum of the differences from the background. @param {Bytes} grey */
function amountOfInk(grey) {
  const background = median(borderOf(grey));
  let amount = 0;
  for (let i = 0; i < grey.data.length; i += 1) {
    const away = Math.abs(grey.data[i] - background);
    if (away >= MIN_CONTRAST) amount += away;
  }
  return amount;
}

/** The pixels along the edge of a picture. @param {Bytes} grey */
export function borderOf(grey) {
  return Uint8Array.from(borderPlaces(grey), (place) => grey.data[place]);
}

/**
 * Difference from the background in the direction of the ink; null if nothing stands out.
 * @param {Bytes} grey
 * @returns {Bytes | null}
 */
export function findInk(grey) {
  const border = borderOf(grey);
  const background = Math.trunc(median(border));
  let lighter = 0;
  let darker = 0;
  let contrast = 0;
  for (let i = 0; i < grey.data.length; i += 1) {
    const away = grey.data[i] - background;
    contrast = Math.max(contrast, Math.abs(away));
    if (away > 0) lighter += away;
    else darker -= away;
  }
  const isFaint = contrast < MIN_CONTRAST;
  if (isFaint && (contrast < FAINT_CONTRAST || shareNear(border, background) <= 0.98 || shareNear(grey.data, background) <= 0.5)) return null;
  if (isFaint && shareNear(grey.data, background, FAINT_CONTRAST - 1) > 0.998) return null;
  const sign = lighter >= darker ? 1 : -1;
  const ink = bytes(grey.width, grey.height);
  for (let i = 0; i < ink.data.length; i += 1) ink.data[i] = Math.max(0, sign * (grey.data[i] - background));
  return largest(ink) >= (isFaint ? FAINT_CONTRAST : MIN_CONTRAST) ? ink : null;
}

/** The share of levels that differ from one by at most `distance`. @param {Uint8Array} levels @param {number} level */
function shareNear(levels, level, distance = 1) {
  return levels.filter((each) => Math.abs(each - level) <= distance).length / levels.length;
}

/**
 * Scale a picture down by averaging blocks of pixels, weighted by alpha as in Pillow.
 * @param {Picture} picture @param {number} factor
 * @returns {Picture}
 */
export function reduced({ width, height, data }, factor) {
  const across = Math.ceil(width / factor);
  const down = Math.ceil(height / factor);
  const sums = new Float64Array(across * down * 4);
  const counts = new Float64Array(across * down);
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 4) {
      const block = Math.floor(y / factor) * across + Math.floor(x / factor);
      for (let channel = 0; channel < 3; channel += 1) sums[4 * block + channel] += data[i + channel] * data[i + 3];
      sums[4 * block + 3] += data[i + 3];
      counts[block] += 1;
    }
  }
  const result = new Uint8ClampedArray(across * down * 4);
  for (let i = 0; i < result.length; i += 4) {
    const alpha = sums[i + 3];
    for (let channel = 0; channel < 3; channel += 1) result[i + channel] = alpha === 0 ? 0 : Math.floor(sums[i + channel] / alpha + 0.5);
    result[i + 3] = Math.floor(alpha / counts[i / 4] + 0.5);
  }
  return { width: across, height: down, data: result };
}
