// @ts-check
/**
 * The five steps: one is shown, and the address names it (#step-3), so that Back and links work.
 *
 * @typedef {import("./progress.js").Progress} Progress
 * @typedef {import("./tasks.js").Judgement} Judgement
 */

import { element, mark, write } from "../shared/dom.js";
import { STEPS } from "./progress.js";

const ALL = [...Array(STEPS).keys()].map((index) => index + 1);

export class Steps {
  /** Called with the step that is shown. @type {(step: number) => void} */
  onShow = () => {};

  #progress;
  #back = element("step-back", HTMLButtonElement);
  #next = element("step-next", HTMLButtonElement);

  /** @param {Progress} progress */
  constructor(progress) {
    this.#progress = progress;
    this.#back.addEventListener("click", () => (location.hash = `#step-${this.current - 1}`));
    this.#next.addEventListener("click", () => (location.hash = `#step-${this.current + 1}`));
    window.addEventListener("hashchange", () => this.#show(true));
    for (const step of ALL) this.#listenToAnswer(step);
  }

  /** The step in the address, or else the first one that is not done. */
  get current() {
    const named = Number(/^#step-([1-5])$/.exec(location.hash)?.[1]);
    return named || (ALL.find((step) => !this.#progress.state.done.includes(step)) ?? STEPS);
  }

  start() {
    this.#show(false);
  }

  /** Show how the task of a step stands; what is done stays done. @param {number} step @param {Judgement} judgement */
  judge(step, { isDone, text }) {
    const line = element(`task-${step}`, HTMLElement);
    const wasDone = this.#progress.state.done.includes(step);
    mark(line, "data-done", String(isDone || wasDone));
    write(line, wasDone && !isDone ? text.replace(/^Not done yet\. /, "Done before. ") : text);
    if (isDone && !wasDone) {
      this.#progress.add("done", step);
      this.#drawNavigation();
    }
  }

  /** @param {boolean} moves  whether the learner went to the step, so that the focus follows */
  #show(moves) {
    const { current } = this;
    // The address of the step that a reload or a bookmark shows again.
    if (!location.hash.startsWith("#step-")) window.history.replaceState(null, "", `#step-${current}`);
    for (const step of ALL) element(`step-${step}`, HTMLElement).hidden = step !== current;
    this.#back.hidden = current === 1;
    this.#next.hidden = current === STEPS;
    this.#drawNavigation();
    this.onShow(current);
    if (!moves) return;
    element(`heading-${current}`, HTMLElement).focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }

  #drawNavigation() {
    const { done } = this.#progress.state;
    for (const link of document.querySelectorAll(".lesson-steps a")) {
      const step = Number(/** @type {HTMLElement} */ (link).dataset.step);
      const isDone = done.includes(step);
      link.toggleAttribute("data-done", isDone);
      if (step === this.current) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
      write(/** @type {HTMLElement} */ (link.querySelector(".step-done")), isDone ? " (done)" : "");
    }
    element("lesson-end", HTMLElement).hidden = done.length < STEPS;
  }

  /** @param {number} step */
  #listenToAnswer(step) {
    const answer = element(`answer-${step}`, HTMLDetailsElement);
    answer.open = this.#progress.state.answers.includes(step);
    answer.addEventListener("toggle", () => answer.open && this.#progress.add("answers", step));
  }
}
