// @ts-check
/** Short messages at the edge of the page.  One per topic: a newer one replaces it. */

import { button, element } from "./dom.js";
import { sentence } from "./format.js";

const INFO_MS = 6_000;

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * @param {string} topic
 * @param {string} message
 * @param {"error" | "good" | "info"} kind  an error stays until it is dismissed or its topic succeeds
 */
export function showToast(topic, message, kind = "error") {
  const before = shown.get(topic);
  if (before?.dataset.kind === kind && before.querySelector("p")?.textContent === message) return;
  hideToast(topic);
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.kind = kind;
  toast.setAttribute("role", kind === "error" ? "alert" : "status");
  const text = document.createElement("p");
  text.textContent = message;
  const close = button("×", "toast-close", () => hideToast(topic));
  close.setAttribute("aria-label", "Dismiss this message");
  toast.append(text, close);
  element("toasts", HTMLElement).append(toast);
  shown.set(topic, toast);
  if (kind !== "error") setTimeout(() => shown.get(topic) === toast && hideToast(topic), INFO_MS);
}

/** @param {string} topic */
export function hideToast(topic) {
  shown.get(topic)?.remove();
  shown.delete(topic);
}

/** @param {unknown} error */
export function messageOf(error) {
  return sentence(error instanceof Error ? error.message : String(error));
}
