import assert from "node:assert/strict";
import { test } from "node:test";

import { covered } from "../../src/mnist_classifier/web/static/js/lesson/cover.js";
import { emptyState, format, parse, Progress } from "../../src/mnist_classifier/web/static/js/lesson/progress.js";
import { judgeCover, judgeDrawing, judgeNetworks, judgeTrick, NO_DIGIT } from "../../src/mnist_classifier/web/static/js/lesson/tasks.js";
import { judgeTraining } from "../../src/mnist_classifier/web/static/js/lesson/train.js";
import { LessonTraining, phaseOf, reasonOf } from "../../src/mnist_classifier/web/static/js/lesson/trainings.js";
import { ApiError } from "../../src/mnist_classifier/web/static/js/shared/api.js";
import { emptyState as noEvents } from "../../src/mnist_classifier/web/static/js/training/state.js";

const reading = (prediction, confidence = 0.99, verdict = "digit") => ({ prediction, confidence, verdict });
const REFUSED = reading(null, 0.4, "not_a_digit");
const BLANK = reading(null, 0, "blank");
const plain = ({ isDone, text }) => `${isDone} ${text.replaceAll(/\s/g, " ")}`;

function keeper() {
  const held = new Map();
  return { getItem: (key) => held.get(key) ?? null, removeItem: (key) => held.delete(key), setItem: (key, value) => held.set(key, value) };
}

test("progress survives a reload", () => {
  const storage = keeper();
  const progress = new Progress(() => storage);
  progress.add("done", 2);
  progress.add("done", 1);
  progress.add("done", 1);
  progress.add("answers", 3);
  progress.change({ strokes: [{ width: 18, points: [{ x: 1.04, y: 2 }] }], drawn: NO_DIGIT, guess: 80, runs: { quick: 4, memory: null } });
  assert.deepEqual(new Progress(() => storage).state, {
    done: [1, 2], answers: [3], strokes: [{ width: 18, points: [{ x: 1, y: 2 }] }], drawn: NO_DIGIT, guess: 80, runs: { quick: 4, memory: null },
  });
  progress.clear();
  assert.deepEqual(new Progress(() => storage).state, emptyState());
});

test("a browser that stores nothing keeps the progress of this visit", () => {
  const progress = new Progress(() => {
    throw new DOMException("blocked", "SecurityError");
  });
  progress.add("done", 1);
  assert.deepEqual(progress.state.done, [1]);
  progress.clear();
  assert.deepEqual(progress.state, emptyState());
});

test("damaged progress does no harm", () => {
  const broken = { format: 1, done: [0, 6, "1", 2], answers: 7, strokes: [[1]], drawn: 10, guess: -1, runs: { quick: "x" } };
  for (const text of ["", "{", "[]", '{"format": 2}']) assert.deepEqual(parse(text), emptyState());
  assert.deepEqual(parse(JSON.stringify(broken)), { ...emptyState(), done: [2] });
  assert.deepEqual(parse(format(emptyState())), emptyState());
});

test("step 1 is done once the network is sure of a digit", () => {
  assert.equal(plain(judgeDrawing(reading(8, 0.97))), "true Done. It reads an 8 and is 97.0 % sure.");
  assert.match(plain(judgeDrawing(reading(7, 0.6, "ambiguous"))), /^false .*only 60.0 % sure/);
  assert.match(plain(judgeDrawing(REFUSED)), /^false .*no digit/);
  assert.match(plain(judgeDrawing(BLANK)), /^false .*Draw a digit/);
});

test("step 2 is done once the network answers otherwise than the learner", () => {
  assert.match(plain(judgeTrick(reading(9), 4, true)), /^true Done. You drew a 4, and it reads a 9/);
  assert.match(plain(judgeTrick(reading(9, 0.5, "ambiguous"), 4, true)), /^true/);
  assert.match(plain(judgeTrick(REFUSED, 4, true)), /^true .*refuses/);
  assert.match(plain(judgeTrick(reading(3), NO_DIGIT, true)), /^true .*no digit, and it reads a 3/);
});

test("step 2 waits for a label, a new drawing and a wrong answer", () => {
  assert.match(plain(judgeTrick(reading(9), null, true)), /^false .*say what you draw/);
  assert.match(plain(judgeTrick(BLANK, 4, true)), /^false .*draw it/);
  assert.match(plain(judgeTrick(reading(9), 4, false)), /^false .*clear the pad/);
  assert.match(plain(judgeTrick(reading(4), 4, true)), /^false .*as you meant it/);
  assert.match(plain(judgeTrick(REFUSED, NO_DIGIT, true)), /^false/);
  assert.match(plain(judgeTrick(reading(3, 0.5, "ambiguous"), NO_DIGIT, true)), /^false/);
});

