// @ts-check
/**
 * The sections of the story, each with a heading, a summary and what there is to look at.
 *
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../offline/network.js").Network} Network
 * @typedef {import("../offline/read-digit.js").Recogniser} Recogniser
 * @typedef {import("../offline/to-glyph.js").Step} Step
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./story-stage.js").Pass} Pass
 * @typedef {{pass: Pass, reading: Reading, steps: Step[], temperature: number}} Shown
 * @typedef {{id: string, title: string, root: HTMLElement, show: (shown: Shown) => string[]}} Section  show: returns a summary for each column of the picture of the network
 */

import { outputOf } from "../offline/stages.js";
import { make, write } from "../shared/dom.js";
import { percent, stage as stepName } from "../shared/format.js";
import { fillGrey } from "./story-draw.js";
import { short } from "./story-numbers.js";
import { InputView, StageView } from "./story-stage.js";
import { answerName, EXPLANATIONS, ordinal, plural } from "./story-words.js";

const STEP_PX = 144;

/**
 * @param {Recogniser} recogniser @param {Stage[]} stages
 * @param {(words: string) => void} onChosen  called with a value in words that the user has chosen
 * @returns {Section[]}
 */
export function sectionsOf({ network }, stages, onChosen) {
  const sections = [pictureSection(), glyphSection(onChosen)];
  for (const stage of stages.filter(({ kind }) => kind === "patches")) sections.push(patchSection(network, stage, onChosen));
  const blocks = new Set(stages.map(({ block }) => block).filter((block) => block > 0));
  for (const block of blocks) sections.push(blockSection(stages, block, onChosen));
  const connected = stages.filter(({ kind }) => kind === "dense");
  connected.forEach((stage, index) => {
    const title = `${ordinal(index + 1)} connected layer`;
    const view = viewOf(stages, stage, title, onChosen);
    const parts = index === 0 ? [explain("connected")] : [];
    sections.push({ id: `connected${index + 1}`, title, root: make("div", {}, ...parts, view.root), show: ({ pass }) => [view.show(pass)] });
  });
  return [...sections, answerSection()];
}

/** @param {keyof typeof EXPLANATIONS} what */
function explain(what) {
  return make("p", { className: "story-why", text: EXPLANATIONS[what] });
}

/** @param {Stage[]} stages @param {Stage} stage @param {string} name @param {(words: string) => void} onChosen */
function viewOf(stages, stage, name, onChosen) {
  const index = stages.indexOf(stage);
  const view = new StageView(stage, stages[index - 1] ?? null, index === stages.length - 1, name);
  view.onChosen = onChosen;
  return view;
}

/** @returns {Section} */
function pictureSection() {
  const summary = make("p", { className: "story-summary" });
  const list = make("ol", { className: "story-steps" });
  /** @type {HTMLCanvasElement[]} */
  const canvases = [];
  /** @param {Shown} shown */
  function show({ steps }) {
    const words = `Your picture becomes the glyph in ${plural(steps.length, "step")}. The program finds the ink, cuts it out, and scales and centres it.`;
    write(summary, words);
    while (canvases.length < steps.length) canvases.push(make("canvas"));
    list.replaceChildren(...steps.map((step, index) => stepItem(step, canvases[index])));
    return [words];
  }
  return { id: "picture", title: "Picture and preparation", root: make("div", {}, summary, list), show };
}

/** @param {Step} step @param {HTMLCanvasElement} canvas */
function stepItem({ name, picture: { width, height, data } }, canvas) {
  fillGrey(canvas, width, height, (x, y) => Math.min(255, Math.max(0, data[y * width + x])));
  canvas.style.width = `${(STEP_PX * width) / Math.max(width, height)}px`;
  canvas.setAttribute("aria-hidden", "true");
  return make("li", {}, canvas, make("span", { text: stepName(name) }));
}

