// @ts-check
/**
 * Keys for the whole page.  A key that means something to the element in focus
 * (typing in a field, Enter on a button) is left to it.
 *
 * @typedef {"predict" | "clear" | "undo" | "redo" | "random" | "eraser" | "thinner" | "thicker" | "mode" | "upload" | "download" | "help"} Action
 * @typedef {Partial<Record<Action, () => void>>} Actions  what the page can do
 * @typedef {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean, shiftKey?: boolean}} Key
 */

/** @type {Readonly<Record<string, Action>>} */
const KEYS = Object.freeze({
  enter: "predict",
  c: "clear",
  delete: "clear",
  backspace: "clear",
  u: "undo",
  y: "redo",
  r: "random",
  e: "eraser",
  "[": "thinner",
  "]": "thicker",
  "-": "thinner",
  "+": "thicker",
  n: "mode",
  o: "upload",
  s: "download",
  "?": "help",
});

/**
 * @param {Key} key
 * @returns {Action | null}
 */
export function actionFor({ key, ctrlKey = false, metaKey = false, altKey = false, shiftKey = false }) {
  const letter = key.toLowerCase();
  if (ctrlKey || metaKey) {
    if (altKey) return null;
    if (letter === "z") return shiftKey ? "redo" : "undo";
    return letter === "y" ? "redo" : null;
  }
  // Keyboards that have brackets on a third level send Alt with them.
  if (altKey && !"[]?".includes(key)) return null;
  return Object.hasOwn(KEYS, letter) ? KEYS[letter] : null;
}

/** @param {Actions} actions */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("input:not([type=file]), textarea, select, dialog, [contenteditable]")) return;
    if (event.key === "Enter" && target.closest("button, a, summary, label")) return;
    const action = actionFor(event);
    const act = action === null ? undefined : actions[action];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}
