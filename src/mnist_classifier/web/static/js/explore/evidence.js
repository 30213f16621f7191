// @ts-check
/**
 * Which pixels decided the answer: heat maps, and similar training images.
 *
 * @typedef {import("./api.js").Map28} Map28
 * @typedef {import("./api.js").Saliency} Saliency
 * @typedef {import("./api.js").Neighbour} Neighbour
 */

import { make } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { drawHeat, placeOf, scaleOf } from "./heat.js";
import { picture } from "./parts.js";

/** Both heat maps with their explanation. @param {Saliency} saliency @param {string} glyph  data URL */
export function heatMaps({ digit, ink, gaps }, glyph) {
  const scale = scaleOf(ink, gaps);
  const inkWords = `Ink that supports ${digit}, mostly ${placeOf(ink)}`;
  const gapsWords = `Gaps that support ${digit}, mostly ${placeOf(gaps)}`;
  return make(
    "div",
    { className: "heat-maps" },
    heatFigure(glyph, ink, scale, "Evidence from ink", inkWords),
    heatFigure(glyph, gaps, scale, "Evidence from gaps", gapsWords),
    heatWords(digit),
  );
}

/** @param {number} digit */
function heatWords(digit) {
  const speaksFor = make("span", { className: "heat-for", text: `supports ${digit}` });
  const against = make("span", { className: "heat-against", text: "contradicts it" });
  const how = "Each patch of 4 by 4 pixels is erased (left) or filled with ink (right). The colour shows how much that changes the answer.";
  return make("div", { className: "heat-words" }, make("p", { className: "heat-legend" }, speaksFor, against), make("p", { text: how }));
}

/** @param {string} glyph @param {Map28} map @param {number} scale @param {string} title @param {string} words */
function heatFigure(glyph, map, scale, title, words) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", words);
  drawHeat(canvas, glyph, map, scale);
  return make("figure", {}, canvas, make("figcaption", { text: title }));
}

/** @param {Neighbour[] | null} neighbours  null if the training images are missing */
export function neighbourList(neighbours) {
  if (neighbours === null) return [make("p", { className: "muted", text: "With MNIST on this computer, you also see the most similar training images here." })];
  const items = neighbours.map(({ row, label, similarity, image }) => {
    const words = make("span", { className: "thumbnail-words" }, make("b", { text: String(label) }));
    const alike = make("span", { className: "thumbnail-sure", text: percent(similarity, 0) });
    return make("li", {}, picture(image, `A ${label}, training image ${row}`), words, alike);
  });
  return [make("section", {}, make("h3", { text: "Most similar training images, with their similarity" }), make("ul", { className: "thumbnails" }, ...items))];
}