/** @param {(words: string) => void} onChosen @returns {Section} */
function glyphSection(onChosen) {
  const words = "Glyph: 28 by 28 pixels. The network sees nothing else of your picture.";
  const view = new InputView("The glyph", 1);
  view.onChosen = onChosen;
  /** @param {Shown} shown */
  function show({ pass }) {
    view.show(pass.glyph, pass.trace[0]);
    return [words];
  }
  return { id: "glyph", title: "Glyph", root: make("div", {}, make("p", { className: "story-summary", text: words }), view.root), show };
}

/** @param {Network} network @param {Stage} stage @param {(words: string) => void} onChosen @returns {Section} */
function patchSection(network, stage, onChosen) {
  const { patch } = network.layers[stage.first];
  const words = `Patches: each square of ${patch} by ${patch} pixels becomes one position with ${patch * patch} channels, so the first block has ${patch * patch} times fewer positions to look at.`;
  const view = new InputView("The patches", patch);
  view.onChosen = onChosen;
  /** @param {Shown} shown */
  function show({ pass }) {
    view.show(pass.glyph, outputOf(pass.trace, stage));
    return [words];
  }
  return { id: "patches", title: "Patches", root: make("div", {}, make("p", { className: "story-summary", text: words }), view.root), show };
}

/** @param {Stage[]} stages @param {number} block @param {(words: string) => void} onChosen @returns {Section} */
function blockSection(stages, block, onChosen) {
  const title = `${ordinal(block)} block`;
  const own = stages.filter((stage) => stage.block === block);
  const root = make("div");
  const views = own.map((stage, index) => {
    const layer = `${title}, ${ordinal(index + 1).toLowerCase()} convolution`;
    const view = viewOf(stages, stage, own.length === 1 ? title : layer, onChosen);
    if (block === 1 && index === 0) root.append(explain("convolution"), explain("relu"));
    if (block === 1 && stage.hasPool) root.append(explain("pooling"));
    root.append(view.root);
    return view;
  });
  /** @param {Shown} shown */
  const show = ({ pass }) => views.map((view) => view.show(pass));
  return { id: `block${block}`, title, root, show };
}

/** @returns {Section} */
function answerSection() {
  const summary = make("p", { className: "story-summary" });
  const list = make("ol", { className: "story-answers" });
  const how = make("p", { className: "story-why" });
  /** @param {Shown} shown */
  function show({ pass: { trace }, reading, temperature }) {
    const scores = trace[trace.length - 1].data;
    const { probabilities, not_a_digit: none = 0 } = reading;
    const best = probabilities.indexOf(Math.max(...probabilities));
    const words = reading.verdict === "not_a_digit" ? `Not a digit: ${percent(none)}.` : `${best} has the largest probability: ${percent(probabilities[best])}.`;
    write(summary, `Answers: ${words}`);
    const rows = probabilities.map((share, digit) => answerRow(answerName(digit), scores[digit], share, digit === best));
    if (scores.length > probabilities.length) rows.push(answerRow("Not a digit", scores[probabilities.length], none, false));
    list.replaceChildren(...rows);
    const division = `Each score is divided by ${short(temperature)}, the model's temperature. Then e is raised to the power of each and the results are scaled so that they add up to 100 %.`;
    write(how, scores.length > probabilities.length ? `${division} "Not a digit" has a share of its own, among all eleven scores.` : division);
    return [`Answers: ${words}`];
  }
  return { id: "answers", title: "Answers", root: make("div", {}, explain("probability"), summary, list, how), show };
}

/** @param {string} name @param {number} score @param {number} share @param {boolean} isBest */
function answerRow(name, score, share, isBest) {
  const bar = make("span", { className: "story-bar-plus" });
  bar.style.width = `${100 * share}%`;
  const row = make(
    "li",
    { data: { best: String(isBest) } },
    make("b", { text: name }),
    make("span", { className: "story-score", text: `score ${short(score)}` }),
    make("span", { className: "story-bar" }, bar),
    make("span", { className: "story-share", text: percent(share) }),
  );
  return row;
}
