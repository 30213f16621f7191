// @ts-check
/**
 * The form that starts a training.  An empty field means the recipe's value.
 *
 * @typedef {import("../shared/api-types.js").Recipe} Recipe
 * @typedef {import("../shared/api-types.js").RecipeTimes} RecipeTimes
 */

import * as api from "../shared/api.js";
import { element, write } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { messageOf } from "../shared/toast.js";
import { timeText } from "./times.js";

const TIMES_POLL_MS = 2_000;

export class RunForm {
  #form = element("run-form", HTMLFormElement);
  #error = element("run-error", HTMLElement);
  #start = element("run-start", HTMLButtonElement);
  #recipe = element("config-recipe", HTMLSelectElement);
  #recipes;
  #onStart;
  /** @type {RecipeTimes} */
  #times = { state: "unavailable", seconds: {} };

  /** @param {Recipe[]} recipes @param {(runId: number) => void} onStart */
  constructor(recipes, onStart) {
    this.#recipes = recipes;
    this.#onStart = onStart;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("input", () => this.#clearError());
    this.#recipe.addEventListener("change", () => this.#showRecipe());
    // Measuring takes the server some seconds of the processor, so only who fills in the form causes it.
    this.#form.addEventListener("focusin", () => this.#askTimes(), { once: true });
    this.#showRecipe();
  }

  /** @param {boolean} busy  whether a training is running */
  showBusy(busy) {
    write(this.#start, busy ? "Queue training" : "Start training");
    write(element("run-hint", HTMLElement), busy ? "Another training is running. This one starts after it." : "");
  }

  /** Show how long each recipe takes.  The server measures it when it is first asked. */
  async #askTimes() {
    try {
      this.#times = await api.recipeTimes();
    } catch {
      return; // the form works without them
    }
    this.#showTime();
    if (this.#times.state === "measuring") window.setTimeout(() => this.#askTimes(), TIMES_POLL_MS);
  }

  #showTime() {
    write(element("recipe-time", HTMLElement), timeText(this.#times, this.#recipe.value));
  }

  #showRecipe() {
    /** @type {Partial<Recipe>} */
    const chosen = this.#recipes.find(({ name }) => name === this.#recipe.value) ?? {};
    const { summary = "", values = {} } = chosen;
    write(element("recipe-summary", HTMLElement), sentence(summary));
    this.#showTime();
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
  }

  #controls() {
    return [...this.#form.querySelectorAll("input, select")].map((control) => /** @type {HTMLInputElement | HTMLSelectElement} */ (control));
  }

  async #submit() {
    this.#clearError();
    const wrong = this.#controls().find((control) => !control.checkValidity());
    if (wrong) return this.#showError(wrong.validationMessage, wrong.name);
    this.#start.disabled = true;
    try {
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

  #clearError() {
    write(this.#error, "");
    for (const control of this.#controls()) control.removeAttribute("aria-invalid");
  }

  /** @param {string} message @param {string | null} field */
  #showError(message, field) {
    const control = this.#controls().find(({ name }) => name === field);
    write(this.#error, field && control ? `${field.replaceAll("_", " ")}: ${message}` : message);
    if (!control) return;
    element("run-settings", HTMLDetailsElement).open ||= control !== this.#recipe;
    control.setAttribute("aria-invalid", "true");
    control.focus();
  }
}
