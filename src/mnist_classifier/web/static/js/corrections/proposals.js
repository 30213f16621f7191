// @ts-check
/**
 * The section "What to label next": one uncertain reading at a time.
 * It tells the list of a new or undone correction with the event `corrections-changed` on the document, and hears of
 * readings that were deleted or labelled elsewhere with `readings-changed`.
 *
 * @typedef {import("../shared/api-types.js").Proposal} Proposal
 * @typedef {import("../shared/api-types.js").Proposals} Proposals
 * @typedef {number | "not_a_digit"} Label
 */

import { ApiError, request } from "../shared/api.js";
import { remove } from "../shared/corrections.js";
import { button, element, mark, write } from "../shared/dom.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { keyFor, kept, labelName, opinion, waiting } from "./proposal-words.js";

const section = element("proposals", HTMLElement);
const note = element("proposals-note", HTMLElement);
const retry = element("proposals-retry", HTMLButtonElement);
const card = element("proposal", HTMLElement);
const glyph = element("proposal-glyph", HTMLImageElement);
const reading = element("proposal-reading", HTMLElement);
const labels = element("proposal-labels", HTMLElement);
const writer = element("proposal-writer", HTMLInputElement);
const done = element("proposal-done", HTMLElement);
const undo = element("proposal-undo", HTMLButtonElement);
const keptNote = element("proposals-kept", HTMLElement);

/** @type {Proposal[]} */
let queue = [];
let left = 0;
let isBusy = false;
/** The last correction, which can be undone. @type {number | null} */
let last = null;

async function refresh() {
  try {
    /** @type {Proposals} */
    const found = await request("/api/proposals");
    queue = found.proposals;
    left = found.count;
    section.dataset.state = found.is_on || left > 0 ? "ready" : "off";
    write(keptNote, kept(found));
    retry.hidden = true;
    show(found.is_on);
  } catch (error) {
    section.dataset.state = "error";
    card.hidden = true;
    retry.hidden = false;
    write(note, messageOf(error));
  }
}

/** @param {boolean} isOn */
function show(isOn = true) {
  const next = queue[0];
  card.hidden = next === undefined;
  write(note, waiting(left, isOn));
  if (next === undefined) return;
  glyph.src = next.glyph;
  glyph.alt = `Drawing of a digit. ${opinion(next.reading)}`;
  write(reading, opinion(next.reading));
}

/** Label the reading that is shown, or skip it. @param {Label | "skip"} label */
async function answer(label) {
  const current = queue[0];
  if (current === undefined || isBusy) return;
  setBusy(true);
  try {
    last = label === "skip" ? await skip(current) : await give(current, label);
    write(done, label === "skip" ? "Skipped." : `Saved as ${labelName(label)}.`);
    undo.hidden = last === null;
    hideToast("proposals");
    await advance(current);
    if (last !== null) announce();
  } catch (error) {
    showToast("proposals", messageOf(error));
    // Somebody else was quicker, perhaps with others too.
    if (error instanceof ApiError && error.status === 404) await refresh();
  } finally {
    setBusy(false);
  }
}

/** While something is stored or taken back, the buttons can do nothing else. @param {boolean} busy */
function setBusy(busy) {
  isBusy = busy;
  for (const each of [...labels.querySelectorAll("button"), undo]) mark(each, "aria-disabled", String(busy));
}

/** @param {Proposal} proposal @param {Label} label @returns {Promise<number>} the number of the correction */
async function give({ id }, label) {
  const json = { label, writer: writer.value };
  const { correction } = await request(`/api/proposals/${id}`, { method: "POST", json });
  return correction.id;
}

/** @param {Proposal} proposal @returns {Promise<null>} */
async function skip({ id }) {
  await request(`/api/proposals/${id}`, { method: "DELETE" });
  return null;
}

/** Go on to the next reading; ask the server for more after the last one. @param {Proposal} done  the list may be another one by now */
async function advance(done) {
  const rest = queue.filter(({ id }) => id !== done.id);
  left -= queue.length - rest.length;
  queue = rest;
  if (queue.length > 0) show();
  else await refresh();
  if (!card.hidden && document.activeElement === document.body) card.focus();
}

function announce() {
  document.dispatchEvent(new CustomEvent("corrections-changed"));
}

undo.addEventListener("click", async () => {
  if (last === null || isBusy) return;
  const hadFocus = document.activeElement === undo;
  setBusy(true);
  try {
    await remove(last);
    write(done, "Undone: the correction was deleted, and the reading with it.");
    last = null;
    undo.hidden = true;
    announce();
  } catch (error) {
    showToast("proposals", messageOf(error));
  } finally {
    setBusy(false);
    if (hadFocus) (undo.hidden ? card : undo).focus();
  }
});

card.addEventListener("keydown", (event) => {
  if (event.target === writer || event.repeat) return;
  const key = keyFor(event);
  if (key === null) return;
  event.preventDefault();
  answer(key);
});

labels.append(
  ...Array.from({ length: 10 }, (_, digit) => button(String(digit), "proposal-digit", () => answer(digit))),
  button("Not a digit", "", () => answer("not_a_digit")),
  button("Skip", "", () => answer("skip")),
);
card.addEventListener("pointerdown", (event) => event.target === glyph && card.focus());
retry.addEventListener("click", refresh);
document.addEventListener("readings-changed", refresh);
await refresh();
