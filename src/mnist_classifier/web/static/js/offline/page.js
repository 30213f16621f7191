// @ts-check
/** The offline page: reads drawings and files in the browser, without a server. */

import { element, write } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { Pad } from "../pad/pad.js";
import { ResultView } from "../pad/result.js";
import { listenToKeys } from "../shared/shortcuts.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { listenForFiles } from "../pad/upload.js";
import { pixelsOf, toDataUrl } from "./pictures.js";
import { Recogniser } from "./read-digit.js";
import { GLYPH_SIDE } from "./scaling.js";

/** Long enough to lift the pen between the strokes of a 4, short enough to feel immediate. */
const AUTO_READ_MS = 120;
const WARM_UP_ROUNDS = 5;

const pad = new Pad(element("pad", HTMLCanvasElement), element("pad-frame", HTMLElement));
const result = new ResultView();
const caption = element("caption", HTMLElement);
const plainCaption = caption.textContent ?? "";
/** The picture in place of the drawing. @type {string | null} */
let picture = null;
/** Counts the readings; only the newest is shown. */
let newest = 0;
/** @type {number | undefined} */
let timer;

/** @type {Promise<Recogniser> | null} */
let loading = null;

/** The network, loaded once, or again after a failure. */
function recogniser() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  const response = await fetch(new URL("../../model.bin", import.meta.url));
  if (!response.ok) throw new Error(`the network could not be loaded (HTTP ${response.status})`);
  const made = new Recogniser(await response.arrayBuffer());
  // Browsers compile code that runs often, so warm up before the first drawing.
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) made.readGlyph(new Uint8Array(GLYPH_SIDE ** 2));
  return made;
}

/** @param {Recogniser} recogniser */
function showModel({ model }) {
  const accuracy = model.accuracy === null ? "" : `. Test accuracy: ${percent(model.accuracy, 2)}`;
  write(element("model-line", HTMLElement), `Read in this browser by version ${model.version}${accuracy}.`);
}

/** Read the drawing or picture on the pad. */
async function read() {
  window.clearTimeout(timer);
  pad.finish();
  newest += 1;
  const question = newest;
  if (pad.isEmpty) return result.showEmpty();
  try {
    const pixels = await pixelsOf(picture ?? pad.toDataUrl());
    const reader = await recogniser();
    if (question !== newest) return;
    show(reader, pixels);
    hideToast("reading");
  } catch (error) {
    if (question !== newest) return;
    showToast("reading", messageOf(error));
    result.showError("Your drawing is safe. Try again.");
  }
}

/** @param {Recogniser} reader @param {import("./pixels.js").Picture} pixels */
function show(reader, pixels) {
  const started_ms = performance.now();
  const { reading, prepared } = reader.read(pixels);
  const elapsed_ms = performance.now() - started_ms;
  const { version, name } = reader.model;
  result.showReading({
    ...reading,
    model: { version, name },
    elapsed_ms,
    glyph: prepared.glyph === null ? null : toDataUrl(prepared.glyph),
    steps: result.wantsSteps ? prepared.steps.map((step) => ({ name: step.name, image: toDataUrl(step.picture) })) : [],
  });
}

function changed() {
  dropPicture();
  window.clearTimeout(timer);
  if (pad.isEmpty) read();
  else timer = window.setTimeout(read, AUTO_READ_MS);
}

function dropPicture() {
  if (picture !== null) URL.revokeObjectURL(picture);
  picture = null;
  newest += 1;
  write(caption, plainCaption);
}

/** Show a file on the pad and read it. @param {File} file */
async function showFile(file) {
  newest += 1;
  const question = newest;
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    return showToast("reading", "This browser cannot open the file as a picture. Choose a PNG or JPEG.");
  }
  if (question !== newest) return URL.revokeObjectURL(url);
  dropPicture();
  pad.showPicture(image);
  picture = url;
  write(caption, file.name || "Pasted image");
  await read();
}

/** Store the site for offline use, once the page has loaded everything, so that nothing is loaded twice. */
async function keep() {
  if (!("serviceWorker" in navigator)) return;
  await recogniser();
  await navigator.serviceWorker.register(new URL("../../service-worker.js", import.meta.url));
  await navigator.serviceWorker.ready;
  write(element("offline-line", HTMLElement), "This page now works offline.");
}

pad.onBegin = dropPicture;
pad.onChange = changed;
result.onStepsWanted = read;
const actions = { predict: read, clear: () => pad.clear(), undo: () => pad.undo() };
for (const [id, action] of Object.entries(actions)) element(id, HTMLButtonElement).addEventListener("click", action);
listenToKeys({ ...actions, redo: () => pad.redo() });
listenForFiles(showFile);
result.showEmpty();
recogniser().then(showModel, (error) => write(element("model-line", HTMLElement), messageOf(error)));
// Private windows and hosts without https have no service worker: there the page needs a network.
keep().catch((error) => console.warn(`This page was not kept for later: ${messageOf(error)}`));
