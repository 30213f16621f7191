// @ts-check
/** A modal dialog that asks one question. */

import { make } from "./dom.js";

/**
 * @param {string} name  in its class and ids
 * @param {string} title
 * @param {string} text
 * @param {(close: (answer: string) => void) => Node[]} content  makes the elements below the text
 * @returns {Promise<string>}  the answer; "" if the dialog was dismissed
 */
export function askInDialog(name, title, text, content) {
  const heading = make("h2", { text: title });
  heading.id = `${name}-heading`;
  const words = make("p", { text });
  words.id = `${name}-text`;
  const dialog = make("dialog", { className: `model-dialog ${name}-dialog` }, heading, words);
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.setAttribute("aria-describedby", words.id);
  dialog.append(...content((answer) => dialog.close(answer)));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
  });
}
