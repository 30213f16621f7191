// @ts-check
/** The home page: the pad and the reading. */

import { modelStatus } from "../shared/api.js";
import { element, write } from "../shared/dom.js";
import { modelLine } from "../shared/model.js";
import { messageOf } from "../shared/toast.js";
import { Workbench } from "./workbench.js";

const line = element("model-line", HTMLElement);
/** @type {number | undefined} */
let shownVersion;

async function showModel() {
  try {
    const status = await modelStatus();
    shownVersion = status.model?.version;
    write(line, modelLine(status));
  } catch (error) {
    write(line, messageOf(error));
  }
}

export const bench = new Workbench();
/** @type {typeof bench.onReading} */
bench.onReading = ({ model }) => {
  if (model !== undefined && model.version !== shownVersion) showModel();
};
showModel();
