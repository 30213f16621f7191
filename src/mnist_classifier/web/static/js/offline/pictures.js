// @ts-check
/**
 * Converts pictures between the browser's form and the recogniser's.
 *
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./pixels.js").Picture} Picture
 */

import { reduced } from "./pixels.js";

/** Larger pictures are scaled down to this first, as on the server. */
const WORKING_SIDE_PX = 1024;

/** The pixels of a picture; scale: px of the picture for each of them. @param {string} url @returns {Promise<Picture & {scale: number}>} */
export async function pixelsOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const context = contextOf(width, height);
  context.drawImage(image, 0, 0);
  const picture = context.getImageData(0, 0, width, height);
  const factor = Math.ceil(Math.max(width, height) / WORKING_SIDE_PX);
  const { width: across, height: down, data } = factor > 1 ? reduced(picture, factor) : picture;
  return { width: across, height: down, data, scale: factor };
}

/** A plane of values from 0 to 255 as a grey picture. @param {Plane} plane */
export function toDataUrl({ width, height, data }) {
  const context = contextOf(width, height);
  const image = context.createImageData(width, height);
  for (let i = 0; i < data.length; i += 1) {
    image.data.fill(Math.max(0, Math.min(255, Math.round(data[i]))), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return context.canvas.toDataURL("image/png");
}

/** @param {number} width @param {number} height */
function contextOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2d canvas");
  return context;
}
