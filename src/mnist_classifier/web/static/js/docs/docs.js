// @ts-check
/** The page of the HTTP API: opens the section of the address, and tries /predict. */

import { request } from "../shared/api.js";
import { element } from "../shared/dom.js";
import { messageOf } from "../shared/toast.js";

const UPLOAD_TIMEOUT_MS = 60_000;

/** Open the route or type that the address names. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView();
}

/** @param {SubmitEvent} event */
async function tryPredict(event) {
  event.preventDefault();
  const reply = element("try-reply", HTMLElement);
  const button = element("try-send", HTMLButtonElement);
  const body = new FormData(element("try", HTMLFormElement));
  button.disabled = true;
  try {
    const answer = await request("/predict", { method: "POST", body, timeout_ms: UPLOAD_TIMEOUT_MS });
    reply.textContent = JSON.stringify(answer, null, 1);
  } catch (error) {
    reply.textContent = messageOf(error);
  } finally {
    reply.hidden = false;
    button.disabled = false;
  }
}

element("try", HTMLFormElement).addEventListener("submit", tryPredict);
element("try-send", HTMLButtonElement).disabled = false;
window.addEventListener("hashchange", openTarget);
openTarget();
