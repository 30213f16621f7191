// @ts-check
/**
 * Loads the parts that keep drawings (session.js) when there is something to open or to store, so that the page of a
 * new visitor stays small.
 */

/** How long to wait for a server that does not answer. */
const RETRY_MS = 2_000;

/** Where browsers store the drawings. */
export const KEY = "mnist-classifier.pad";

/** The start of a fragment that holds a drawing. */
export const DRAWING = "#d=";

/** @param {import("./workbench.js").Workbench} bench */
export async function keep(bench) {
  const isNew = !isAsked();
  /** @type {typeof import("./session.js") | null} */
  let parts = null;
  if (isNew) await somethingToKeep(bench);
  while (parts === null) {
    parts = await import("./session.js").catch(() => null);
    if (parts === null) await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // no server
  }
  await new parts.Session(bench).start(isNew);
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

/** @param {import("./workbench.js").Workbench} bench @returns {Promise<void>} */
function somethingToKeep(bench) {
  return new Promise((resolve) => {
    bench.onChange = resolve;
    window.addEventListener("hashchange", () => resolve(), { once: true });
  });
}
