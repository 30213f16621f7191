// @ts-check
/** The name that this browser gives with corrections, if the user entered one. */

import { askInDialog } from "./ask.js";
import { button, make } from "./dom.js";
import { WRITER } from "./personal.js";

/** The server takes no more characters. */
const LONGEST = 100;
/** Keeps the name for this page if the browser stores nothing. @type {string | null} */
let name = null;

/** The name; "" if there is none. */
export function writer() {
  try {
    return name ?? localStorage.getItem(WRITER) ?? "";
  } catch {
    return "";
  }
}

/** The name that somebody typed; "" if nothing of it can be seen. @param {string} text */
export function nameOf(text) {
  return /[\p{L}\p{N}\p{P}\p{S}\p{Cn}\p{Co}]/u.test(text) ? text.trim() : "";
}

/** @param {string} value */
export function keepWriter(value) {
  name = value;
  try {
    if (value === "") localStorage.removeItem(WRITER);
    else localStorage.setItem(WRITER, value);
  } catch {
    // Storage is blocked or full.
  }
}

/** Ask for the name, and keep it. @returns {Promise<boolean>}  whether the user answered */
export async function askForWriter() {
  const why = "The name is stored with your next corrections, so that a model can learn your handwriting. Any name will do. Leave it empty to give none.";
  const answer = await askForName("Who is writing?", why, writer());
  if (answer !== null) keepWriter(answer);
  return answer !== null;
}

/** Ask for a writer's name. @param {string} title @param {string} why @param {string} before @returns {Promise<string | null>}  null if the user cancelled */
export async function askForName(title, why, before) {
  const input = make("input");
  input.type = "text";
  input.maxLength = LONGEST;
  input.autocomplete = "off";
  input.value = before;
  const answer = await askInDialog("writer", title, why, (close) => {
    const save = make("button", { className: "primary", text: "Save" });
    const actions = make("div", { className: "dialog-actions" }, save, button("Cancel", "", () => close("")));
    const form = make("form", { className: "dialog-form" }, make("label", {}, "Name", input), actions);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close("given");
    });
    return [form];
  });
  return answer === "given" ? nameOf(input.value) : null;
}
