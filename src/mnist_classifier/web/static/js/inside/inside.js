// @ts-check
/** The recogniser page: the pad, the way of the drawing through the network, and panels that explain the reading. */

import { ModelCard } from "../shared/model.js";
import { readForEverybody } from "../shared/personal.js";
import { Comparison } from "./compare.js";
import { Looking } from "./looking.js";
import { Recent } from "./recent.js";
import { StoryOfReading } from "./story-of-reading.js";
import { watchStatus } from "../shared/status.js";
import { messageOf } from "../shared/toast.js";
import { keep } from "../pad/keep.js";
import { Workbench } from "../pad/workbench.js";

/** How long the pen must rest before the panels that ask the server load. They cost it more than a reading. */
const REST_MS = 350;

// The panels show the network of a version, so that network must give the answer too, not a personal model.
readForEverybody();
const bench = new Workbench();
const card = new ModelCard();
const looking = new Looking();
const comparison = new Comparison();
const recent = new Recent();
const story = new StoryOfReading();
/** @type {number | undefined} */
let version;
/** @type {number | undefined} */
let timer;

watchStatus({
  onStatus(status) {
    card.show(status);
    const isNewer = version !== undefined && status.model !== null && status.model.version !== version;
    version = status.model?.version;
    if (!isNewer) return;
    comparison.refresh();
    bench.reread();
  },
  onError(error) {
    card.showError(messageOf(error));
  },
});

/** @type {typeof bench.onReading} */
bench.onReading = (reading, subject) => {
  if (!bench.isAdopted) recent.note(reading, subject);
  story.show(reading, subject);
  window.clearTimeout(timer);
  timer = window.setTimeout(() => {
    looking.show(subject);
    comparison.show(subject);
  }, REST_MS);
};
bench.onEmpty = () => {
  window.clearTimeout(timer);
  recent.startSheet();
  looking.clear();
  story.clear();
  comparison.clear();
};
/** @type {typeof recent.onChosen} */
recent.onChosen = ({ mode, strokes }) => bench.restore(mode, strokes);
keep(bench);
comparison.refresh();
