// @ts-check
/**
 * Links and pictures of the page.
 *
 * @typedef {import("./state.js").View} View
 */

import { make } from "../shared/dom.js";
import { format } from "./state.js";

/**
 * A link to another view of this page. It can be opened in a new tab; a plain
 * click shows the view without loading the page again.
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
