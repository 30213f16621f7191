// @ts-check
/** Let models learn from the corrections: a new version for everybody, and personal models. */

import { element } from "../shared/dom.js";
import { at } from "../shared/paths.js";
import { messageOf, showToast } from "../shared/toast.js";
import * as api from "./api.js";
import { Personal } from "./personal.js";

/** The recipe that learns from corrections. */
const RECIPE = "corrections";

export class Learn {
  /** Called before a model learns. @type {() => Promise<void>} */
  before = async () => {};

  #root = element("learn", HTMLElement);
  #retrain = element("retrain-part", HTMLElement);
  #personal = new Personal(() => this.before());
  #start = element("retrain", HTMLButtonElement);
  /** Whether the server can retrain; asked once. @type {Promise<boolean> | null} */
  #canRetrain = null;

  constructor() {
    this.#start.addEventListener("click", () => this.#train());
  }

  /** @param {import("../shared/api-types.js").CorrectionTotals} totals */
  async show({ count, writers }) {
    this.#root.hidden = count === 0;
    if (count === 0) return;
    this.#personal.show(writers.filter(({ name }) => name !== ""));
    this.#canRetrain ??= api.recipes().then((names) => names.includes(RECIPE), () => false);
    this.#retrain.hidden = !(await this.#canRetrain);
  }

  async #train() {
    this.#start.disabled = true;
    try {
      await this.before();
      await api.retrain(RECIPE);
      location.assign(at("/training"));
    } catch (error) {
      showToast("retrain", messageOf(error));
    } finally {
      this.#start.disabled = false;
    }
  }
}
