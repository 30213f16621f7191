// @ts-check
/**
 * The explore page: errors of a model and their reasons.  The address holds
 * what is shown: every link changes it, and the Back button works.
 *
 * @typedef {import("./state.js").View} View
 */

import { ApiError } from "../shared/api.js";
import { DatasetNotice } from "../shared/dataset.js";
import { element, write } from "../shared/dom.js";
import * as api from "./api.js";
import { ConfusionMatrix } from "./confusion.js";
import { showClasses, showFigures } from "./figures.js";
import { Gallery } from "./gallery.js";
import { Inspector } from "./inspector.js";
import { format, parse, step } from "./state.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { Latest, STALE } from "../shared/latest.js";
import { versionName } from "../shared/versions.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";

const root = element("explore", HTMLElement);
const status = element("explore-status", HTMLElement);
const version = element("explore-version", HTMLSelectElement);
const split = element("explore-split", HTMLSelectElement);
const notice = new DatasetNotice();
const matrix = new ConfusionMatrix(element("matrix", HTMLElement));
const gallery = new Gallery();
const inspector = new Inspector();
const loads = { summary: new Latest(), images: new Latest(), image: new Latest() };
/** The view that each part shows, as JSON. @type {Record<string, string>} */
let shown = {};
let view = parse(window.location.search);
/** Whether the previous history entry is the list from which the image was opened. */
let openedHere = false;

/** @param {View} next @param {{replace?: boolean}} [how] */
function go(next, { replace = false } = {}) {
  if (view.image === null && next.image !== null) openedHere = true;
  view = next;
  const address = `${window.location.pathname}${format(view)}`;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  render();
}

/** Return to the list from which the image was opened, or remove the image from the address. */
function leaveImage() {
  if (openedHere) history.back();
  else go(step(view, { image: null }), { replace: true });
}

function render() {
  showVersion();
  split.value = view.split;
  matrix.mark(view);
  load("summary", { version: view.version, split: view.split }, showSummary);
  load("images", { ...view, image: null, digit: null }, showImages);
  if (view.image === null) closeImage();
  else load("image", { version: view.version, split: view.split, image: view.image, digit: view.digit }, showImage);
}

/** Load a part if the address asks for another view of it. @param {keyof typeof loads} part @param {object} key @param {() => Promise<void>} task */
async function load(part, key, task) {
  const wanted = JSON.stringify(key);
  if (shown[part] === wanted) return;
  shown[part] = wanted;
  try {
    await task();
  } catch (error) {
    if (shown[part] === wanted) delete shown[part];
    fail(part, error);
  }
}

async function showSummary() {
  if (root.dataset.state !== "ready") setState("loading", "The model is reading the images…");
  root.setAttribute("aria-busy", "true");
  const asked = view;
  const found = await loads.summary.run((signal) => api.summary(asked, signal));
  if (found === STALE) return;
  root.removeAttribute("aria-busy");
  setState("ready", "");
  hideToast("explore");
  showSample(found.is_sample);
  showFigures(element("explore-figures", HTMLElement), found);
  showClasses(element("per-class", HTMLElement), found, asked);
  matrix.show(found.confusion, view);
}

/** Say which test images these are. @param {boolean} isSample */
function showSample(isSample) {
  write(split.options[0], isSample ? "Test: 200 of 10,000 images" : "Test: 10,000 images");
  if (isSample) notice.showMissing("These are 200 of the 10,000 MNIST test images, twenty of each digit, that come with the program. Figures of so few images are rough.");
  else notice.hide();
}

async function showImages() {
  const asked = view;
  gallery.showBusy(asked);
  const found = await loads.images.run((signal) => api.images(asked, signal));
  if (found === STALE) return;
  gallery.show(found, { ...asked, image: null, digit: null });
  if (view.image !== null) inspector.showAround(view, gallery.around(view.image));
}

async function showImage() {
  const asked = view;
  inspector.showBusy(asked);
  inspector.showAround(asked, gallery.around(asked.image ?? -1));
  const found = await loads.image.run((signal) => api.image(asked, signal));
  if (found === STALE) return;
  inspector.show(found, asked);
}

function closeImage() {
  openedHere = false;
  loads.image.cancel();
  delete shown.image;
  inspector.hide();
}

/** @param {keyof typeof loads} part @param {unknown} error */
function fail(part, error) {
  if (part === "summary") root.removeAttribute("aria-busy");
  if (part === "images") gallery.showFailed();
  const message = messageOf(error);
  if (error instanceof ApiError && error.code === "data_missing" && view.split !== "test") {
    setState("missing", "");
    closeImage();
    return notice.showMissing("The validation images are part of MNIST, which is not on this computer yet. You can choose the test images: 200 of them come with the program.");
  }
  if (part === "image") inspector.showError(message);
  else if (root.dataset.state !== "ready" || part === "summary") setState("error", message);
  else showToast("explore", message);
  goOnWhenBack(error, start);
}

/** @param {"loading" | "ready" | "missing" | "error"} state @param {string} words */
function setState(state, words) {
  root.dataset.state = state;
  write(status, words);
}

function reload() {
  shown = {};
  render();
}

/** Show the version of the address, even if it does not exist. */
function showVersion() {
  version.value = view.version;
  if (version.value === view.version) return;
  const name = view.version === "production" ? "Production" : `Version ${view.version} (missing)`;
  version.append(new Option(name, view.version, false, true));
}

async function showChoices() {
  try {
    const { versions, production } = await api.choices();
    const options = versions.map((each) => new Option(versionName(each), String(each.version)));
    const serving = versions.filter((each) => each.version === production).map(versionName);
    version.replaceChildren(new Option(["Production", ...serving].join(": "), "production"), ...options);
  } catch {
    // The summary fails too, and says why.
  }
}

async function start() {
  await showChoices();
  reload();
}

/** @param {MouseEvent} event */
function onClick(event) {
  const link = event.target instanceof Element ? event.target.closest("a[data-view]") : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!(link instanceof HTMLAnchorElement) || !isPlain) return;
  event.preventDefault();
  const isFromAbove = link.closest("#matrix, #per-class") !== null;
  // The link may be of the version before, until the chosen one has read the images.
  const { version, split } = view;
  go({ ...parse(link.search), version, split }, { replace: link.closest("#inspector") !== null });
  if (isFromAbove) gallery.reveal();
}

document.addEventListener("click", onClick);
window.addEventListener("popstate", () => {
  view = parse(window.location.search);
  render();
});
element("explore-choice", HTMLFormElement).addEventListener("change", () => go(step(view, { version: version.value || view.version, split: split.value })));
element("explore-choice", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
element("explore-retry", HTMLButtonElement).addEventListener("click", start);
notice.onReady = reload;
inspector.onClose = () => {
  if (view.image !== null) leaveImage();
};
/** @type {typeof inspector.onMove} */
inspector.onMove = (where) => {
  const next = gallery.around(view.image ?? -1)[where];
  if (next !== null) go(step(view, { image: next }), { replace: true });
};
start();
