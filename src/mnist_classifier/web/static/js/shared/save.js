// @ts-check
/** Saves files. */

/** Save what is behind an address. @param {string} url @param {string} name */
export function saveUrl(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Save text as a file. @param {string} name @param {string} text @param {string} type */
export function saveText(name, text, type) {
  saveBlob(new Blob([text], { type }), name);
}

/** @param {Blob} content @param {string} name */
export function saveBlob(content, name) {
  const url = URL.createObjectURL(content);
  saveUrl(url, name);
  // Chromium and Firefox have read the address when click returns; Safari needs a moment.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
