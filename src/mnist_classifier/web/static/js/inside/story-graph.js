// @ts-check
/**
 * The picture of the network as columns of nodes and the links between them.  Pure.
 *
 * @typedef {import("../offline/stages.js").Stage} Stage
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("./story-stage.js").Pass} Pass
 * @typedef {{from: number, to: number, strength: number}} Link  indices of nodes; strength: -1 to 1
 * @typedef {{kind: "picture" | "maps" | "units" | "answers", section: string, title: string, size: string, channels: number[], best: number, stage: Stage | null, links: Link[]}} Column
 *   channels: what its nodes show.  best: the node of the answer, or -1.  links: from the column before
 */

import { made, outputOf, peakOf } from "../offline/stages.js";
import { orderOf } from "./story-order.js";
import { ordinal } from "./story-words.js";

const MOST_MAPS = 5;
const MOST_UNITS = 8;
/** How strongly the links to the other answers show. */
const OTHERS = 0.2;

/** @param {Pass} pass @param {Stage[]} stages @param {Reading} reading @returns {Column[]} */
export function columnsOf(pass, stages, reading) {
  const inputs = /** @type {const} */ ([
    ["picture", "Picture"],
    ["glyph", "Glyph"],
  ]).map(([section, title], index) => {
    const links = index === 0 ? [] : [{ from: 0, to: 0, strength: 0.5 }];
    return column({ kind: "picture", section, title, size: index === 0 ? "" : "28 × 28", channels: [0], links });
  });
  const columns = [...inputs];
  stages.forEach((stage, index) => {
    const isLast = index === stages.length - 1;
    columns.push(isLast ? answers(pass, stage, reading) : ofStage(pass, stage));
    columns[columns.length - 1].links = linksOf(pass, columns[columns.length - 2], columns[columns.length - 1]);
  });
  return columns;
}

/** @param {Partial<Column> & Pick<Column, "kind" | "section" | "title">} details @returns {Column} */
function column(details) {
  return { size: "", channels: [], best: -1, stage: null, links: [], ...details };
}

/** @param {Pass} pass @param {Stage} stage */
function ofStage(pass, stage) {
  const { side, channels } = outputOf(pass.trace, stage);
  if (stage.kind === "dense") {
    const order = orderOf(pass, stage).slice(0, MOST_UNITS);
    return column({ kind: "units", section: "connected1", title: "Connected", size: `${channels} units`, channels: order, stage });
  }
  const order = orderOf(pass, stage).slice(0, MOST_MAPS);
  const [section, title] = stage.kind === "patches" ? ["patches", "Patches"] : [`block${stage.block}`, `${ordinal(stage.block)} block`];
  return column({ kind: "maps", section, title, size: `${channels} of ${side} × ${side}`, channels: order, stage });
}

/** @param {Pass} pass @param {Stage} stage @param {Reading} reading */
function answers({ trace }, stage, { probabilities, verdict }) {
  const channels = [...Array(outputOf(trace, stage).channels).keys()];
  const best = verdict === "not_a_digit" ? probabilities.length : probabilities.indexOf(Math.max(...probabilities));
  return column({ kind: "answers", section: "answers", title: "Answers", size: `${probabilities.length} digits`, channels, best, stage });
}

/** How much each node of a column adds to the strongest value of each node of the next. @param {Pass} pass @param {Column} from @param {Column} to @returns {Link[]} */
function linksOf({ network, trace, empty }, from, to) {
  const { stage } = to;
  if (stage === null || stage.kind === "patches") return to.channels.map((_, index) => ({ from: 0, to: index, strength: 0.5 }));
  const links = to.channels.flatMap((channel, index) => {
    const place = peakOf(outputOf(trace, stage), outputOf(empty, stage), channel);
    const { parts } = made(network, trace, stage, place);
    const totals = new Map(parts.map((part) => [part.channel, part.total]));
    // A kernel over patches looks at all of them.
    const totalOf = (/** @type {number} */ source) => (parts.length === 1 ? parts[0].total : (totals.get(source) ?? 0));
    return from.channels.map((source, start) => ({ from: start, to: index, strength: totalOf(source) }));
  });
  // Most scores are far below 0, so what makes the best one would be lost among the others.
  const best = to.kind === "answers" ? to.best : -1;
  const seen = best < 0 ? links : links.filter((link) => link.to === best);
  const most = Math.max(...seen.map(({ strength }) => Math.abs(strength))) || 1;
  return links.map((link) => ({ ...link, strength: (best < 0 || link.to === best ? 1 : OTHERS) * Math.max(-1, Math.min(1, link.strength / most)) }));
}
