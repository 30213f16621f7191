// @ts-check
/**
 * A training that the lesson starts and follows.  Its version is never promoted, and its name begins with "Lesson".
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../training/state.js").RunState} RunState
 * @typedef {import("./progress.js").Kind} Kind
 * @typedef {import("./progress.js").Progress} Progress
 * @typedef {"none" | "queued" | "starting" | "learning" | "measuring" | "done" | "stopped"} Phase
 * @typedef {{version: number, images: number | null, training: number | null, test: number | null}} Network
 *   images: that it learned from; training, test: the shares that it reads right of these and of the test images
 */

import * as api from "../shared/api.js";
import { edit, getModel, listModels } from "../models/api.js";
import { RunFeed } from "../training/feed.js";
import { emptyState, withEvent } from "../training/state.js";
import { sentence } from "../shared/format.js";
import { messageOf } from "../shared/toast.js";

/** @type {Record<Kind, string>} */
export const NAMES = { quick: "Lesson: quick", memory: "Lesson: by heart" };
const NOTE = "The lesson trained this version. You can delete it.";

/** @type {Record<Kind, Record<string, number | string>>} */
const SETTINGS = {
  quick: { recipe: "lightning", train_images: 12_800, epochs: 3, promote: "never" },
  // Few images, seen often, never changed, and nothing that keeps a network from learning them by heart.
  memory: {
    recipe: "lightning", train_images: 200, epochs: 4, passes: 10, batch_size: 50, label_smoothing: 0, augmentation_probability: 0,
    promote: "never",
  },
};

/**
 * @param {Run | null} run @param {RunState} state @param {boolean} isWaiting  whether another training runs
 * @returns {Phase}
 */
export function phaseOf(run, state, isWaiting) {
  if (run === null) return "none";
  if (run.status === "queued") return isWaiting ? "queued" : "starting";
  if (run.status === "succeeded") return "done";
  if (run.status !== "running") return "stopped";
  if (state.steps.length === 0 && state.epochs.length === 0) return "starting";
  return (state.epochs.at(-1)?.epoch ?? 0) === run.planned_epochs ? "measuring" : "learning";
}

export class LessonTraining {
  /** Called after every change. */
  onChange = () => {};
  /** Called when MNIST is not on the server. */
  onDataMissing = () => {};

  kind;
  /** @type {Run | null} */
  run = null;
  state = emptyState();
  /** The trained network. @type {Network | null} */
  network = null;
  /** Why it does not go on, for the learner. */
  problem = "";
  isAsking = false;
  #isWaiting = false;
  /** The training that is being stopped. @type {number | null} */
  #stopping = null;
  /** Settles when it is known how the training of earlier stands. */
  #resumed = Promise.resolve();
  #progress;
  /** @type {RunFeed | null} */
  #feed = null;

  /** @param {Kind} kind @param {Progress} progress */
  constructor(kind, progress) {
    this.kind = kind;
    this.#progress = progress;
  }

  /** @returns {Phase} */
  get phase() {
    const phase = phaseOf(this.run, this.state, this.#isWaiting);
    return phase === "done" && this.network === null ? "measuring" : phase;
  }

  get isBusy() {
    return this.isAsking || this.#isUnderWay;
  }

  get #isUnderWay() {
    return !["none", "done", "stopped"].includes(this.phase);
  }

