// @ts-check
/**
 * Draws maps and grids of numbers on canvases.  All are on the dark board in both themes, as the pad is.
 *
 * @typedef {import("../offline/network.js").Features} Features
 * @typedef {{left: number, top: number, side: number}} Square
 */

import { short } from "./story-numbers.js";

/** As --board in style.css. */
export const BOARD = "#0c0e12";
/** Colours of positive and negative numbers, which colour-blind people can tell apart; as in explore/heat.js. */
export const PLUS_RGB = [255, 149, 20];
export const MINUS_RGB = [60, 150, 255];
export const MARK = "#ffd166";
/** Dark cells take white digits. */
const BRIGHT = 140;
/** A grid with more numbers in a row shows colours only. */
const MOST_NUMBERS = 6;

/** Lifts faint values, so that they can be seen on a projector. @param {number} share  0 to 1 */
export const shade = (share) => Math.sqrt(Math.min(1, Math.max(0, share)));

/** A canvas of so many CSS pixels, sharp on any screen. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = BOARD;
  context.fillRect(0, 0, width, height);
  return context;
}

/** The same, and shown in just this size where there is room. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
export function fixed(canvas, width, height) {
  canvas.style.width = `${width}px`;
  return sized(canvas, width, height);
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser gives no 2d canvas");
  return context;
}

/**
 * Fill a canvas with grey pixels, one canvas pixel each.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 * @param {(x: number, y: number) => number} level  0 to 255
 */
export function fillGrey(canvas, width, height, level) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pixels = new Uint32Array(width * height);
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) pixels[i] = 0xff000000 | (0x010101 * Math.round(level(x, y)));
  }
  contextOf(canvas).putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}

/** Fill a canvas with channels side by side: black for 0 and less, white for the scale. @param {HTMLCanvasElement} canvas @param {Features} features @param {number[]} channels @param {number} scale */
export function fillStrip(canvas, { side, channels: count, data }, channels, scale) {
  fillGrey(canvas, side * channels.length, side, (x, y) => 255 * shade(data[(y * side + (x % side)) * count + channels[Math.floor(x / side)]] / scale));
}

/** Draw one channel of a strip, enlarged without smoothing. @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement} strip @param {number} index @param {number} x @param {number} y @param {number} width @param {number} [height] */
export function drawFromStrip(context, strip, index, x, y, width, height = width) {
  const side = strip.height;
  context.imageSmoothingEnabled = side > width;
  context.drawImage(strip, index * side, 0, side, side, x, y, width, height);
}

/** Outline a rectangle so that it shows on black and on white. @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} width @param {number} [height] */
export function outline(context, x, y, width, height = width) {
  for (const [colour, line] of /** @type {const} */ ([["#000", 5], [MARK, 3]])) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x, y, width, height);
  }
}

/** Draw a number on its colour. @param {CanvasRenderingContext2D} context @param {number} value @param {number[]} rgb @param {number} x @param {number} y @param {number} width @param {number} [height] */
export function drawNumber(context, value, rgb, x, y, width, height = width) {
  context.fillStyle = `rgb(${rgb.join()})`;
  context.fillRect(x, y, width, height);
  context.fillStyle = luminance(rgb) > BRIGHT ? "#000" : "#fff";
  context.font = `600 ${Math.min(20, width * 0.3)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(short(value), x + width / 2, y + height / 2 + 1);
}

/**
 * Draw a square grid of numbers: orange above 0, blue below; or grey, as a map is.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} values
 * @param {{shown: number, scale: number, isGrey?: boolean}} how  shown: CSS pixels of the side; scale: the number in full colour
 */
export function drawGrid(canvas, values, { shown, scale, isGrey = false }) {
  const context = fixed(canvas, shown, shown);
  const side = Math.round(Math.sqrt(values.length));
  const cell = shown / side;
  for (let i = 0; i < values.length; i += 1) {
    const [x, y] = [(i % side) * cell, Math.floor(i / side) * cell];
    const rgb = isGrey ? grey(values[i], scale) : signed(values[i], scale);
    context.fillStyle = `rgb(${rgb.join()})`;
    if (side > MOST_NUMBERS) context.fillRect(x, y, cell, cell);
    else drawNumber(context, values[i], rgb, x, y, cell - 1);
  }
  return context;
}

/** Black for 0 and less. @param {number} value @param {number} scale */
export function grey(value, scale) {
  const level = Math.round(255 * shade(value / scale));
  return [level, level, level];
}

/** The board's black at 0. @param {number} value @param {number} scale */
export function signed(value, scale) {
  const strength = shade(Math.abs(value) / scale);
  return (value >= 0 ? PLUS_RGB : MINUS_RGB).map((full) => Math.round(12 + strength * (full - 12)));
}

/** @param {number[]} rgb */
const luminance = ([red, green, blue]) => 0.3 * red + 0.59 * green + 0.11 * blue;
