// @ts-check
/** Asks the server one question at a time, and shows that the answer takes long. */

import { element } from "../shared/dom.js";
import { Latest, STALE } from "../shared/latest.js";
import { hideToast, showToast } from "../shared/toast.js";

/** Show that work is in progress after this time; most answers arrive sooner. */
const BUSY_MS = 100;
/** Tell the user that the server is slow after this time. */
const SLOW_MS = 3_000;

export class Questions {
  #result;
  #onError;
  #latest = new Latest();

  /** @param {import("./result.js").ResultView} result @param {(error: unknown) => void} onError */
  constructor(result, onError) {
    this.#result = result;
    this.#onError = onError;
  }

  /**
   * Run a task and show errors; a newer task replaces it.
   * @param {"predict" | "random"} buttonId  the button that shows the progress
   * @param {(signal: AbortSignal) => Promise<void>} task
   */
  async ask(buttonId, task) {
    const busy = window.setTimeout(() => {
      this.#result.showBusy();
      element(buttonId, HTMLButtonElement).setAttribute("aria-busy", "true");
    }, BUSY_MS);
    const slow = window.setTimeout(() => showToast("slow", "The server is slow. Your drawing is safe. Waiting…", "info"), SLOW_MS);
    try {
      if ((await this.#latest.run(task)) !== STALE) hideToast("reading");
    } catch (error) {
      this.#onError(error);
    } finally {
      window.clearTimeout(busy);
      window.clearTimeout(slow);
      if (!this.#latest.isBusy) this.#rest();
    }
  }

  /** Drop the question that waits for its answer. */
  cancel() {
    this.#latest.cancel();
  }

  #rest() {
    hideToast("slow");
    this.#result.showIdle();
    for (const id of ["predict", "random"]) element(id, HTMLButtonElement).removeAttribute("aria-busy");
  }
}
