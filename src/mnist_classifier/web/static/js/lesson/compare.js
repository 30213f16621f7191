// @ts-check
/**
 * Step 5: three networks read the same drawing.  The one in the box runs in the browser; the server runs the other two,
 * because whoever may not export a version may still read with it.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./board.js").Board} Board
 * @typedef {import("./board.js").Look} Look
 * @typedef {import("./progress.js").Kind} Kind
 * @typedef {import("./trainings.js").LessonTraining} LessonTraining
 * @typedef {import("./trainings.js").Network} Network
 * @typedef {import("./tasks.js").Judgement} Judgement
 * @typedef {"box" | Kind} Place
 */

import { element, write } from "../shared/dom.js";
import { count, describe, percent } from "../shared/format.js";
import { Latest, STALE } from "../shared/latest.js";
import { messageOf } from "../shared/toast.js";
import { predictWith } from "../inside/api.js";
import { barsOf, showBars } from "../pad/result.js";
import { BOX } from "./board.js";
import { judgeNetworks } from "./tasks.js";
import { progressText } from "./train.js";
import { networkOf } from "./trainings.js";

/** @type {readonly Kind[]} */
const KINDS = ["quick", "memory"];

export class CompareStep {
  /** @type {(judgement: Judgement) => void} */
  onJudgement = () => {};
  /** Whether the step is on the screen; only then is the server asked. */
  isShown = false;

  #board;
  #trainings;
  #button = element("memory-start", HTMLButtonElement);
  #stop = element("memory-stop", HTMLButtonElement);
  #latest = new Latest();
  /** @type {Record<Place, ReturnType<typeof viewOf>>} */
  #views = { box: viewOf("box"), quick: viewOf("quick"), memory: viewOf("memory") };
  /** @type {Network | null} */
  #box = null;
  /** @type {Look | null} */
  #look = null;

  /** @param {Board} board @param {Record<Kind, LessonTraining>} trainings */
  constructor(board, trainings) {
    this.#board = board;
    this.#trainings = trainings;
    this.#button.addEventListener("click", () => trainings.memory.start());
    this.#stop.addEventListener("click", () => trainings.memory.stop());
  }

  /** Show what is known of the networks. */
  async draw() {
    const { quick, memory } = this.#trainings;
    write(this.#button, memory.network === null ? "Train the one that learns by heart" : "Train it again");
    this.#button.setAttribute("aria-disabled", String(memory.isBusy));
    this.#stop.hidden = !memory.canStop;
    write(element("memory-state", HTMLElement), progressText(memory));
    showNetwork(this.#views.quick, quick.network, "Train it in step 4.");
    showNetwork(this.#views.memory, memory.network, "Train it with the button above.");
    if (this.#box === null) this.#box = await networkOf(BOX).catch(() => null);
    showNetwork(this.#views.box, this.#box, "The server does not answer.");
  }

  /** Show what the networks read; the one in the box has read the drawing already. @param {Look} look */
  show(look) {
    this.#look = look;
    showReading(this.#views.box, look.reading);
    if (this.isShown) this.#askServer(look);
  }

  /** Read the drawing again, for example with a network that is new. */
  reread() {
    if (this.#look !== null) this.show(this.#look);
  }

  /** @param {Look} look */
  async #askServer({ reading: box, isOpen }) {
    const there = KINDS.filter((kind) => this.#trainings[kind].network !== null);
    try {
      const found = await this.#latest.run((signal) => Promise.all(there.map((kind) => this.#read(kind, box, signal))));
      if (found === STALE) return;
      KINDS.forEach((kind) => showReading(this.#views[kind], found[there.indexOf(kind)] ?? null));
      if (!isOpen) this.onJudgement(judgeNetworks([box, ...found]));
    } catch (error) {
      for (const kind of KINDS) showReading(this.#views[kind], null);
      this.onJudgement({ isDone: false, text: messageOf(error) });
    }
  }

  /** @param {Kind} kind @param {Reading} box @param {AbortSignal} signal @returns {Promise<Reading>} */
  async #read(kind, box, signal) {
    const version = this.#trainings[kind].network?.version ?? BOX;
    if (box.verdict === "blank") return box;
    return /** @type {Reading} */ (await predictWith(version, { image: this.#board.image }, "digit", signal));
  }
}

/** @param {Place} place */
function viewOf(place) {
  const root = element(`network-${place}`, HTMLElement);
  const part = (/** @type {string} */ selector) => {
    const found = root.querySelector(selector);
    if (!(found instanceof HTMLElement)) throw new Error(`the network ${place} lacks its ${selector}`);
    return found;
  };
  return { root, part, note: element(`network-${place}-note`, HTMLElement), bars: barsOf(part(".bars")) };
}

/** @param {ReturnType<typeof viewOf>} view @param {Network | null} network @param {string} missing  what to do without it */
function showNetwork({ note, part }, network, missing) {
  write(note, network === null ? missing : network.version === BOX ? "Version 0, the model in the box" : `Version ${network.version}`);
  write(part("[data-fact=images]"), count(network?.images));
  write(part("[data-fact=training]"), network !== null && network.training === null ? "not measured" : percent(network?.training));
  write(part("[data-fact=test]"), percent(network?.test));
}

/** @param {ReturnType<typeof viewOf>} view @param {Reading | null} reading */
function showReading({ root, part, bars }, reading) {
  const isEmpty = reading === null || reading.verdict === "blank";
  const { digit, words } = isEmpty ? { digit: "", words: "" } : describe(reading);
  root.dataset.state = isEmpty ? "empty" : reading.verdict;
  write(part(".compared-digit"), digit);
  write(part(".compared-words"), words);
  showBars(bars, isEmpty ? null : reading);
}
