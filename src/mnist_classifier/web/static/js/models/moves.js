// @ts-check
/** Promote and roll back: ask before production becomes less accurate, and offer to undo. */

import { ApiError } from "../shared/api.js";
import { askInDialog } from "../shared/ask.js";
import { button, make } from "../shared/dom.js";
import * as api from "./api.js";
import { messageOf, showToast } from "../shared/toast.js";

/** @typedef {{production: number, onChange: () => void}} Page  production: the version that the page shows as such */

/** @param {number} version */
export function inWords(version) {
  return version === 0 ? "the model in the box" : `version ${version}`;
}

/**
 * Promote a version to production.  Throws ApiError.
 * @param {number} version @param {string} reason @param {Page} page
 * @returns {Promise<boolean>}  false if the user cancelled
 */
export async function promote(version, reason, { production, onChange }) {
  const moved = await confirmed((confirm) => api.promote(version, { reason, from: production, confirm }));
  if (moved === null) return false;
  const undo = () => undone(() => api.rollBack({ from: version, confirm: true }), { production, onChange });
  say(`${inWords(version)} is in production.`, undo);
  return true;
}

/**
 * Roll back to the version that was in production before.  Throws ApiError.
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
 * Call `move`; if the version is less accurate, ask the user and call it again.
 * @param {(confirm: boolean) => Promise<import("./api.js").Version>} move
 * @returns {Promise<import("./api.js").Version | null>}  null if the user cancelled
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
async function ask(why) {
  const answer = await askInDialog("confirm", "Use a less accurate version?", why, (close) => {
    const cancel = button("Cancel", "", () => close(""));
    cancel.autofocus = true;
    return [make("div", { className: "dialog-actions" }, cancel, button("Use it anyway", "danger", () => close("yes")))];
  });
  return answer === "yes";
}
