// @ts-check
/** Reduce a photograph before it is sent: the server reads no more than this. */

import { context2d } from "../pad/paint.js";

/** As SHEET_SIDE_PX in learning/sheet.py. */
const SIDE_PX = 2048;
const QUALITY = 0.92;

/**
 * The picture in a file, upright, as a data URL.  Rejects if the browser cannot read it.
 * @param {Blob} file @returns {Promise<string>}
 */
export async function reduced(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, SIDE_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = context2d(canvas);
  // A transparent scan is on white paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.toDataURL("image/jpeg", QUALITY);
}
