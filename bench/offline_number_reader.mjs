/**
 * Reads numbers as the static site does, for bench/offline_numbers.py:
 *
 *     node bench/offline_number_reader.mjs model.bin pictures.bin strokes.json
 *
 * pictures.bin: as offline_reader.mjs reads it.  strokes.json: the strokes of each picture, [] for none.  Prints one JSON
 * array with [verdict, number, processor time in ms] for each picture.
 */

import { readFileSync } from "node:fs";

import { Recogniser } from "../src/mnist_classifier/web/static/js/offline/read-digit.js";
import { NumberReader } from "../src/mnist_classifier/web/static/js/offline/read-number.js";
import { picturesIn } from "./offline_pictures.mjs";

const [modelPath, picturesPath, strokesPath] = process.argv.slice(2);
const file = readFileSync(modelPath);
const reader = new NumberReader(new Recogniser(file.buffer.slice(file.byteOffset, file.byteOffset + file.length)));
const strokes = JSON.parse(readFileSync(strokesPath, "utf-8"));
const results = [];

for (const picture of picturesIn(readFileSync(picturesPath))) {
  const started = process.cpuUsage();
  const { verdict, number } = await reader.read(picture, strokes[results.length]);
  results.push([verdict, number, spent_ms(started)]);
}
console.log(JSON.stringify(results));

/** Time of the processor, because the machine may be busy. */
function spent_ms(started) {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}
