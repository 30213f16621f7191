// @ts-check
/**
 * The metrics of a split and of each digit.
 *
 * @typedef {import("./api.js").Summary} Summary
 * @typedef {import("./api.js").ClassFigures} ClassFigures
 * @typedef {import("./state.js").View} View
 */

import { make } from "../shared/dom.js";
import { count, percent } from "../shared/format.js";
import { SortHead } from "../shared/sorting.js";
import { viewLink } from "./parts.js";
import { step } from "./state.js";

/** Name and value of each metric of the split. @param {Summary} summary @returns {[string, string][]} */
export function figuresOf({ images, correct, accuracy, interval_95, ece, verdicts, disputed }) {
  const wrong = images - correct;
  const onDisputed = disputed.images > 0 ? `, ${disputed.wrong} with a disputed label` : "";
  return [
    ["Accuracy", percent(accuracy, 2)],
    ["95 % interval", `${percent(interval_95[0], 2)} to ${percent(interval_95[1], 2)}`],
    ["Errors", `${count(wrong)} of ${count(images)}${onDisputed}`],
    ["Calibration error", percent(ece, 2)],
    ["Ambiguous", count(verdicts.ambiguous)],
    ["Not a digit", count(verdicts.not_a_digit)],
  ];
}

/** @param {HTMLElement} root @param {Summary} summary */
export function showFigures(root, summary) {
  root.replaceChildren(...figuresOf(summary).map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))));
}

/** @type {import("../shared/sorting.js").SortColumn<ClassFigures>[]} */
const COLUMNS = [
  { id: "digit", title: "Digit", value: ({ digit }) => digit },
  { id: "images", title: "Images", value: ({ images }) => images, isFigure: true },
  { id: "precision", title: "Precision", value: ({ precision }) => precision, isFigure: true },
  { id: "recall", title: "Recall", value: ({ recall }) => recall, isFigure: true },
  { id: "f1", title: "F1", value: ({ f1 }) => f1, isFigure: true },
];

/** The order of the digits, kept when the version or split changes. */
let order = { column: "digit", isDescending: false };

/** @param {HTMLElement} root @param {Summary} summary @param {View} view */
export function showClasses(root, { per_class }, view) {
  const columns = make("tr");
  const body = make("tbody");
  const head = new SortHead(columns, COLUMNS, order, () => {
    order = head.order;
    show();
  });
  const show = () => body.replaceChildren(...head.sorted(per_class).map((figures) => rowOf(figures, view)));
  const caption = make("caption", { className: "visually-hidden", text: "Precision, recall and F1 of each digit" });
  root.replaceChildren(make("table", { className: "per-class" }, caption, make("thead", {}, columns), body));
  show();
}

/** @param {ClassFigures} figures @param {View} view */
function rowOf({ digit, images, precision, recall, f1 }, view) {
  const errors = step(view, { show: "errors", label: digit, prediction: null });
  const first = make("th", {}, viewLink(errors, { text: String(digit), label: `Errors with label ${digit}` }));
  first.scope = "row";
  const cells = [count(images), ...[precision, recall, f1].map((share) => percent(share, 2))];
  return make("tr", {}, first, ...cells.map((text) => make("td", { text })));
}
