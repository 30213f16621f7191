// @ts-check
/** The help dialog, which lists the keys. */

import { element } from "./dom.js";

/** Returns a function that opens the dialog. */
export function listenForHelp() {
  const dialog = element("help", HTMLDialogElement);
  const open = () => {
    if (!dialog.open) dialog.showModal();
  };
  element("help-open", HTMLButtonElement).addEventListener("click", open);
  element("help-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return open;
}
