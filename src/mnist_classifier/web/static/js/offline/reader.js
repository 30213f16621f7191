// @ts-check
/**
 * Reads pictures in a Web Worker, so that the page stays smooth: on a phone a reading takes longer than a frame.
 * Where no worker starts, the page reads by itself.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {{reading: Reading, glyph: Uint8Array | null}} Answer  glyph: 28 x 28, ink = 255
 * @typedef {{read: (picture: Picture) => Promise<Answer>, close: () => void}} Reader  one picture at a time
 */

/** Rejects if the file is not a network that this browser can run. @param {ArrayBuffer} file  model.bin @returns {Promise<Reader>} */
export async function readerOf(file) {
  return readerInWorker(file).catch(() => readerInPage(file));
}

/** @param {ArrayBuffer} file @returns {Promise<Reader>} */
async function readerInWorker(file) {
  const worker = new Worker(new URL("./reader-worker.js", import.meta.url), { type: "module" });
  /** @param {unknown} message @returns {Promise<any>} */
  const ask = (message) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(message);
    });
  try {
    await ask({ file });
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return { read: (picture) => ask({ picture }), close: () => worker.terminate() };
}

/** @param {ArrayBuffer} file @returns {Promise<Reader>} */
async function readerInPage(file) {
  const { Recogniser } = await import("./read-digit.js");
  const recogniser = new Recogniser(file);
  const read = async (/** @type {Picture} */ picture) => {
    const { reading, prepared } = recogniser.read(picture);
    return { reading, glyph: prepared.glyph?.data ?? null };
  };
  return { read, close: () => {} };
}
