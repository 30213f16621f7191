/**
 * Reads pictures as the static site does, for bench/offline.py:
 *
 *     node bench/offline_reader.mjs model.bin pictures.bin glyphs.bin
 *
 * pictures.bin: as offline_pictures.mjs reads it.  glyphs.bin gets a byte for each, 1 where there is a glyph, and the glyph behind it.  Prints one JSON object:
 * `readings` of [verdict, prediction, confidence], and `ms` that each took.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

import { Recogniser } from "../src/mnist_classifier/web/static/js/offline/read-digit.js";
import { picturesIn } from "./offline_pictures.mjs";

const GLYPH_PIXELS = 28 * 28;

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
