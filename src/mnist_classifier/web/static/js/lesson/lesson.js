// @ts-check
/**
 * The lesson: five steps with a task each, and the parts that do them.
 *
 * @typedef {import("./board.js").Look} Look
 * @typedef {import("./tasks.js").Judgement} Judgement
 */

import { DatasetNotice } from "../shared/dataset.js";
import { element } from "../shared/dom.js";
import { encode } from "../pad/link.js";
import { Board } from "./board.js";
import { CompareStep } from "./compare.js";
import { Cover } from "./cover.js";
import { Progress } from "./progress.js";
import { Steps } from "./steps.js";
import { judgeDrawing, judgeTrick } from "./tasks.js";
import { TrainStep } from "./train.js";
import { LessonTraining } from "./trainings.js";

/** The start of a fragment that holds a drawing. */
const DRAWING = "#d=";
const DATA_NEEDED = "To train, the server needs the MNIST images. Download them from the internet once; then the training starts by itself. Nothing of yours is sent.";

const progress = new Progress(() => window.localStorage);
const steps = new Steps(progress);
const board = new Board();
const cover = new Cover(board);
const notice = new DatasetNotice();
const trainings = { quick: new LessonTraining("quick", progress), memory: new LessonTraining("memory", progress) };
const train = new TrainStep(trainings.quick, progress);
const compare = new CompareStep(board, trainings);
/** The reading of the drawing. @type {Look | null} */
let look = null;
/** The drawing that was on the pad when the step was opened. */
let early = "";

/** Judge the drawing in the step that is shown, once the pen is up. */
function judge() {
  if (look === null || look.isOpen) return;
  if (steps.current === 1) steps.judge(1, judgeDrawing(look.reading));
  if (steps.current === 2) steps.judge(2, judgeTrick(look.reading, progress.state.drawn, drawing() !== early));
  if (steps.current === 3) cover.show(look.reading, look.glyph);
}

function drawing() {
  return JSON.stringify(board.strokes);
}

board.onLook = (/** @type {Look} */ found) => {
  look = found;
  judge();
  compare.show(found);
};
board.onChange = () => progress.change({ strokes: board.strokes });
cover.onJudgement = (/** @type {Judgement} */ judgement) => steps.judge(3, judgement);
train.onJudgement = (/** @type {Judgement} */ judgement) => steps.judge(4, judgement);
compare.onJudgement = (/** @type {Judgement} */ judgement) => steps.judge(5, judgement);

steps.onShow = (/** @type {number} */ step) => {
  const slot = document.querySelector(`#step-${step} .board-slot`);
  if (slot !== null) board.moveTo(slot);
  compare.isShown = step === 5;
  early = drawing();
  if (look !== null) board.show(look.reading, look.glyph);
  judge();
  if (step === 5) compare.reread();
};

for (const training of Object.values(trainings)) {
  training.onChange = () => {
    train.draw();
    compare.draw();
    if (training.phase === "done") compare.reread();
  };
  training.onDataMissing = () => {
    const where = training.kind === "quick" ? "task-4" : "memory-state";
    element(where, HTMLElement).after(element("dataset", HTMLElement));
    training.problem = DATA_NEEDED;
    notice.onReady = () => training.start();
    notice.showMissing();
  };
}

for (const choice of document.querySelectorAll("#drawn input")) {
  const input = /** @type {HTMLInputElement} */ (choice);
  input.checked = Number(input.value) === progress.state.drawn;
  input.addEventListener("change", () => {
    progress.change({ drawn: Number(input.value) });
    judge();
  });
}

// The page that looks inside opens the drawing that the address holds.
const inside = element("inside-link", HTMLAnchorElement);
inside.addEventListener("click", () => {
  const text = board.isEmpty ? null : encode({ mode: "digit", strokes: board.strokes });
  inside.hash = text === null ? "" : `${DRAWING}${text}`;
});

element("lesson-restart", HTMLButtonElement).addEventListener("click", () => {
  progress.clear();
  location.assign(location.pathname);
});

if (progress.state.strokes.length > 0) board.restore(progress.state.strokes);
steps.start();
for (const training of Object.values(trainings)) training.resume();
train.draw();
compare.draw();
