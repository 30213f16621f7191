// @ts-check
/**
 * The panel that trains a new model.  It shows whatever training the server
 * reports, whoever started it.
 *
 * @typedef {import("./api.js").Status} Status
 * @typedef {import("./api.js").Training} Training
 */

import * as api from "./api.js";
import { element, write } from "./dom.js";
import { count, duration, loss, outcome, percent, sentence, UNKNOWN } from "./format.js";
import { hideToast, messageOf, showToast } from "./toast.js";

export class TrainingPanel {
  #root = element("training", HTMLElement);
  #form = element("training-form", HTMLFormElement);
  #start = element("training-start", HTMLButtonElement);
  #cancel = element("training-cancel", HTMLButtonElement);
  #bar = element("training-progress", HTMLProgressElement);
  #headline = element("training-headline", HTMLElement);
  #outcome = element("training-outcome", HTMLElement);
  #error = element("training-error", HTMLElement);
  #refresh;
  /** The run that is being watched. @type {number | null} */
  #runId = null;
  #isCancelling = false;

  /** @param {() => void} refresh  asks for the status at once */
  constructor(refresh) {
    this.#refresh = refresh;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("input", () => this.#showFieldError("", null));
    this.#cancel.addEventListener("click", () => this.#cancelRun());
  }

  /** @param {Status} status */
  show({ training, last_run: lastRun = null }) {
    if (training !== null) return this.#showTraining(training);
    const hadRun = this.#runId;
    this.#runId = null;
    this.#isCancelling = false;
    this.#root.dataset.state = "idle";
    this.#start.disabled = false;
    write(this.#headline, "");
    if (lastRun === null) return;
    const { good, words } = outcome(lastRun);
    write(this.#outcome, words);
    this.#outcome.dataset.good = String(good);
    if (hadRun === lastRun.run_id) showToast("training", words, good ? "good" : "error");
  }

  /** @param {string} message */
  showError(message) {
    if (this.#root.dataset.state === "loading") this.#root.dataset.state = "idle";
    write(this.#headline, message);
  }

  /** @param {Training} training */
  #showTraining(training) {
    if (this.#runId !== training.run_id) this.#isCancelling = false;
    this.#runId = training.run_id;
    this.#root.dataset.state = "training";
    this.#cancel.disabled = this.#isCancelling;
    write(this.#outcome, "");
    write(this.#headline, this.#headlineOf(training));
    if (typeof training.fraction === "number") this.#bar.value = training.fraction;
    else this.#bar.removeAttribute("value");
    this.#figure("epoch", `${training.epoch ?? 0} of ${training.epochs ?? UNKNOWN}`);
    this.#figure("speed", count(training.images_per_s));
    this.#figure("eta", duration(training.eta_s));
    this.#figure("train-loss", loss(training.train_loss));
    this.#figure("train-accuracy", percent(training.train_accuracy, 2));
    this.#figure("validation-loss", loss(training.validation_loss));
    this.#figure("validation-accuracy", percent(training.validation_accuracy, 2));
  }

  /** @param {Training} training */
  #headlineOf({ run_id, status, message }) {
    if (this.#isCancelling) return `Cancelling training ${run_id}…`;
    if (message) return sentence(message);
    return status === "queued" ? `Training ${run_id} is about to start…` : `Training ${run_id} is running`;
  }

  /** @param {string} name @param {string} text */
  #figure(name, text) {
    write(element(`training-${name}`, HTMLElement), text);
  }

  async #submit() {
    this.#start.disabled = true;
    this.#showFieldError("", null);
    hideToast("training");
    try {
      this.#runId = (await api.retrain(this.#config())).run_id;
    } catch (error) {
      this.#start.disabled = false;
      if (error instanceof api.ApiError && error.field !== null) this.#showFieldError(messageOf(error), error.field);
      else showToast("training", messageOf(error));
    }
    this.#refresh();
  }

  /** Only what was filled in: the recipe knows the rest. */
  #config() {
    /** @type {Record<string, number | string>} */
    const config = {};
    for (const control of this.#form.querySelectorAll("input, select")) {
      const { name, value } = /** @type {HTMLInputElement | HTMLSelectElement} */ (control);
      if (value.trim() !== "") config[name] = control instanceof HTMLSelectElement ? value : Number(value);
    }
    return config;
  }

  /** @param {string} message @param {string | null} fieldName */
  #showFieldError(message, fieldName) {
    write(this.#error, message);
    for (const input of this.#form.querySelectorAll("input, select")) {
      if (input.getAttribute("name") === fieldName) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  async #cancelRun() {
    if (this.#runId === null) return;
    this.#isCancelling = true;
    this.#cancel.disabled = true;
    write(this.#headline, `Cancelling training ${this.#runId}…`);
    try {
      await api.cancelRun(this.#runId);
    } catch (error) {
      this.#isCancelling = false;
      this.#cancel.disabled = false;
      showToast("training", messageOf(error));
    }
    this.#refresh();
  }
}
