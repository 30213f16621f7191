// @ts-check
/**
 * The model in production: a line on the home page, a card on the page that looks inside.
 *
 * @typedef {import("./api-types.js").Model} Model
 * @typedef {import("./api-types.js").State} Status
 */

import { element, write } from "./dom.js";
import { count, day, score, UNKNOWN } from "./format.js";

/** @param {Pick<Status, "model" | "status">} status */
export function modelLine({ model, status }) {
  if (model === null) return status === "training" ? "The first model is training." : "There is no model yet. Train one.";
  const test = model.metrics?.test;
  return `Read by ${nameOf(model)}${test ? `. Test accuracy: ${score(test)} images` : ""}.`;
}

/** @param {Model} model */
function nameOf({ version, name }) {
  return version === 0 ? "the model in the box" : `version ${version} (${name})`;
}

export class ModelCard {
  #root = element("model-card", HTMLElement);
  #note = element("model-note", HTMLElement);

  /** @param {Status} status */
  show({ model, status }) {
    this.#root.dataset.state = model === null ? "empty" : "ready";
    if (model === null) {
      write(this.#note, status === "training" ? "The first model is training." : "There is no model yet. Train one.");
      return;
    }
    write(this.#note, model.version === 0 ? "This is the model in the box." : "This model was trained here.");
    this.#fact("version", `${model.version}`);
    this.#fact("name", model.name);
    this.#fact("recipe", model.recipe ?? UNKNOWN);
    this.#fact("parameters", count(model.parameters));
    this.#fact("created", day(model.created_at));
    this.#fact("validation", score(model.metrics?.validation));
    this.#fact("test", score(model.metrics?.test));
  }

  /** Show an error; the details of the model stay on the card. @param {string} message */
  showError(message) {
    if (this.#root.dataset.state !== "ready") this.#root.dataset.state = "error";
    write(this.#note, message);
  }

  /** @param {string} name @param {string} text */
  #fact(name, text) {
    write(element(`model-${name}`, HTMLElement), text);
  }
}
