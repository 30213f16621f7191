// @ts-check
/** Image files from a chooser, the camera, the clipboard or a drag, anywhere on the page. */

import { element } from "../shared/dom.js";

/** @param {(file: File) => void} onFile */
export function listenForFiles(onFile) {
  for (const id of ["file", "camera"]) {
    const chooser = element(id, HTMLInputElement);
    chooser.addEventListener("change", () => {
      const file = chooser.files?.[0];
      // The same file can be chosen again.
      if (file) onFile(file);
      chooser.value = "";
    });
  }
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) onFile(file);
  });
  listenForDrops(onFile);
}

/** @param {(file: File) => void} onFile */
function listenForDrops(onFile) {
  const zone = element("pad-frame", HTMLElement);
  /** @param {boolean} isOver */
  const mark = (isOver) => {
    zone.dataset.over = String(isOver);
  };
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) mark(false);
  });
  document.addEventListener("drop", (event) => {
    mark(false);
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
}
