// @ts-check
/** The notice that the MNIST images are missing, with a button that downloads them. */

import * as api from "./api.js";
import { element, write } from "./dom.js";
import { sentence } from "./format.js";
import { messageOf } from "./toast.js";

const POLL_MS = 700;

export class DatasetNotice {
  /** Called once the download is complete. */
  onReady = () => {};

  #root = element("dataset", HTMLElement);
  #text = element("dataset-text", HTMLElement);
  #bar = element("dataset-progress", HTMLProgressElement);
  #button = element("dataset-download", HTMLButtonElement);
  #isPolling = false;

  constructor() {
    this.#button.addEventListener("click", () => this.#download());
  }

  hide() {
    if (!this.#isPolling) this.#root.hidden = true;
  }

  /** @param {string} [text] @param {string} [offer]  the words of the button */
  showMissing(text = "The MNIST test images are not on this computer yet.", offer = "Download MNIST (11 MB)") {
    if (this.#isPolling) return;
    this.#show(text, { offer });
  }

  async #download() {
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#show("Starting the download…", { fraction: null });
    try {
      await api.downloadDataset();
      await this.#poll();
    } catch (error) {
      this.#show(messageOf(error), { offer: "Try again", isError: true });
    } finally {
      this.#isPolling = false;
    }
  }

  async #poll() {
    for (;;) {
      const { status, fraction = null, message } = await api.dataset();
      if (status === "ready") return this.#ready();
      if (status === "failed" || status === "missing") throw new Error(message || "The download failed.");
      this.#show(message ? sentence(message) : "Downloading MNIST…", { fraction });
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #ready() {
    this.#root.hidden = true;
    this.onReady();
  }

  /**
   * @param {string} text
   * @param {{offer?: string, fraction?: number | null, isError?: boolean}} how  without `fraction` there is no progress bar
   */
  #show(text, { offer, fraction, isError = false }) {
    this.#root.hidden = false;
    this.#root.dataset.kind = isError ? "error" : "info";
    write(this.#text, text);
    this.#button.hidden = offer === undefined;
    if (offer !== undefined) write(this.#button, offer);
    this.#bar.hidden = fraction === undefined;
    if (typeof fraction === "number") this.#bar.value = fraction;
    else this.#bar.removeAttribute("value");
  }
}
