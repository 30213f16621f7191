// @ts-check
/** Saves the drawing or picture on the pad as the PNG that the network reads. */

import { context2d } from "../pad/paint.js";
import { saveUrl } from "./save.js";
import { showToast } from "./toast.js";

/** @param {import("../pad/pad.js").Pad} pad */
export function saveDrawing(pad) {
  if (pad.isEmpty) return showToast("download", "There is nothing to save yet. Draw something first.", "info");
  saveUrl(pad.backdrop === null ? pad.toDataUrl() : pngOf(pad.backdrop.picture), fileName(new Date()));
}

/** A name such as "drawing-20261122-190500.png", in local time. @param {Date} now @param {string} [what] */
export function fileName(now, what = "drawing") {
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${what}-${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}.png`;
}

/** @param {HTMLImageElement} picture */
function pngOf(picture) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  context2d(canvas).drawImage(picture, 0, 0);
  return canvas.toDataURL("image/png");
}
