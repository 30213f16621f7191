// @ts-check
/**
 * What a training has made, and what to do with it: use it, compare it, draw with it.
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../models/api.js").Details} Details
 */

import { ApiError } from "../shared/api.js";
import { element, write } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { at } from "../shared/paths.js";
import { messageOf, showToast } from "../shared/toast.js";
import { getModel } from "../models/api.js";
import { inWords, promote } from "../models/moves.js";

export class RunResult {
  #root = element("run-result", HTMLElement);
  #use = element("result-use", HTMLButtonElement);
  #compare = element("result-compare", HTMLAnchorElement);
  #draw = element("result-draw", HTMLAnchorElement);
  #state = element("result-state", HTMLElement);
  #why = element("result-why", HTMLDetailsElement);
  /** The version on show, once its details are known. @type {Details | null} */
  #details = null;
  /** @type {number | null} */
  #version = null;
  #message = "";

  constructor() {
    this.#use.addEventListener("click", () => this.#promote());
  }

  /** @param {Run} run */
  show({ model_version: version, message }) {
    this.#message = message;
    if (version === this.#version) return;
    this.clear();
    this.#version = version;
    if (version !== null) this.#load(version);
  }

  clear() {
    this.#version = null;
    this.#details = null;
    this.#root.hidden = true;
    write(this.#state, "");
  }

  /** @param {number} version */
  async #load(version) {
    try {
      const details = await getModel(version);
      if (version === this.#version) this.#show(details);
    } catch (error) {
      if (version !== this.#version) return;
      this.#root.hidden = false;
      for (const part of [this.#use, this.#compare, this.#draw, this.#why]) part.hidden = true;
      const isGone = error instanceof ApiError && error.status === 404;
      write(this.#state, isGone ? `Version ${version} was deleted.` : messageOf(error));
    }
  }

  /** @param {Details} details */
  #show(details) {
    const { version, gate } = details;
    this.#details = details;
    this.#root.hidden = false;
    this.#use.hidden = gate === null;
    this.#compare.hidden = gate === null;
    this.#draw.hidden = false;
    this.#why.hidden = gate === null || gate.passed;
    if (gate === null) write(this.#state, this.#message.includes("is now in use") ? "" : `Since then, version ${version} was put into use.`);
    else write(this.#state, `It is version ${version}. ${sentence(inWords(gate.champion)).replace(/\.$/, "")} is in use.`);
    write(element("result-reason", HTMLElement), gate === null ? "" : `${sentence(gate.reason)} ${gate.advice}`);
    this.#compare.href = at(`/models?compare=${gate?.champion ?? 0},${version}`);
    this.#draw.href = at(`/?version=${version}`);
  }

  /** Put the version into production; a less accurate one only after a question. */
  async #promote() {
    const gate = this.#details?.gate;
    if (this.#version === null || !gate) return;
    const version = this.#version;
    this.#use.disabled = true;
    try {
      await promote(version, "", { production: gate.champion, onChange: () => this.#load(version) });
      await this.#load(version);
    } catch (error) {
      showToast("models", messageOf(error));
    } finally {
      this.#use.disabled = false;
    }
  }
}
