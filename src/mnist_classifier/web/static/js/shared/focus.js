// @ts-check
/** Keeps the keyboard focus where the content of the page is made anew. */

/**
 * Change what an element holds; the focus stays on the control of the same name.
 * @param {HTMLElement} root @param {() => void} change
 * @param {(control: Element) => string} name  tells the controls apart
 */
export function keepFocus(root, change, name = (control) => control.getAttribute("aria-label") ?? control.textContent ?? "") {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const before = focused === null ? null : name(focused);
  change();
  const again = before === null ? undefined : [...root.querySelectorAll("a, button, input")].find((each) => name(each) === before);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}
