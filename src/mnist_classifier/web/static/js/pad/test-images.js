// @ts-check
/** Random test images; where MNIST is missing, those of the package, with an offer to download the rest. */

import { randomTestImage } from "../shared/api.js";
import { load } from "./paint.js";

export class TestImages {
  #onData;
  /** @type {import("../shared/dataset.js").DatasetNotice | null} */
  #notice = null;

  /** @param {() => void} onData  called once MNIST has been downloaded */
  constructor(onData) {
    this.#onData = onData;
  }

  /** @param {AbortSignal} signal */
  async next(signal) {
    const { index, label, image, is_sample: isSample } = await randomTestImage(signal);
    if (isSample) await this.#offerData();
    else this.#notice?.hide();
    return { source: { image }, picture: await load(image), label, caption: `Test image ${index}` };
  }

  async #offerData() {
    const { DatasetNotice } = await import("../shared/dataset.js");
    this.#notice ??= new DatasetNotice();
    this.#notice.onReady = this.#onData;
    this.#notice.showMissing("This is one of the 200 test images that come with the program. MNIST has 10,000.");
  }
}
