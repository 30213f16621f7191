// @ts-check
/**
 * Step 4: the learner's own training.
 *
 * @typedef {import("./trainings.js").LessonTraining} LessonTraining
 * @typedef {import("./progress.js").Progress} Progress
 * @typedef {import("./tasks.js").Judgement} Judgement
 */

import { element, write } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { accuracyOf, drawCurve } from "./curve.js";

export class TrainStep {
  /** @type {(judgement: Judgement) => void} */
  onJudgement = () => {};

  #training;
  #progress;
  #button = element("quick-start", HTMLButtonElement);
  #stop = element("quick-stop", HTMLButtonElement);
  #guess = element("guess", HTMLInputElement);

  /** @param {LessonTraining} training @param {Progress} progress */
  constructor(training, progress) {
    this.#training = training;
    this.#progress = progress;
    this.#button.addEventListener("click", () => training.start());
    this.#stop.addEventListener("click", () => training.stop());
    this.#guess.addEventListener("input", () => this.#keepGuess());
    this.#guess.value = String(progress.state.guess ?? "");
  }

  draw() {
    const { run, state, phase, network } = this.#training;
    write(this.#button, network === null && phase !== "stopped" ? "Start training" : "Train again");
    this.#button.setAttribute("aria-disabled", String(this.#training.isBusy));
    this.#stop.hidden = !this.#training.canStop;
    element("quick-learning", HTMLElement).dataset.state = phase;
    const now = accuracyOf(state);
    write(element("quick-now", HTMLElement), now === null ? "–" : percent(now, 0));
    drawCurve(curve(), state, run?.planned_epochs ?? 1);
    this.onJudgement(judgeTraining(this.#training, this.#progress.state.guess));
  }

  #keepGuess() {
    const guess = this.#guess.valueAsNumber;
    this.#progress.change({ guess: Number.isInteger(guess) && guess >= 0 && guess <= 100 ? guess : null });
    this.draw();
  }
}

function curve() {
  const found = document.getElementById("quick-curve");
  if (!(found instanceof SVGSVGElement)) throw new Error("the page has no curve");
  return found;
}

/** How the training stands, in words. @param {Pick<LessonTraining, "phase" | "state" | "run" | "network" | "problem">} training @returns {string} */
export function progressText({ phase, state, run, problem }) {
  if (problem !== "") return problem;
  if (phase === "queued") return "Another training is running on this server. Yours starts after it. Read the question below meanwhile.";
  if (phase === "starting") return "Starting: the server loads PyTorch and the images. This takes some seconds.";
  if (phase === "learning") {
    const epoch = Math.min((state.epochs.at(-1)?.epoch ?? 0) + 1, run?.planned_epochs ?? 1);
    return `It learns: pass ${epoch} of ${run?.planned_epochs ?? 1} over its images.`;
  }
  if (phase === "measuring") return "It has learned. Now it reads 10,000 images that it has never seen.";
  return "";
}

/** @param {Pick<LessonTraining, "phase" | "state" | "run" | "network" | "problem">} training @param {number | null} guess @returns {Judgement} */
export function judgeTraining(training, guess) {
  const right = training.network?.test ? (training.network.test * 100).toFixed(1) : null;
  if (training.phase === "done" && right !== null && training.problem === "") {
    const guessed = guess === null ? "" : ` Your estimate was ${guess}.`;
    return { isDone: true, text: `Done. Of 100 images that it has never seen, your network reads ${right} right.${guessed}` };
  }
  const other = training.phase === "none" && right !== null ? ` A network that was trained here before reads ${right} of 100 right.` : "";
  return { isDone: false, text: (progressText(training) || "Not done yet. Estimate, then start the training.") + other };
}
