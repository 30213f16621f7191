// @ts-check
/** The writer whose personal model reads on this page; "" for the model of everybody. */

/** Where browsers keep the name that the user gives with corrections. */
export const WRITER = "mnist-classifier.writer";
const KEY = "mnist-classifier.personal";
/** The parameter of an address that chooses a writer. */
const PARAMETER = "personal";

let chosen = new URLSearchParams(globalThis.location?.search ?? "").get(PARAMETER) ?? stored();

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** The writer; "" for everybody. */
export function personalWriter() {
  return chosen;
}

/** Read with the model of everybody on this page.  The tab keeps its choice for other pages. */
export function readForEverybody() {
  chosen = "";
}

/** Let this tab read with the personal model of a writer, also after a reload. @param {string} writer  "" for everybody */
export function choosePersonal(writer) {
  chosen = writer;
  const address = new URL(location.href);
  if (address.searchParams.has(PARAMETER)) {
    address.searchParams.delete(PARAMETER);
    history.replaceState(history.state, "", address);
  }
  try {
    sessionStorage.setItem(KEY, writer);
  } catch {
    // Storage is blocked or full.
  }
}

/** The parameter of a request for a reading. @returns {Record<string, string>} */
export function personalQuery() {
  return chosen === "" ? {} : { [PARAMETER]: chosen };
}
