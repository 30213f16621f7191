// @ts-check
/**
 * One stage of the network in the story: its channels, and how one of their values came about.
 *
 * @typedef {import("../offline/network.js").Network} Network
 * @typedef {import("../offline/network.js").Features} Features
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../offline/stages.js").Place} Place
 * @typedef {{network: Network, trace: Features[], empty: Features[], glyph: Uint8Array}} Pass  empty: the trace of an empty picture
 */

import { made, outputOf, peakOf, valueAt } from "../offline/stages.js";
import { button, make, write } from "../shared/dom.js";
import { ChannelMaps } from "./story-maps.js";
import { largestOf, short } from "./story-numbers.js";
import { orderOf } from "./story-order.js";
import { stillness } from "./story-motion.js";
import { SumView } from "./story-sum.js";
import { answerName, placeName, size, spoken } from "./story-words.js";

/** How long the kernel stays at a position when it slides. */
const SLIDE_MS = 70;

/** A value to look at: what the user points at, else what was chosen, else the most active one. */
class Choice {
  /** @type {Place | null} */
  pointed = null;
  /** @type {Place | null} */
  chosen = null;

  /** @param {Place | null} place @param {"point" | "choose"} how */
  note(place, how) {
    this.pointed = place;
    if (how === "choose") this.chosen = place;
  }
}

export class StageView {
  /** Called with a value in words that the user has chosen. @type {(words: string) => void} */
  onChosen = () => {};

  #stage;
  #before;
  #isLast;
  #name;
  #summary = make("p", { className: "story-summary" });
  #maps;
  #sum = new SumView();
  #choice = new Choice();
  /** @type {Pass | null} */
  #pass = null;
  #slideButton = button("Slide the kernel", "", () => (this.#timer === 0 ? this.#slide() : this.#stop()));
  #timer = 0;
  /** What was chosen before the kernel slid. @type {Place | null} */
  #chosenBefore = null;

