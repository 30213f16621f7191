// @ts-check
/**
 * What the user knows about a number: how many digits it has, its pattern, the digits that may occur.
 *
 * @typedef {import("../shared/api.js").Expected} Expected
 */

import { ApiError } from "../shared/api.js";
import { element, mark, write } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { expectedOf } from "./expected.js";

/** @type {readonly (keyof Expected)[]} */
const FIELDS = ["length", "pattern", "allowed"];

export class Hints {
  /** Called when the user has changed an input. */
  onChange = () => {};

  #inputs = new Map(FIELDS.map((name) => [name, element(`hint-${name}`, HTMLInputElement)]));

  constructor() {
    for (const input of this.#inputs.values()) {
      input.addEventListener("change", () => {
        this.#clearErrors();
        this.onChange();
      });
    }
  }

  /** The inputs as options of a request. @returns {Expected} */
  get expected() {
    return expectedOf(Object.fromEntries([...this.#inputs].map(([name, input]) => [name, input.value])));
  }

  /** Show an error at the input that it names.  Returns whether it names one. @param {unknown} error */
  showError(error) {
    if (!(error instanceof ApiError)) return false;
    const name = FIELDS.find((each) => each === error.field);
    if (name === undefined) return false;
    const input = this.#inputs.get(name);
    element("hints", HTMLDetailsElement).open = true;
    if (input !== undefined) mark(input, "aria-invalid", "true");
    write(element(`hint-${name}-error`, HTMLElement), sentence(error.message));
    return true;
  }

  #clearErrors() {
    for (const [name, input] of this.#inputs) {
      input.removeAttribute("aria-invalid");
      write(element(`hint-${name}-error`, HTMLElement), "");
    }
  }
}
