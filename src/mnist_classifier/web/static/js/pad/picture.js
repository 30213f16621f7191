// @ts-check
/**
 * Files from a chooser, camera or clipboard, made ready to be sent: what only
 * this browser can open is redrawn, and what is larger than any reading needs
 * is reduced.
 *
 * @typedef {{file: File, picture: HTMLImageElement | null}} Ready  the picture is what is sent; null where this browser cannot show it
 */

import { fileSize } from "../shared/format.js";

/** The server looks at 1,024 px; twice that loses nothing. */
export const MAX_SIDE_PX = 2048;
/** Below what the server takes (10 MB), and quick to send. */
export const MAX_BYTES = 4_000_000;
/** What the server takes, unless its owner decided otherwise. */
export const SERVER_BYTES = 10_000_000;
/** What the server opens by itself. */
const SERVER_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];
const JPEG_QUALITY = 0.92;

/** A file that cannot be sent; its message can be shown as it is. */
export class PictureError extends Error {
  name = "PictureError";
}

/** Photographs of iPhones, as they come. @param {{name: string, type: string}} file */
export function isHeic({ name, type }) {
  return /^image\/hei[cf]/.test(type) || /\.(heic|heif)$/i.test(name);
}

/** Whether the server could not take the file as it is, or not soon. @param {{type: string, size: number}} file @param {number} side_px */
export function needsRedrawing({ type, size }, side_px) {
  return !SERVER_TYPES.includes(type) || size > MAX_BYTES || side_px > MAX_SIDE_PX;
}

/**
 * Why a file that this browser cannot open is not sent; null where the server may know better.
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
    return { file, picture };
  }
  if (!needsRedrawing(file, Math.max(picture.naturalWidth, picture.naturalHeight))) return { file, picture };
  const smaller = await redraw(picture, file);
  return { file: smaller, picture: await open(smaller) };
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
  // JPEG knows no transparency; ink on nothing is ink on paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  if (blob === null) throw new PictureError(`${file.name || "The picture"} is too large for this browser. Choose a smaller one.`);
  return new File([blob], file.name, { type: blob.type });
}

/** The file as a picture, or null where this browser cannot show it. @param {File} file */
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

/** @param {string} url @returns {Promise<HTMLImageElement>} */
export async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}
