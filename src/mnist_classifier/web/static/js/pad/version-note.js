// @ts-check
/** Says above the pad that another version reads than the one in production, or that the wanted one does not exist. */

import { ApiError, request } from "../shared/api.js";
import { element, make } from "../shared/dom.js";
import { chosenVersion, dropVersion, whenDropped } from "../shared/version.js";

/** Show the note if the address asks for a version. @param {() => void} reread  reads the drawing again */
export async function noteVersion(reread) {
  const wanted = new URLSearchParams(location.search).get("version");
  if (wanted === null) return;
  const version = chosenVersion();
  const note = make("div", { className: "notice version-note" });
  note.setAttribute("role", "status");
  element("bench", HTMLElement).before(note);
  whenDropped(() => {
    showMissing(note, wanted);
    history.replaceState(history.state, "", production());
  });
  if (version === null) return dropVersion();
  try {
    show(note, await request(`/api/models/${version}`));
  } catch (error) {
    // Without an answer the page still asks this version.
    if (chosenVersion() === null || !(error instanceof ApiError) || error.status === 0) return;
    dropVersion();
    reread();
  }
}

/** @param {HTMLElement} note @param {import("../shared/api-types.js").ModelEntry} model */
function show(note, { version, name, aliases }) {
  const isInUse = aliases.includes("production");
  const words = `Version ${version} (${name}) reads your drawing on this page. It is ${isInUse ? "" : "not "}in production.`;
  const link = make("a", { text: "Read with the version in production" });
  link.href = production();
  note.replaceChildren(make("p", { text: words }), ...(isInUse ? [] : [link]));
}

/** @param {HTMLElement} note @param {string} wanted */
function showMissing(note, wanted) {
  const name = wanted.slice(0, 20);
  note.replaceChildren(make("p", { text: `There is no version ${name}. It may have been deleted. The version in production reads your drawing.` }));
}

/** The address of this page without a version. */
function production() {
  const address = new URL(location.href);
  address.searchParams.delete("version");
  return address.href;
}
