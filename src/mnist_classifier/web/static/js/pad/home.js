// @ts-check
/** The home page: the pad and the reading. */

import { modelStatus, request } from "../shared/api.js";
import { element, write } from "../shared/dom.js";
import { modelLine } from "../shared/model.js";
import { messageOf } from "../shared/toast.js";
import { personalWriter, WRITER } from "../shared/personal.js";
import { chosenVersion } from "../shared/version.js";
import { keep } from "./keep.js";
import { Workbench } from "./workbench.js";

const line = element("model-line", HTMLElement);
/** @type {number | undefined} */
let shownVersion;

async function showModel() {
  try {
    const status = await readerStatus();
    shownVersion = status.model?.version;
    write(line, modelLine(status));
  } catch (error) {
    write(line, messageOf(error));
  }
}

/** The model that reads here: the one in production, or the one that the address asks for. */
async function readerStatus() {
  const version = chosenVersion();
  if (version === null) return modelStatus();
  return { status: /** @type {const} */ ("ready"), model: await request(`/api/models/${version}`) };
}

/** Whether somebody of this browser writes under a name. */
function knowsWriter() {
  try {
    return localStorage.getItem(WRITER) !== null || personalWriter() !== "";
  } catch {
    return personalWriter() !== "";
  }
}

/** Personal models are for few visitors, and their list may need the token. */
async function offerPersonal() {
  const { offerReaders } = await import("./reader-choice.js");
  await offerReaders(() => bench.reread());
}

export const bench = new Workbench();
/** @type {typeof bench.onReading} */
bench.onReading = ({ model }) => {
  if (model !== undefined && model.version !== shownVersion) showModel();
};
keep(bench);
showModel();
if (knowsWriter()) offerPersonal();