  /** @param {Stage} stage @param {Stage | null} before  the stage before it @param {boolean} isLast @param {string} name */
  constructor(stage, before, isLast, name) {
    this.#stage = stage;
    this.#before = before;
    this.#isLast = isLast;
    this.#name = name;
    const noun = isLast ? "score" : stage.kind === "dense" ? "unit" : "channel";
    const label = (/** @type {number} */ channel) => (isLast ? (channel > 9 ? "none" : String(channel)) : String(channel + 1));
    this.#maps = new ChannelMaps(name, { noun, name: label, isSigned: isLast });
    this.#maps.onPlace = (place, how) => this.#point(place, how);
    if (stage.kind === "conv") this.#maps.tools.append(this.#slideButton);
    this.root = make("div", { className: "story-stage" }, this.#summary, this.#maps.root, this.#sum.root);
  }

  /** @param {Pass} pass @returns {string}  the summary */
  show(pass) {
    if (this.#timer !== 0) this.#endSlide();
    this.#pass = pass;
    this.#slideButton.hidden = stillness.matches;
    const output = outputOf(pass.trace, this.#stage);
    const order = this.#isLast ? [...Array(output.channels).keys()] : orderOf(pass, this.#stage);
    const place = this.#place(pass);
    this.#maps.show(output, order, largestOf(output.data), place);
    const words = this.#summaryOf(pass);
    write(this.#summary, words);
    this.#explain(place);
    return words;
  }

  /** @param {Pass} pass @returns {Place} */
  #place(pass) {
    const { pointed, chosen } = this.#choice;
    const output = outputOf(pass.trace, this.#stage);
    if (pointed ?? chosen) return /** @type {Place} */ (pointed ?? chosen);
    if (this.#isLast) return { x: 0, y: 0, channel: output.data.indexOf(Math.max(...output.data)) };
    return peakOf(output, outputOf(pass.empty, this.#stage), orderOf(pass, this.#stage)[0]);
  }

  /** @param {Pass} pass */
  #summaryOf(pass) {
    const output = outputOf(pass.trace, this.#stage);
    if (this.#isLast) {
      const best = output.data.indexOf(Math.max(...output.data));
      return `${this.#name}: ${output.channels} scores. The highest is the score of ${answerName(best)}.`;
    }
    const noun = this.#stage.kind === "dense" ? "Unit" : "Channel";
    return `${this.#name}: ${size(output)}. ${noun} ${orderOf(pass, this.#stage)[0] + 1} is the most active.`;
  }

  /** @param {Place | null} place @param {"point" | "choose"} how */
  #point(place, how) {
    // A pointer that only rests on the map does not stop the kernel.
    if (this.#pass === null || (this.#timer !== 0 && how === "point")) return;
    this.#stop();
    this.#choice.note(place, how);
    const words = this.#look(this.#place(this.#pass));
    if (how === "choose") this.onChosen(words);
  }

  /** @param {Place} place @returns {string}  the value in words */
  #look(place) {
    this.#maps.mark(place);
    return this.#explain(place);
  }

  /** Move the kernel over the whole map of the channel, row by row. */
  #slide() {
    const pass = /** @type {Pass} */ (this.#pass);
    const { side } = outputOf(pass.trace, this.#stage);
    const { channel } = this.#place(pass);
    this.#chosenBefore = this.#choice.chosen;
    this.#choice.pointed = null; // a pointer that rests on the map would hold the kernel
    let position = 0;
    write(this.#slideButton, "Stop");
    this.#timer = window.setInterval(() => {
      if (position === side * side) this.#endSlide();
      else this.#choice.chosen = { x: position % side, y: Math.floor(position / side), channel };
      this.#look(this.#place(pass));
      position += 1;
    }, SLIDE_MS);
  }

  /** Stop the kernel and return to what was chosen before. */
  #endSlide() {
    this.#stop();
    this.#choice.chosen = this.#chosenBefore;
  }

  #stop() {
    window.clearInterval(this.#timer);
    this.#timer = 0;
    write(this.#slideButton, "Slide the kernel");
  }

  /** @param {Place} place @returns {string}  the same in words */
  #explain(place) {
    const { network, trace } = /** @type {Pass} */ (this.#pass);
    const { side } = outputOf(trace, this.#stage);
    const found = made(network, trace, this.#stage, place);
    const name = placeName(this.#stage, place, side, this.#isLast);
    this.#sum.show(this.#stage, found, `${name}: ${short(found.value)}`, (channel) => this.#inputName(channel, found.source));
    return spoken(name, this.#stage, found);
  }

  /** @param {number} channel @param {Features} source */
  #inputName(channel, { channels, side }) {
    if (channels === 1) return "Glyph";
    return this.#before?.kind === "dense" || side === 1 ? `Unit ${channel + 1}` : `Input channel ${channel + 1}`;
  }
}

/** The glyph, or its patches: values that nothing was computed for. */
export class InputView {
  /** @type {(words: string) => void} */
  onChosen = () => {};

  #patch;
  #maps;
  #words = make("p", { className: "story-value" });
  #choice = new Choice();
  /** @type {{glyph: Uint8Array, features: Features} | null} */
  #shown = null;

  /** @param {string} label @param {number} patch  1 for the glyph itself */
  constructor(label, patch) {
    this.#patch = patch;
    this.#maps = new ChannelMaps(label, { noun: "channel", name: (channel) => (patch === 1 ? "" : String(channel + 1)) });
    this.#maps.onPlace = (place, how) => {
      this.#choice.note(place, how);
      if (this.#shown === null) return;
      this.#maps.mark(this.#place(this.#shown.features));
      this.#update();
      if (how === "choose") this.onChosen(this.#words.textContent ?? "");
    };
    this.root = make("div", { className: patch === 1 ? "story-glyph" : "story-stage" }, this.#maps.root, this.#words);
  }

  /** @param {Uint8Array} glyph @param {Features} features */
  show(glyph, features) {
    this.#shown = { glyph, features };
    this.#maps.show(features, [...Array(features.channels).keys()], largestOf(features.data), this.#place(features));
    this.#update();
  }

  /** @param {Features} features */
  #place(features) {
    return this.#choice.pointed ?? this.#choice.chosen ?? peakOf(features, { ...features, data: new Float64Array(features.data.length) }, 0);
  }

  #update() {
    if (this.#shown === null) return;
    const { glyph, features } = this.#shown;
    const place = this.#place(features);
    const [x, y] = [place.x * this.#patch + (place.channel % this.#patch), place.y * this.#patch + Math.floor(place.channel / this.#patch)];
    const side = features.side * this.#patch;
    const where = `row ${y + 1}, column ${x + 1}`;
    write(this.#words, `The pixel in ${where} is ${glyph[y * side + x]} of 255. For the network it is ${short(valueAt(features, place))}.`);
  }
}
