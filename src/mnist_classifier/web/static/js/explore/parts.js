// @ts-check
/**
 * Small parts of the page.
 *
 * @typedef {import("./state.js").View} View
 */

import { format } from "./state.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{className?: string, text?: string}} [how]
 * @param {Node[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, { className = "", text = "" } = {}, ...children) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  made.append(...children);
  return made;
}

/**
 * A link to another view of this page: it can be opened in a tab of its own,
 * and a plain click goes there without loading the page anew.
 * @param {View} view
 * @param {{className?: string, text?: string, label?: string, current?: boolean}} how
 * @param {Node[]} children
 */
export function viewLink(view, { className, text, label, current = false }, ...children) {
  const link = make("a", { className, text }, ...children);
  link.href = format(view) || window.location.pathname;
  link.dataset.view = "";
  if (label !== undefined) link.setAttribute("aria-label", label);
  if (current) link.setAttribute("aria-current", "true");
  return link;
}

/** @param {string} source @param {string} [alt] */
export function picture(source, alt = "") {
  const image = new Image();
  image.src = source;
  image.alt = alt;
  return image;
}
