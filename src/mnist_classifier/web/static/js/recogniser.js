// @ts-check
/** The full recogniser: the home page's pad, files, the model and its training. */

import { fileSize } from "./format.js";
import { ModelCard } from "./model.js";
import { watchStatus } from "./status.js";
import { messageOf } from "./toast.js";
import { TrainingPanel } from "./training.js";
import { listenForFiles } from "./upload.js";
import { Workbench } from "./workbench.js";

const bench = new Workbench();
const card = new ModelCard();
const panel = new TrainingPanel(() => refresh());
/** @type {number | undefined} */
let version;

const refresh = watchStatus({
  onStatus(status) {
    card.show(status);
    panel.show(status);
    const isNewer = version !== undefined && status.model !== null && status.model.version !== version;
    version = status.model?.version;
    if (isNewer) bench.reread();
  },
  onError(error) {
    card.showError(messageOf(error));
    panel.showError(messageOf(error));
  },
});

listenForFiles((file) => bench.showFile(file, `${file.name || "Pasted image"}, ${fileSize(file.size)}`));
