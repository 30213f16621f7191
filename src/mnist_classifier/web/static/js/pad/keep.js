// @ts-check
/**
 * Loads the parts that keep drawings (session.js): at once if there is something to open or to store, or else when the
 * page of a new visitor, which stays small, has nothing else to do.
 */

import { idle } from "../shared/idle.js";

/** How long to wait for a server that does not answer. */
const RETRY_MS = 2_000;

/** Where browsers store the drawings. */
export const KEY = "mnist-classifier.pad";

/** The start of a fragment that holds a drawing. */
export const DRAWING = "#d=";

/** @param {import("./workbench.js").Workbench} bench */
export async function keep(bench) {
  const isNew = !isAsked();
  let isChanged = false;
  const somethingToKeep = new Promise((resolve) => {
    bench.onChange = () => {
      isChanged = true;
      resolve(null);
    };
    window.addEventListener("hashchange", resolve, { once: true });
  });
  if (isNew) await Promise.race([somethingToKeep, idle()]);
  /** @type {typeof import("./session.js") | null} */
  let parts = null;
  while (parts === null) {
    parts = await import("./session.js").catch(() => null);
    if (parts === null) await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // no server
  }
  await new parts.Session(bench).start(isNew, isChanged);
}

/** Whether the address or the browser holds something to show. */
function isAsked() {
  if (/[?&](mode|version)=/.test(location.search) || location.hash.startsWith(DRAWING)) return true;
  try {
    return [window.sessionStorage, window.localStorage].some((each) => each.getItem(KEY) !== null);
  } catch {
    return false;
  }
}
