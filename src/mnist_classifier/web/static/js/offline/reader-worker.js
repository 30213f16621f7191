// @ts-check
/** The Web Worker of reader.js: first a model.bin arrives, then one picture after another. */

import { Recogniser } from "./read-digit.js";

const WARM_UP_ROUNDS = 5;

/** @type {Recogniser | null} */
let recogniser = null;

self.addEventListener("message", ({ data: { file, picture } }) => {
  if (recogniser === null) {
    recogniser = new Recogniser(file);
    // Browsers compile code that runs often.
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) recogniser.read(sample());
    self.postMessage({});
    return;
  }
  const { reading, prepared } = recogniser.read(picture);
  self.postMessage({ reading, glyph: prepared.glyph?.data ?? null });
});

/** A thick line on opaque black, as a drawing has: transparent pixels would take another way. */
function sample() {
  const picture = new ImageData(280, 280);
  for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;
  for (let y = 60; y < 220; y += 1) picture.data.fill(255, 4 * (280 * y + 130), 4 * (280 * y + 150));
  return picture;
}
