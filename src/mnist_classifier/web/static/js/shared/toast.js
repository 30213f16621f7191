// @ts-check
/** Short messages at the edge of the page.  A newer message replaces the one on the same topic. */

import { button, element, make } from "./dom.js";
import { sentence } from "./format.js";

const INFO_MS = 6_000;
// Long enough to read, think and reach the button.
const ACTION_MS = 20_000;

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * @param {string} topic
 * @param {string} message
 * @param {"error" | "good" | "info"} kind  an error stays until it is dismissed or its topic succeeds
 * @param {{text: string, onClick: () => void} | null} [action]  a button beside the message; it closes it too
 */
export function showToast(topic, message, kind = "error", action = null) {
  const before = shown.get(topic);
  const isSame = before?.dataset.kind === kind && before.querySelector("p")?.textContent === message;
  // The button of the same message may do something else: take back another change.
  if (isSame && action === null) return;
  hideToast(topic);
  const close = button("×", "toast-close", () => hideToast(topic));
  close.setAttribute("aria-label", "Close this message");
  const toast = make("div", { className: "toast" }, make("p", { text: message }));
  toast.append(...(action === null ? [] : [actionButton(topic, action)]), close);
  toast.dataset.kind = kind;
  toast.setAttribute("role", kind === "error" ? "alert" : "status");
  element("toasts", HTMLElement).append(toast);
  shown.set(topic, toast);
  const lasts_ms = action === null ? INFO_MS : ACTION_MS;
  if (kind !== "error") setTimeout(() => shown.get(topic) === toast && hideToast(topic), lasts_ms);
}

/** @param {string} topic @param {{text: string, onClick: () => void}} action */
function actionButton(topic, { text, onClick }) {
  return button(text, "toast-action", () => {
    hideToast(topic);
    onClick();
  });
}

/** @param {string} topic */
export function hideToast(topic) {
  shown.get(topic)?.remove();
  shown.delete(topic);
}

/** Give the keyboard to the button of a message, for those who would not reach it in time. @param {string} topic */
export function focusToast(topic) {
  shown.get(topic)?.querySelector("button")?.focus();
}

/** @param {unknown} error */
export function messageOf(error) {
  return sentence(error instanceof Error ? error.message : String(error));
}
