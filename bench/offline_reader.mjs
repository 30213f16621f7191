/**
 * Reads pictures as the static site does, for bench/offline.py:
 *
 *     node bench/offline_reader.mjs model.bin pictures.bin glyphs.bin
 *
 * pictures.bin: width, height and channels (1 or 4) as uint32, then the levels; one picture after
 * another.  glyphs.bin gets a byte for each, 1 where there is a glyph, and the glyph behind it.  Prints one JSON object:
 * `readings` of [verdict, prediction, confidence], and `ms` that each took.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

import { Recogniser } from "../src/mnist_classifier/web/static/js/offline/read-digit.js";

const GLYPH_PIXELS = 28 * 28;

function* picturesIn(file) {
  for (let place = 0; place < file.length; ) {
    const [width, height, channels] = [0, 4, 8].map((offset) => file.readUInt32LE(place + offset));
    place += 12;
    const levels = file.subarray(place, place + width * height * channels);
    place += levels.length;
    yield { width, height, data: channels === 4 ? new Uint8ClampedArray(levels) : inColour(levels) };
  }
}

function inColour(levels) {
  const data = new Uint8ClampedArray(levels.length * 4).fill(255);
  for (let i = 0; i < data.length; i += 1) if (i % 4 < 3) data[i] = levels[i >> 2];
  return data;
}

const [modelPath, picturesPath, glyphsPath] = process.argv.slice(2);
const file = readFileSync(modelPath);
const recogniser = new Recogniser(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const glyphs = [];
const readings = [];
const ms = [];

for (const picture of picturesIn(readFileSync(picturesPath))) {
  const started = performance.now();
  const { reading, prepared } = recogniser.read(picture);
  ms.push(performance.now() - started);
  glyphs.push(Uint8Array.of(Number(prepared.glyph !== null)), prepared.glyph?.data ?? new Uint8Array(GLYPH_PIXELS));
  readings.push([reading.verdict, reading.prediction, reading.confidence]);
}
writeFileSync(glyphsPath, Buffer.concat(glyphs));
console.log(JSON.stringify({ readings, ms }));