test("step 3 is done once covered squares change the answer", () => {
  assert.match(plain(judgeCover(reading(8), reading(3), 2)), /^true Done. With 2 squares covered the answer is 3 instead of 8/);
  assert.match(plain(judgeCover(reading(8), REFUSED, 1)), /^true Done. With one square covered the answer is no digit/);
  assert.match(plain(judgeCover(reading(8), reading(8), 2)), /^false .*still 8/);
  assert.match(plain(judgeCover(reading(8), reading(8), 0)), /^false/);
  assert.match(plain(judgeCover(BLANK, BLANK, 3)), /^false/);
});

test("a covered square hides 16 pixels and no others", () => {
  const glyph = new Uint8Array(28 * 28).fill(200);
  const found = covered(glyph, new Set([8]));
  const hidden = [...found.keys()].filter((pixel) => found[pixel] === 0);
  assert.equal(hidden.length, 16);
  assert.ok(hidden.every((pixel) => Math.floor(pixel / 28 / 4) === 1 && Math.floor((pixel % 28) / 4) === 1));
  assert.equal(glyph.indexOf(0), -1);
});

test("step 5 is done once the three networks disagree", () => {
  assert.match(plain(judgeNetworks([reading(4), reading(9), reading(4)])), /^true .*4, 9, 4/);
  assert.match(plain(judgeNetworks([REFUSED, reading(9), reading(9)])), /^true .*no digit, 9, 9/);
  assert.match(plain(judgeNetworks([reading(4), reading(4), reading(4)])), /^false .*answer: 4/);
  assert.match(plain(judgeNetworks([reading(4), reading(9)])), /^false .*Train the missing/);
  assert.match(plain(judgeNetworks([BLANK, BLANK, BLANK])), /^false .*Draw a digit/);
});

test("a training passes through its phases", () => {
  const run = (status) => ({ status, planned_epochs: 3 });
  const step = { ...noEvents(), steps: [{}] };
  const last = { ...noEvents(), epochs: [{ epoch: 3 }] };
  assert.equal(phaseOf(null, noEvents(), false), "none");
  assert.deepEqual(["queued", "running", "succeeded", "failed", "cancelled"].map((status) => phaseOf(run(status), noEvents(), true)), [
    "queued", "starting", "done", "stopped", "stopped",
  ]);
  assert.equal(phaseOf(run("queued"), noEvents(), false), "starting");
  assert.equal(phaseOf(run("running"), step, false), "learning");
  assert.equal(phaseOf(run("running"), last, false), "measuring");
});

test("step 4 says how the training stands, and compares its end with the estimate", () => {
  const run = { planned_epochs: 3 };
  const judged = (more, guess = 70) => plain(judgeTraining({ phase: "none", state: noEvents(), run, network: null, problem: "", ...more }, guess));
  assert.match(judged({}), /^false Not done yet. Estimate/);
  assert.match(judged({ phase: "queued" }), /^false Another training is running/);
  assert.match(judged({ phase: "learning" }), /^false It learns: pass 1 of 3/);
  assert.match(judged({ problem: "The disk is full." }), /^false The disk is full.$/);
  assert.match(judged({ phase: "done", network: { test: 0.9812 } }), /^true Done. .* reads 98.1 right. Your estimate was 70.$/);
  assert.match(judged({ network: { test: 0.9812 } }), /^false .*trained here before reads 98.1/);
  assert.doesNotMatch(judged({ phase: "done", network: { test: 0.9812 } }, null), /estimate/);
});

test("the lesson goes on where nobody can train", () => {
  assert.match(reasonOf(new ApiError("training_unavailable", "x")), /PyTorch is not installed.*next step/);
  assert.match(reasonOf(new ApiError("token_missing", "x", { status: 401 })), /token.*next step/);
  assert.equal(reasonOf(new ApiError("network", "no answer")), "No answer.");
});

test("a late reply about the training of earlier does not replace a new one", async (t) => {
  const progress = new Progress(keeper);
  progress.change({ runs: { quick: 7, memory: null } });
  let answerAboutEarlier = () => {};
  const earlier = new Promise((resolve) => (answerAboutEarlier = resolve));
  const ended = (run_id) => ({ run_id, status: "failed", message: "it failed", model_version: null, epochs: [] });
  const replies = { "/api/dataset": { status: "ready" }, "/api/runs": { run_id: 8, runs: [] }, "/api/runs/8": ended(8) };
  t.mock.method(globalThis, "fetch", async (address) => {
    const { pathname } = new URL(address, "http://localhost");
    if (pathname === "/api/runs/7") await earlier;
    return new Response(JSON.stringify(replies[pathname] ?? ended(7)), { headers: { "Content-Type": "application/json" } });
  });
  const training = new LessonTraining("quick", progress);

  const resumed = training.resume();
  const started = training.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  answerAboutEarlier();
  await Promise.all([resumed, started]);

  assert.equal(training.run.run_id, 8);
});
