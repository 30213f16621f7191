// @ts-check
/** What can wait, waits until the page has nothing else to do. */

/** Wait so long for an idle moment where the browser cannot tell one. */
const IDLE_MS = 200;
/** Wait no longer on a page that is never idle. */
const BUSY_MS = 2_000;

/** Resolves when the page has loaded and has nothing else to do. @returns {Promise<void>} */
export async function idle() {
  if (document.readyState !== "complete") await new Promise((resolve) => window.addEventListener("load", resolve, { once: true }));
  // Safari has no requestIdleCallback.
  await new Promise((resolve) => ("requestIdleCallback" in window ? requestIdleCallback(resolve, { timeout: BUSY_MS }) : setTimeout(resolve, IDLE_MS)));
}
