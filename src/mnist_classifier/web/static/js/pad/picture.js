// @ts-check
/**
 * Prepares picture files for the server: converts formats that only the browser
 * can open, and scales down pictures that are larger than a reading needs.
 *
 * @typedef {{file: File, picture: HTMLImageElement | null, scale: number}} Ready
 *   picture: the file as an image; null if this browser cannot show it
 *   scale: pixels of the original per pixel of the picture
 */

import { fileSize } from "../shared/format.js";
import { load } from "./paint.js";

/** The server scales pictures down to 1,024 px, so twice that loses nothing. */
const MAX_SIDE_PX = 2048;
/** Less than the server accepts (10 MB), and quick to send. */
const MAX_BYTES = 4_000_000;
/** The largest file that the server accepts by default. */
const SERVER_BYTES = 10_000_000;
/** Formats that the server can read. */
const SERVER_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];
const JPEG_QUALITY = 0.92;

/** A file that cannot be sent; the message is for the user. */
class PictureError extends Error {
  name = "PictureError";
}

/** Whether a file is HEIC, the format of iPhones. @param {{name: string, type: string}} file */
export function isHeic({ name, type }) {
  return /^image\/hei[cf]/.test(type) || /\.(heic|heif)$/i.test(name);
}

/** Whether to convert or scale down a file. @param {{type: string, size: number}} file @param {number} side_px */
export function needsRedrawing({ type, size }, side_px) {
  return !SERVER_TYPES.includes(type) || size > MAX_BYTES || side_px > MAX_SIDE_PX;
}

/**
 * Why a file that this browser cannot open is not sent; null to let the server decide.
 * @param {{name: string, type: string, size: number}} file
 */
export function refusal(file) {
  const name = file.name || "The picture";
  if (isHeic(file)) {
    return `This browser cannot open ${name}, because it is a HEIC file. Save it as JPEG and try again.`;
  }
  if (file.size > SERVER_BYTES) return `${name} is too large (${fileSize(file.size)}). Save a smaller copy and try again.`;
  if (file.size === 0) return `${name} is empty.`;
  return null;
}

/** @param {File} file @returns {Promise<Ready>} */
export async function makeReady(file) {
  const picture = await open(file);
  if (picture === null) {
    const reason = refusal(file);
    if (reason !== null) throw new PictureError(reason);
    return { file, picture, scale: 1 };
  }
  if (!needsRedrawing(file, Math.max(picture.naturalWidth, picture.naturalHeight))) return { file, picture, scale: 1 };
  const smaller = await redraw(picture, file);
  const shown = await open(smaller);
  return { file: smaller, picture: shown, scale: shown === null ? 1 : picture.naturalWidth / shown.naturalWidth };
}

/** @param {HTMLImageElement} picture @param {File} file */
async function redraw(picture, file) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(width, height, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (context === null) throw new PictureError("The picture is too large for this browser. Choose a smaller one.");
  // JPEG has no transparency, so draw on white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  if (blob === null) throw new PictureError(`${file.name || "The picture"} is too large for this browser. Choose a smaller one.`);
  return new File([blob], file.name, { type: blob.type });
}

/** The file as an image; null if this browser cannot show it. @param {File} file */
async function open(file) {
  const url = URL.createObjectURL(file);
  try {
    return await load(url);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}