  /** Go on with the training of earlier, or find the network that somebody else trained in the lesson. */
  resume() {
    const id = this.#progress.state.runs[this.kind];
    this.#resumed = this.#tried(async () => {
      if (id === null) return this.#find();
      try {
        await this.#follow(id);
      } catch (error) {
        if (!(error instanceof api.ApiError) || error.status !== 404) throw error;
        this.#forget(); // somebody deleted the training or its version
        await this.#find();
      }
    });
    return this.#resumed;
  }

  async #find() {
    const { models } = await listModels();
    const found = models.find(({ name }) => name === NAMES[this.kind]);
    if (found !== undefined) this.network = await networkOf(found.version);
  }

  #forget() {
    this.run = null;
    this.#remember(null);
  }

  /** Start a training; a second click while it is being started does nothing. */
  async start() {
    if (this.isBusy) return;
    this.isAsking = true;
    this.problem = "";
    this.onChange();
    await this.#resumed; // a late reply about the training of earlier would replace the new one
    this.problem = "";
    const task = async () => {
      if ((await api.dataset()).status !== "ready") return this.onDataMissing();
      const { run_id } = await api.submitRun(SETTINGS[this.kind]);
      this.#remember(run_id);
      await this.#follow(run_id);
    };
    if (!this.#isUnderWay) await this.#tried(task);
    this.isAsking = false;
    this.onChange();
  }

  /** Stop the training that runs or waits. */
  async stop() {
    const id = this.run?.run_id;
    if (id === undefined || !this.canStop) return;
    this.#stopping = id;
    this.onChange();
    await this.#tried(() =>
      api.cancelRun(id).catch((error) => {
        this.#stopping = null;
        throw error;
      }),
    );
  }

  get canStop() {
    return this.#stopping !== this.run?.run_id && ["queued", "starting", "learning"].includes(this.phase);
  }

  /** @param {number} id */
  async #follow(id) {
    const run = await api.getRun(id);
    this.#feed?.stop();
    this.state = emptyState();
    this.network = null;
    this.run = run;
    if (run.status === "succeeded") return this.#finish(run);
    this.#isWaiting = run.status === "queued" && (await api.runs()).runs.some((each) => each.run_id !== id && each.status === "running");
    this.#feed = new RunFeed(id, {
      onEvents: (events) => this.#add(events),
      onEnd: (ended) => this.#tried(() => this.#finish(ended)),
      onConnection: (works) => this.#say(works ? "" : "The server does not answer. Trying again; the training goes on."),
    });
  }

  /** @param {import("../shared/api.js").RunEvent[]} events */
  async #add(events) {
    this.state = events.reduce(withEvent, this.state);
    const id = this.run?.run_id;
    if (id !== undefined && events.some(({ kind }) => kind === "status")) {
      const run = await api.getRun(id).catch(() => null);
      if (run !== null && this.run?.run_id === id) this.run = run;
    }
    this.onChange();
  }

  /** @param {Run} run */
  async #finish(run) {
    this.run = run;
    if (run.status !== "succeeded" || run.model_version === null) {
      return this.#say(run.status === "cancelled" ? "This training was stopped. Start it again." : sentence(run.message));
    }
    const { name } = await getModel(run.model_version);
    if (name !== NAMES[this.kind]) await edit(run.model_version, { name: NAMES[this.kind], note: NOTE });
    this.network = await networkOf(run.model_version);
    this.onChange();
  }

  /** Do something, and keep the reason if it fails. @param {() => unknown} task */
  async #tried(task) {
    try {
      await task();
      this.onChange();
    } catch (error) {
      this.#say(reasonOf(error));
    }
  }

  /** @param {string} problem */
  #say(problem) {
    this.problem = problem;
    this.onChange();
  }

  /** @param {number | null} id */
  #remember(id) {
    this.#progress.change({ runs: { ...this.#progress.state.runs, [this.kind]: id } });
  }
}

/** What a learner can do about an error. @param {unknown} error */
export function reasonOf(error) {
  const code = error instanceof api.ApiError ? error.code : "";
  if (code === "training_unavailable") {
    return "This server cannot train, because PyTorch is not installed there. Read the question below and go on to the next step.";
  }
  if (["token_missing", "token_wrong"].includes(code)) {
    return "Only somebody who knows the token can train on this server. Watch the training of your teacher, and go on to the next step.";
  }
  return messageOf(error);
}

/** What a network learned from and how good it is. @param {number} version @returns {Promise<Network>} */
export async function networkOf(version) {
  const { run_id, training, metrics } = await getModel(version);
  // The model in the box was trained elsewhere, by a run that this server does not have.
  const run = run_id === null || version === 0 ? null : await api.getRun(run_id).catch(() => null);
  const learned = run?.epochs.find(({ epoch }) => epoch === training.best_epoch)?.train_accuracy ?? null;
  return { version, images: training.images ?? null, training: learned, test: metrics.test?.accuracy ?? null };
}
