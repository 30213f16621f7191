// @ts-check
/** Keeps the keyboard focus where the content of the page is made anew. */

/**
 * Change what an element holds; the focus stays on the control of the same name.
 * @param {HTMLElement} root @param {() => void} change
 * @param {{name?: (control: Element) => string, otherwise?: HTMLElement}} [options]  name: tells the controls apart; otherwise: gets the focus if the control is gone
 */
export function keepFocus(root, change, { name = nameOf, otherwise } = {}) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const before = focused === null ? null : name(focused);
  change();
  const again = before === null ? undefined : [...root.querySelectorAll("a, button, input")].find((each) => name(each) === before);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  else if (before !== null) otherwise?.focus();
}

/** @param {Element} control */
function nameOf(control) {
  return control.getAttribute("aria-label") ?? control.textContent ?? "";
}
