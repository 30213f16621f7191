// @ts-check
/**
 * Keyboard shortcuts of the page.  A key that the focused element uses itself
 * (typing in a field, Enter on a button) does nothing else.
 *
 * @typedef {"predict" | "clear" | "undo" | "redo" | "random" | "eraser" | "thinner" | "thicker" | "mode" | "upload" | "download" | "help"} Action
 * @typedef {Partial<Record<Action, () => void>>} Actions  functions to call
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
 * The action of a key; null if it has none.
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
  // Some keyboards need Alt (AltGr) for brackets.
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
