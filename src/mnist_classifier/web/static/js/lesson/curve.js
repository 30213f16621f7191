// @ts-check
/**
 * The learning curve of step 4: a line for the training images, dots for those that the network does not learn from.
 *
 * @typedef {import("../training/state.js").RunState} RunState
 */

import { percent } from "../shared/format.js";

const [WIDTH, HEIGHT] = [320, 160];
const [LEFT, TOP, BOTTOM] = [46, 10, 14];

/**
 * @param {SVGSVGElement} svg
 * @param {RunState} state
 * @param {number} epochs  planned
 */
export function drawCurve(svg, state, epochs) {
  const x = (/** @type {number} */ at) => LEFT + (at / epochs) * (WIDTH - LEFT - 8);
  const y = (/** @type {number} */ share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  const grid = [0, 0.5, 1].flatMap((share) => [
    part(svg, "line", { x1: LEFT, x2: WIDTH, y1: y(share), y2: y(share), class: "curve-grid" }),
    label(svg, `${share * 100} %`, y(share)),
  ]);
  const line = state.steps.map(({ at, accuracy }) => `${x(at).toFixed(1)},${y(accuracy).toFixed(1)}`).join(" ");
  const dots = state.epochs.map((each) => part(svg, "circle", { cx: x(each.epoch), cy: y(each.validation_accuracy), r: 5, class: "curve-dot" }));
  svg.replaceChildren(...grid, part(svg, "polyline", { points: line, class: "curve-line" }), ...dots);
  const now = accuracyOf(state);
  svg.setAttribute("aria-label", now === null ? "No training yet" : `The share of right answers rises to ${percent(now, 0)}`);
}

/** The latest share of right answers; null before the first. @param {RunState} state */
export function accuracyOf({ steps, epochs }) {
  const [step, epoch] = [steps.at(-1), epochs.at(-1)];
  if (step !== undefined && step.at > (epoch?.epoch ?? 0)) return step.accuracy;
  return epoch?.validation_accuracy ?? null;
}

/** @param {SVGSVGElement} svg @param {string} name @param {Record<string, string | number>} attributes */
function part(svg, name, attributes) {
  const made = document.createElementNS(svg.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** @param {SVGSVGElement} svg @param {string} text @param {number} y */
function label(svg, text, y) {
  const made = part(svg, "text", { x: LEFT - 6, y: y + 4, class: "curve-label" });
  made.textContent = text;
  return made;
}
