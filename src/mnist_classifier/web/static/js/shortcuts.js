// @ts-check
/**
 * Keys for the whole page.  A key that means something to the element in focus
 * (typing in a field, Enter on a button) is left to it.
 *
 * @typedef {{predict: () => void, clear: () => void, undo: () => void, random: () => void}} Actions
 * @typedef {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean}} Key
 */

/**
 * @param {Key} key
 * @returns {keyof Actions | null}
 */
export function actionFor({ key, ctrlKey = false, metaKey = false, altKey = false }) {
  if (altKey) return null;
  const letter = key.toLowerCase();
  if (ctrlKey || metaKey) return letter === "z" ? "undo" : null;
  if (key === "Enter") return "predict";
  if (key === "Delete" || key === "Backspace" || letter === "c") return "clear";
  if (letter === "u") return "undo";
  return letter === "r" ? "random" : null;
}

/** @param {Actions} actions */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "Enter" && target.closest("button, a, summary, label")) return;
    const action = actionFor(event);
    if (action === null) return;
    event.preventDefault();
    actions[action]();
  });
}
