// @ts-check
/** Promote and roll back: ask before a less accurate version takes over, and offer to undo it. */

import { ApiError } from "../shared/api.js";
import { button } from "../shared/dom.js";
import * as api from "./api.js";
import { messageOf, showToast } from "../shared/toast.js";

/** @typedef {{production: number, onChange: () => void}} Page  the version that the page shows as in production */

/** @param {number} version */
export function inWords(version) {
  return version === 0 ? "the model in the box" : `version ${version}`;
}

/**
 * Put a version into production.  Throws ApiError.
 * @param {number} version @param {string} reason @param {Page} page
 * @returns {Promise<boolean>}  false where the person decided against it
 */
export async function promote(version, reason, { production, onChange }) {
  const moved = await confirmed((confirm) => api.promote(version, { reason, from: production, confirm }));
  if (moved === null) return false;
  const undo = () => undone(() => api.rollBack({ from: version, confirm: true }), { production, onChange });
  say(`${inWords(version)} is in production.`, undo);
  return true;
}

/**
 * Go back to the version that was in production before.  Throws ApiError.
 * @param {Page} page
 */
export async function rollBack({ production, onChange }) {
  const moved = await confirmed((confirm) => api.rollBack({ from: production, confirm }));
  if (moved === null) return;
  const again = { reason: "rollback undone", from: moved.version, confirm: true };
  say(`${inWords(moved.version)} is in production again.`, () =>
    undone(() => api.promote(production, again), { production, onChange }),
  );
}

/**
 * @param {() => Promise<unknown>} move
 * @param {Page} page  as it was before
 */
async function undone(move, { production, onChange }) {
  try {
    await move();
    say(`Undone: ${inWords(production)} is in production again.`);
  } catch (error) {
    showToast("models", messageOf(error));
  }
  onChange();
}

/** @param {string} words @param {(() => void) | null} [undo] */
function say(words, undo = null) {
  const message = words.charAt(0).toUpperCase() + words.slice(1);
  showToast("models", message, "good", undo && { text: "Undo", onClick: undo });
}

/**
 * Move; where the server says that the version is less accurate, ask the person and move again.
 * @param {(confirm: boolean) => Promise<import("./api.js").Version>} move
 * @returns {Promise<import("./api.js").Version | null>}  null where the person decided against it
 */
async function confirmed(move) {
  try {
    return await move(false);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "less_accurate") throw error;
    return (await ask(messageOf(error))) ? move(true) : null;
  }
}

/** @param {string} why @returns {Promise<boolean>} */
function ask(why) {
  const dialog = document.createElement("dialog");
  dialog.className = "model-dialog confirm-dialog";
  dialog.setAttribute("aria-labelledby", "confirm-heading");
  dialog.setAttribute("aria-describedby", "confirm-text");
  const heading = document.createElement("h2");
  heading.id = "confirm-heading";
  heading.textContent = "Use a less accurate version?";
  const text = document.createElement("p");
  text.id = "confirm-text";
  text.textContent = why;
  const actions = document.createElement("div");
  actions.className = "dialog-actions";
  const cancel = button("Cancel", "", () => dialog.close());
  cancel.autofocus = true;
  actions.append(cancel, button("Use it anyway", "danger", () => dialog.close("yes")));
  dialog.append(heading, text, actions);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
