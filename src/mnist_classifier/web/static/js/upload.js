// @ts-check
/** Image files from a chooser, the clipboard or a drag, anywhere on the page. */

import { element } from "./dom.js";

/** @param {(file: File) => void} onFile */
export function listenForFiles(onFile) {
  const chooser = element("file", HTMLInputElement);
  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    chooser.value = "";
    if (file) onFile(file);
  });
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) onFile(file);
  });
  listenForDrops(onFile);
}

/** @param {(file: File) => void} onFile */
function listenForDrops(onFile) {
  const zone = element("drop-zone", HTMLElement);
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
