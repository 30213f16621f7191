// @ts-check
/** The server's token: the page asks for it when a request is refused, and keeps it until the tab is closed. */

import { askInDialog } from "./ask.js";
import { button, make } from "./dom.js";
import { sentence } from "./format.js";

const KEY = "mnist-token";

/** Keeps the token for this page if the browser stores nothing. */
let token = "";
/** @type {Promise<boolean> | null} */
let asking = null;

/** The header with the token, if there is one. @returns {Record<string, string>} */
export function authorization() {
  const known = token || stored();
  return known === "" ? {} : { Authorization: `Bearer ${known}` };
}

/**
 * Ask the user for the token; requests that are refused at the same time ask once.
 * @param {string} why  the server's message
 * @returns {Promise<boolean>}  whether the user entered one
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
    // Storage is blocked or full.
  }
}

/** @param {string} why @returns {Promise<boolean>} */
async function show(why) {
  const input = make("input");
  input.type = "password";
  input.required = true;
  input.autocomplete = "off";
  const answer = await askInDialog("token", "This server needs a token", sentence(why), (close) => {
    const label = make("label", {}, "Token (kept until you close this tab)", input);
    const send = make("button", { className: "primary", text: "Continue" });
    const actions = make("div", { className: "dialog-actions" }, send, button("Cancel", "", () => close("")));
    const form = make("form", { className: "dialog-form" }, label, actions);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keep(input.value.trim());
      close("given");
    });
    return [form];
  });
  return answer === "given";
}
