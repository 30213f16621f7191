// @ts-check
/** The controls of the workbench: buttons, keys, and files from a chooser, the clipboard or a drag. */

import { element } from "../shared/dom.js";
import { saveDrawing } from "../shared/download.js";
import { listenForHelp } from "../shared/help.js";
import { listenToKeys } from "../shared/shortcuts.js";
import { MODES } from "./sheets.js";
import { Tools } from "./tools.js";
import { listenForFiles } from "./upload.js";

/** @param {import("./workbench.js").Workbench} bench @param {import("./pad.js").Pad} pad */
export function listen(bench, pad) {
  const actions = {
    predict: () => bench.predict(),
    clear: () => bench.clear(),
    undo: () => bench.undo(),
    redo: () => pad.redo(),
    random: () => bench.showRandom(),
    download: () => saveDrawing(pad),
  };
  const others = { share: () => bench.share(), "read-number": () => bench.readAsNumber() };
  for (const [id, action] of Object.entries({ ...actions, ...others })) {
    element(id, HTMLButtonElement).addEventListener("click", action);
  }
  for (const mode of MODES) {
    element(`mode-${mode}`, HTMLButtonElement).addEventListener("click", () => bench.setMode(mode));
  }
  const tools = new Tools(pad);
  listenToKeys({
    ...actions,
    eraser: () => tools.toggleEraser(),
    thinner: () => tools.stepPen(-1),
    thicker: () => tools.stepPen(1),
    mode: () => bench.setMode(bench.mode === "digit" ? "number" : "digit"),
    upload: () => element("file", HTMLInputElement).click(),
    help: listenForHelp(),
  });
  listenForFiles((file) => bench.showFile(file));
}
