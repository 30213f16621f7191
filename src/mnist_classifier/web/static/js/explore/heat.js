// @ts-check
/**
 * Heat maps: evidence as colours over a glyph.
 *
 * @typedef {import("./api.js").Map28} Map28
 */

const SIDE_PX = 28;
const SHOWN_PX = 280;
/** Colours for and against the digit, which colour-blind people can tell apart. */
const FOR_RGB = [255, 149, 20];
const AGAINST_RGB = [60, 150, 255];
const STRONGEST_ALPHA = 0.85;
/** The glyph is dimmed, so that white ink does not hide the colours. */
const INK_ALPHA = 0.55;
/** Evidence below this, in nats, stays faint even if there is no stronger evidence. */
const LEAST_SCALE = 1;

/** The amount of evidence to show in full colour. @param {Map28[]} maps */
export function scaleOf(...maps) {
  return Math.max(LEAST_SCALE, ...maps.flat(2).map(Math.abs));
}

/** @param {Map28} map @param {number} scale @returns {Uint8ClampedArray} RGBA of 28 by 28 pixels */
export function heatPixels(map, scale) {
  const pixels = new Uint8ClampedArray(SIDE_PX * SIDE_PX * 4);
  map.flat().forEach((value, index) => {
    const [red, green, blue] = value >= 0 ? FOR_RGB : AGAINST_RGB;
    const alpha = Math.min(1, Math.abs(value) / scale) * STRONGEST_ALPHA * 255;
    pixels.set([red, green, blue, Math.round(alpha)], index * 4);
  });
  return pixels;
}

/** Where most of the evidence for the digit lies, in words. @param {Map28} map */
export function placeOf(map) {
  let total = 0;
  let down = 0;
  let right = 0;
  map.forEach((row, y) =>
    row.forEach((value, x) => {
      const weight = Math.max(0, value) ** 2;
      total += weight;
      down += weight * y;
      right += weight * x;
    }),
  );
  if (total === 0) return "nowhere";
  const third = (/** @type {number} */ at, /** @type {string[]} */ names) => names[Math.min(2, Math.floor((at / total / SIDE_PX) * 3))];
  const words = [third(down, ["top", "", "bottom"]), third(right, ["left", "", "right"])].filter((word) => word !== "");
  return words.length === 0 ? "in the middle" : `at the ${words.join(" ")}`;
}

/**
 * Draw a glyph with a heat map over it.
 * @param {HTMLCanvasElement} canvas
 * @param {string} glyph  data URL
 * @param {Map28} map
 * @param {number} scale
 */
export async function drawHeat(canvas, glyph, map, scale) {
  canvas.width = canvas.height = SHOWN_PX;
  const image = new Image();
  image.src = glyph;
  await image.decode();
  const small = document.createElement("canvas");
  small.width = small.height = SIDE_PX;
  const data = new ImageData(SIDE_PX, SIDE_PX);
  data.data.set(heatPixels(map, scale));
  small.getContext("2d")?.putImageData(data, 0, 0);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.imageSmoothingEnabled = false;
  context.globalAlpha = INK_ALPHA;
  context.drawImage(image, 0, 0, SHOWN_PX, SHOWN_PX);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = 1;
  context.drawImage(small, 0, 0, SHOWN_PX, SHOWN_PX);
}
