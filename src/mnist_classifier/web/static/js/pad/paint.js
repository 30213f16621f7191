// @ts-check
/**
 * Loads pictures, and paints them and strokes on a canvas.
 *
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

import { placement } from "./number.js";
import { SIDE, trace } from "./strokes.js";

/** Pictures up to this size are enlarged without smoothing. */
const PIXELATED_UP_TO_PX = 64;
/** Width to height of the pad with a picture. */
const [MIN_RATIO, MAX_RATIO] = [0.6, 3.5];

/** @param {string} url @returns {Promise<HTMLImageElement>} */
export async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** @param {HTMLCanvasElement} canvas */
export function context2d(canvas) {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser gives no 2d canvas");
  return context;
}

/** @param {CanvasRenderingContext2D} context @param {readonly Stroke[]} strokes @param {string} ink */
export function paint(context, strokes, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const { points, width } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    if (points.length === 1) {
      context.arc(points[0].x, points[0].y, width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    for (const [kind, x, y, toX = 0, toY = 0] of trace(points)) {
      if (kind === "M") context.moveTo(x, y);
      else if (kind === "L") context.lineTo(x, y);
      else context.quadraticCurveTo(x, y, toX, toY);
    }
    context.stroke();
  }
}

/**
 * Paint a picture in the middle of the pad, as large as possible.
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement} picture
 * @param {number} padWidth
 */
export function paintPicture(context, picture, padWidth) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const { x, y, scale } = placement(width, height, padWidth, SIDE);
  context.imageSmoothingEnabled = Math.max(width, height) > PIXELATED_UP_TO_PX;
  context.drawImage(picture, x, y, width * scale, height * scale);
}

/** Width of the pad for a picture, in units. @param {HTMLImageElement} picture */
export function widthFor({ naturalWidth, naturalHeight }) {
  return Math.min(MAX_RATIO, Math.max(MIN_RATIO, naturalWidth / Math.max(1, naturalHeight))) * SIDE;
}

/** @param {CanvasRenderingContext2D} context @param {Point} point @param {number} radius @param {boolean} isDown */
export function paintCursor(context, point, radius, isDown) {
  context.beginPath();
  context.arc(point.x, point.y, radius, 0, 2 * Math.PI);
  context.lineWidth = 2;
  context.strokeStyle = isDown ? "#5b8cff" : "#9aa3b2";
  context.stroke();
}

/** Canvases for the PNG by width, kept because making one takes as long as filling it. @type {Map<number, CanvasRenderingContext2D>} */
const bitmaps = new Map();

/** @param {number} width */
function bitmapContext(width) {
  const known = bitmaps.get(width);
  if (known !== undefined) return known;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = SIDE;
  // Keep the pixels in main memory, because reading them from a graphics card at each stroke is slow. Without alpha,
  // the PNG is quicker to make and to decode.
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2d canvas");
  bitmaps.set(width, context);
  return context;
}

/**
 * A drawing as an opaque PNG, SIDE pixels high, white on black.
 * @param {readonly Stroke[]} strokes
 * @param {number} width
 */
export function bitmapOf(strokes, width) {
  return bitmap(strokes, width).canvas.toDataURL("image/png");
}

/** The pixels of that PNG. @param {readonly Stroke[]} strokes @param {number} width */
export function pixelsOf(strokes, width) {
  return bitmap(strokes, width).getImageData(0, 0, width, SIDE);
}

/** @param {readonly Stroke[]} strokes @param {number} width */
function bitmap(strokes, width) {
  const context = bitmapContext(width);
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, SIDE);
  paint(context, strokes, "#fff");
  return context;
}
