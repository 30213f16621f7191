// @ts-check
/**
 * The form that starts a training.  An empty field means the recipe's value.
 *
 * @typedef {import("../shared/api-types.js").Recipe} Recipe
 * @typedef {import("../shared/api-types.js").RecipeTimes} RecipeTimes
 */

import * as api from "../shared/api.js";
import { DatasetNotice } from "../shared/dataset.js";
import { element, write } from "../shared/dom.js";
import { roughDuration, sentence } from "../shared/format.js";
import { messageOf } from "../shared/toast.js";
import { faultOf } from "./faults.js";
import { lengthOf, secondsOf, timeText } from "./times.js";

const TIMES_POLL_MS = 2_000;
const MISSING = "Training needs MNIST: 70,000 images of handwritten digits. They are not on this computer yet.";

export class RunForm {
  #form = element("run-form", HTMLFormElement);
  #error = element("run-error", HTMLElement);
  #start = element("run-start", HTMLButtonElement);
  #recipe = element("config-recipe", HTMLSelectElement);
  #dataset = new DatasetNotice();
  #recipes;
  #onStart;
  /** @type {RecipeTimes} */
  #times = { state: "unavailable", seconds: {} };
  #hasAsked = false;

  /** @param {Recipe[]} recipes @param {(runId: number) => void} onStart */
  constructor(recipes, onStart) {
    this.#recipes = recipes;
    this.#onStart = onStart;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#start.disabled = false;
    this.#form.addEventListener("input", ({ target }) => this.#change(target));
    this.#recipe.addEventListener("change", () => this.#showRecipe());
    // Measuring takes the server some seconds of the processor, so only who fills in the form causes it.
    this.#form.addEventListener("focusin", () => this.#askTimes(), { once: true });
    this.#dataset.onReady = () => this.#submit();
    this.#showRecipe();
  }

  /** @param {boolean} busy  whether a training is running */
  showBusy(busy) {
    write(this.#start, busy ? "Queue training" : "Start training");
    write(element("run-hint", HTMLElement), busy ? "Another training is running. This one starts after it." : "");
    if (!busy && this.#hasAsked && this.#times.state === "busy") this.#askTimes();
  }

  /** The seconds that a run trains here, if those of its recipe are known. @param {import("./times.js").Planned} run */
  secondsOf(run) {
    const values = this.#recipes.find(({ name }) => name === run.recipe)?.values;
    return secondsOf(run, this.#times, { epochs: this.#default("epochs"), train_images: this.#default("train_images"), ...values });
  }

  /** The value of `classic`, from which the other recipes differ. @param {string} name */
  #default(name) {
    return Number(element(`config-${name}`, HTMLInputElement).dataset.default);
  }

  /** Show how long each recipe takes.  The server measures it when it is first asked. */
  async #askTimes() {
    this.#hasAsked = true;
    try {
      this.#times = await api.recipeTimes();
    } catch {
      return; // the form works without them
    }
    this.#showTime();
    if (this.#times.state === "measuring") window.setTimeout(() => this.#askTimes(), TIMES_POLL_MS);
  }

  #showTime() {
    const plain = { epochs: this.#placeholder("epochs"), train_images: this.#placeholder("train_images") };
    const share = lengthOf({ ...plain, ...this.#config() }) / lengthOf(plain);
    write(element("recipe-time", HTMLElement), timeText(this.#times, this.#recipe.value, share));
    for (const place of element("recipes", HTMLElement).querySelectorAll("span")) {
      const seconds = this.#times.seconds[place.dataset.recipe ?? ""];
      write(place, seconds === undefined ? "" : `About ${roughDuration(seconds)} here.`);
    }
  }

  /** The recipe's value of a field. @param {string} name */
  #placeholder(name) {
    return Number(element(`config-${name}`, HTMLInputElement).placeholder);
  }

  #showRecipe() {
    /** @type {Partial<Recipe>} */
    const chosen = this.#recipes.find(({ name }) => name === this.#recipe.value) ?? {};
    const { summary = "", values = {} } = chosen;
    write(element("recipe-summary", HTMLElement), sentence(summary));
    for (const control of this.#controls()) {
      if (control === this.#recipe) continue;
      const value = values[control.name];
      if (control instanceof HTMLInputElement) {
        control.dataset.default ??= control.placeholder;
        control.placeholder = String(value ?? control.dataset.default);
      } else {
        write(control.options[0], value === undefined ? "Recipe default" : `Recipe default: ${value}`);
      }
    }
    this.#showTime();
  }

  #controls() {
    return [...this.#form.querySelectorAll("input, select")].map((control) => /** @type {HTMLInputElement | HTMLSelectElement} */ (control));
  }

  /** Start the training; without MNIST, offer its download, which starts the training when it is complete. */
  async #submit() {
    this.#clearErrors();
    const wrong = this.#controls().find((control) => faultOf(control) !== "");
    if (wrong) return this.#showError(faultOf(wrong), wrong.name);
    this.#start.disabled = true;
    try {
      const { status } = await api.dataset();
      if (status !== "ready") return this.#dataset.showMissing(MISSING, "Download (12 MB), then train");
      this.#dataset.hide();
      const { run_id } = await api.submitRun(this.#config());
      this.#onStart(run_id);
    } catch (error) {
      this.#showError(messageOf(error), error instanceof api.ApiError ? error.field : null);
    } finally {
      this.#start.disabled = false;
    }
  }

  /** The values of the filled fields; the recipe has the others. */
  #config() {
    /** @type {Record<string, number | string>} */
    const config = {};
    for (const { name, value, dataset } of this.#controls()) {
      if (value.trim() !== "") config[name] = dataset.type === "str" ? value : Number(value);
    }
    return config;
  }

  /** @param {EventTarget | null} control */
  #change(control) {
    write(this.#error, "");
    if (control instanceof HTMLInputElement || control instanceof HTMLSelectElement) this.#clearError(control);
    this.#showTime();
  }

  #clearErrors() {
    write(this.#error, "");
    for (const control of this.#controls()) this.#clearError(control);
  }

  /** @param {HTMLInputElement | HTMLSelectElement} control */
  #clearError(control) {
    control.removeAttribute("aria-invalid");
    write(element(`${control.id}-error`, HTMLElement), "");
  }

  /** Show an error beside its field, or above the button if it has none. @param {string} message @param {string | null} field */
  #showError(message, field) {
    const control = this.#controls().find(({ name }) => name === field);
    if (!control) return write(this.#error, message);
    // Beside its field, a message need not begin with the field's name.
    const text = message.toLowerCase().startsWith(`${control.name} `) ? message.slice(control.name.length + 1) : message;
    write(element(`${control.id}-error`, HTMLElement), sentence(text));
    const group = control.closest("details");
    if (group) group.open = true;
    control.setAttribute("aria-invalid", "true");
    control.focus();
  }
}
