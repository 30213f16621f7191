// @ts-check
/**
 * The dialog that shares a drawing: as a picture with its reading, and as a link that holds the strokes.
 *
 * @typedef {import("./share-picture.js").Shared} Shared
 * @typedef {import("./link.js").Drawing} Drawing
 */

import { copyText } from "../shared/clipboard.js";
import { button, make, write } from "../shared/dom.js";
import { fileName } from "../shared/download.js";
import { saveUrl } from "../shared/save.js";
import { DRAWING } from "./keep.js";
import { encode } from "./link.js";
import { pictureOf, sentenceOf } from "./share-picture.js";

const IN_LINK = "The link holds the drawing itself, behind the #. Browsers never send that part to a server. Nothing is stored.";
const ONLY_HERE = "This page comes from your own computer, so the link opens only there.";
const NO_LINK = "A link can hold a drawing, but not a picture. Save the picture instead.";
const TOO_LONG = "This drawing has too many strokes for a link. Save the picture instead.";

/** Offer to share what is on the pad. @param {Shared} shared @param {Drawing["mode"]} mode */
export function share(shared, mode) {
  if (document.querySelector("dialog.share") !== null) return; // pressed twice while this module loaded
  const code = shared.picture === null ? encode({ mode, strokes: [...shared.strokes] }) : null;
  const link = code === null ? null : `${homePage()}${DRAWING}${code}`;
  const words = sentenceOf(shared);
  const picture = pictureOf(shared).toDataURL("image/png");
  const dialog = make("dialog", { className: "help share" });
  const note = make("p", { className: "share-note" });
  note.setAttribute("role", "status");
  dialog.setAttribute("aria-label", "Share");
  dialog.append(head(dialog), preview(picture, words), ...linkParts(link, shared), choices(link, picture, words, note), note);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** The address of the home page, below any path, which the name of the program links to. */
function homePage() {
  const brand = document.querySelector("a.brand");
  return new URL(brand instanceof HTMLAnchorElement ? brand.href : ".", location.href).href;
}

/** @param {HTMLDialogElement} dialog */
function head(dialog) {
  const close = button("×", "dialog-close", () => dialog.close());
  close.setAttribute("aria-label", "Close");
  return make("header", {}, make("h2", { text: "Share" }), close);
}

/** @param {string} picture  data URL @param {string} words */
function preview(picture, words) {
  const image = make("img");
  image.src = picture;
  image.alt = words;
  return make("figure", { className: "share-picture" }, image, make("figcaption", { text: words }));
}

/** @param {string | null} link @param {Shared} shared */
function linkParts(link, { picture }) {
  if (link === null) return [make("p", { text: picture === null ? TOO_LONG : NO_LINK })];
  const field = make("input");
  field.readOnly = true;
  field.value = link;
  field.setAttribute("aria-label", "Link to this drawing");
  field.addEventListener("focus", () => field.select());
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return [field, make("p", { text: isLocal ? `${IN_LINK} ${ONLY_HERE}` : IN_LINK })];
}

/** The buttons. @param {string | null} link @param {string} picture  data URL @param {string} words @param {HTMLElement} note */
function choices(link, picture, words, note) {
  const row = make("div", { className: "share-choices" });
  const copy = async () => write(note, (await copyText(link ?? "")) ? "Link copied." : "This browser did not copy the link. Select it above and copy it.");
  if (link !== null) row.append(button("Copy link", "primary", copy));
  row.append(button("Save picture", "", () => saveUrl(picture, fileName(new Date(), "reading"))));
  if ("share" in navigator) row.append(button("Send to an app", "", () => send(link, picture, words, note)));
  return row;
}

/** Let the system share it. @param {string | null} link @param {string} picture @param {string} words @param {HTMLElement} note */
async function send(link, picture, words, note) {
  const content = Uint8Array.from(atob(picture.split(",")[1]), (letter) => letter.charCodeAt(0));
  const files = [new File([content], fileName(new Date(), "reading"), { type: "image/png" })];
  const data = { text: words, ...(link === null ? {} : { url: link }) };
  try {
    await navigator.share(navigator.canShare?.({ ...data, files }) ? { ...data, files } : data);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) write(note, "This device did not share it. Copy the link or save the picture.");
  }
}
