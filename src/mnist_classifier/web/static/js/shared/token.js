// @ts-check
/**
 * The server's token, where it has one: asked for when a request is refused,
 * kept until the tab is closed.
 */

import { button } from "./dom.js";

const KEY = "mnist-token";

/** Where the browser keeps nothing, the token lasts for the page. */
let token = "";
/** @type {Promise<boolean> | null} */
let asking = null;

/** The header that brings the token, if it is known. @returns {Record<string, string>} */
export function authorization() {
  const known = token || stored();
  return known === "" ? {} : { Authorization: `Bearer ${known}` };
}

/**
 * Ask the person; requests that are refused at the same time ask once.
 * @param {string} why  what the server said
 * @returns {Promise<boolean>}  whether there is a token to try
 */
export function askForToken(why) {
  asking ??= show(why).finally(() => (asking = null));
  return asking;
}

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} value */
function keep(value) {
  token = value;
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // Blocked or full: it lasts for this page.
  }
}

/** @param {string} why @returns {Promise<boolean>} */
function show(why) {
  const dialog = document.createElement("dialog");
  dialog.className = "model-dialog token-dialog";
  dialog.setAttribute("aria-labelledby", "token-heading");
  const heading = document.createElement("h2");
  heading.id = "token-heading";
  heading.textContent = "This server needs a token";
  const text = document.createElement("p");
  text.textContent = `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
  const form = document.createElement("form");
  form.className = "dialog-form";
  const label = document.createElement("label");
  label.textContent = "Token (kept until you close this tab)";
  const input = document.createElement("input");
  input.type = "password";
  input.required = true;
  input.autocomplete = "off";
  label.append(input);
  const send = document.createElement("button");
  send.className = "primary";
  send.textContent = "Continue";
  const actions = document.createElement("div");
  actions.className = "dialog-actions";
  actions.append(send, button("Cancel", "", () => dialog.close()));
  form.append(label, actions);
  dialog.append(heading, text, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      given = true;
      keep(input.value.trim());
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(given);
    });
    dialog.showModal();
  });
}
