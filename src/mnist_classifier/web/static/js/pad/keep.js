// @ts-check
/**
 * Loads the parts that keep drawings (session.js) when there is something to open or to store, so that the page of a
 * new visitor stays small.
 */

/** Where browsers store the drawings. */
export const KEY = "mnist-classifier.pad";

/** The start of a fragment that holds a drawing. */
export const DRAWING = "#d=";

/** @param {import("./workbench.js").Workbench} bench */
export async function keep(bench) {
  const isNew = !isAsked();
  /** @type {typeof import("./session.js") | null} */
  let parts = null;
  for (let mayWait = isNew; parts === null; mayWait = true) {
    if (mayWait) await somethingToKeep(bench);
    parts = await import("./session.js").catch(() => null); // no server: try again at the next change
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
