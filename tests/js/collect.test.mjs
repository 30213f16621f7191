import assert from "node:assert/strict";
import { test } from "node:test";

import {
  addedBy,
  canStore,
  describe,
  firstChoices,
  nextDoubt,
  summary,
  toStore,
} from "../../src/mnist_classifier/web/static/js/collect/choices.js";
import { Outbox } from "../../src/mnist_classifier/web/static/js/collect/outbox.js";
import { asked, LENGTH, newRound, refused, reloaded, restored, undone, written } from "../../src/mnist_classifier/web/static/js/collect/round.js";
import { ApiError } from "../../src/mnist_classifier/web/static/js/shared/api.js";
import { nameOf } from "../../src/mnist_classifier/web/static/js/shared/writer.js";

const cell = (number, state, label, reason = "") => ({ cell: number, state, label, reason });
const CELLS = [
  cell(0, "ready", 0),
  cell(1, "check", 1, "the model reads 7"),
  cell(2, "empty", 2),
  cell(3, "spoilt", 3, "it is crossed out"),
  cell(4, "ready", 4),
];

test("only sure boxes are stored until a person decides", () => {
  assert.deepEqual(toStore(CELLS, firstChoices(CELLS)), { store: [0, 4], labels: [] });
  assert.equal(summary(CELLS, firstChoices(CELLS)), "2 will be saved, 1 to check, 1 spoilt, 1 empty.");
});

test("a confirmed box is stored with the label of the sheet, a relabelled one with its own", () => {
  const choices = firstChoices(CELLS);
  choices[1] = { label: 1, isChecked: true };
  choices[4] = { label: "not_a_digit", isChecked: true };
  assert.deepEqual(toStore(CELLS, choices), { store: [0, 1, 4], labels: [{ cell: 4, label: "not_a_digit" }] });
  choices[0] = { label: null, isChecked: true };
  assert.deepEqual(toStore(CELLS, choices).store, [1, 4]);
});

test("doubts are visited in turn, around the end of the sheet", () => {
  const choices = firstChoices(CELLS);
  assert.deepEqual([nextDoubt(choices, -1), nextDoubt(choices, 1), nextDoubt(choices, 4)], [1, 1, 1]);
  choices[1].isChecked = true;
  assert.equal(nextDoubt(choices, -1), -1);
});

test("empty and spoilt boxes get no label", () => {
  assert.deepEqual(CELLS.map(canStore), [true, true, false, false, true]);
});

test("a save added what was sent no more often than this page sent it", () => {
  const stored = [[7, 1], [8, 2], [9, 3], [null, null]].map(([correction, times]) => ({ correction, times }));
  assert.deepEqual([addedBy(stored, 1), addedBy(stored, 2)], [[7], [7, 8]]);
});

test("each box is described", () => {
  const choices = firstChoices(CELLS);
  const said = CELLS.map((each, index) => describe(each, choices[index], String));
  assert.equal(said[0], "Row 1, column 1: 0.");
  assert.equal(said[1], "Row 1, column 2: left out. The sheet says 1, but the model reads 7.");
  assert.equal(said[2], "Row 1, column 3: empty.");
  assert.equal(said[3], "Row 1, column 4: left out, because it is crossed out.");
});

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A server that stores digits under numbers, unless it is down. */
function server() {
  const stored = new Map();
  let next = 1;
  const it = {
    isDown: false,
    merges: false,
    stored,
    add: async (sent) => {
      await null;
      if (it.isDown) throw new Error("no answer");
      const id = next++;
      stored.set(id, sent.label);
      return { correction: { id }, merged: it.merges, contradicts: [] };
    },
    remove: async (id) => stored.delete(id),
  };
  return it;
}

test("digits are stored in their order", async () => {
  const it = server();
  const outbox = new Outbox(it.add, it.remove);
  for (const label of [3, 1, 4]) outbox.put({ label });
  assert.equal(outbox.pending, 3);
  await settle();
  assert.deepEqual([...it.stored.values()], [3, 1, 4]);
  assert.equal(outbox.pending, 0);
});

test("what the server did not take is kept and sent later", async () => {
  const it = server();
  const outbox = new Outbox(it.add, it.remove);
  const faults = [];
  outbox.onFault = (error) => faults.push(error.message);
  it.isDown = true;
  outbox.put({ label: 3 });
  outbox.put({ label: 1 });
  await settle();
  assert.deepEqual([faults[0], outbox.pending], ["no answer", 2]);
  it.isDown = false;
  await outbox.flush();
  assert.deepEqual([...it.stored.values()], [3, 1]);
});

test("a digit that is refused can be dropped, and the rest goes on", async () => {
  const it = server();
  const add = it.add;
  const outbox = new Outbox((sent) => (sent.label === 3 ? Promise.reject(new Error("blank")) : add(sent)), it.remove);
  outbox.onFault = (_, item) => outbox.drop(item);
  outbox.put({ label: 3 });
  outbox.put({ label: 1 });
  await settle();
  assert.deepEqual([[...it.stored.values()], outbox.pending], [[1], 0]);
});

test("the last digit is taken back, also while it is on its way", async () => {
  const it = server();
  const outbox = new Outbox(it.add, it.remove);
  outbox.put({ label: 3 });
  outbox.put({ label: 1 });
  await outbox.takeBack();
  assert.deepEqual([...it.stored.values()], [3]);
  await outbox.takeBack();
  await outbox.takeBack();
  assert.equal(it.stored.size, 0);
});

test("two quick taps take back two digits", async () => {
  const it = server();
  const remove = async (id) => (await new Promise((resolve) => setTimeout(resolve, 20)), it.remove(id));
  const outbox = new Outbox(it.add, remove);
  for (const label of [3, 1, 4]) outbox.put({ label });
  await settle();
  await Promise.all([outbox.takeBack(), outbox.takeBack()]);
  assert.deepEqual([...it.stored.values()], [3]);
});

test("a digit that was taken back on its way is not reported when the server goes away", async () => {
  const it = server();
  const outbox = new Outbox(it.add, it.remove);
  const faults = [];
  outbox.onFault = (error) => faults.push(error.message);
  it.isDown = true;
  outbox.put({ label: 3 });
  await outbox.takeBack();
  assert.deepEqual([faults, outbox.pending, it.stored.size], [[], 0, 0]);
});

test("a digit that could not be deleted stays, and can be taken back later", async () => {
  const it = server();
  const remove = (id) => (it.isDown ? Promise.reject(new Error("no answer")) : it.remove(id));
  const outbox = new Outbox(it.add, remove);
  outbox.put({ label: 3 });
  await settle();
  it.isDown = true;
  await assert.rejects(outbox.takeBack());
  assert.deepEqual([...it.stored.values()], [3]);
  it.isDown = false;
  await outbox.takeBack();
  assert.equal(it.stored.size, 0);
});

/** A server that stores the same digit once, and whose answers are lost at first. */
function forgetful(lost, times = 0) {
  const stored = new Map(times === 0 ? [] : [[3, times]]);
  return {
    stored,
    add: async ({ label }) => {
      await null;
      const merged = stored.has(label);
      stored.set(label, (stored.get(label) ?? 0) + 1);
      if (lost-- > 0) throw new ApiError("network", "no answer");
      return { correction: { id: label, times: stored.get(label) }, merged, contradicts: [] };
    },
    remove: async (id) => stored.delete(id),
  };
}

test("a digit whose answer was lost is deleted when it is taken back", async () => {
  for (const isAgain of [true, false]) {
    const it = forgetful(1);
    const outbox = new Outbox(it.add, it.remove);
    outbox.put({ label: 3 });
    await settle();
    assert.deepEqual([outbox.pending, it.stored.size], [1, 1]);
    if (isAgain) await outbox.flush();
    await outbox.takeBack();
    await settle();
    assert.deepEqual([outbox.pending, outbox.isDone, it.stored.size], [0, true, 0]);
  }
});

test("a digit that was taken back while the server was away is deleted once it is back", async () => {
  const it = forgetful(3);
  const outbox = new Outbox(it.add, it.remove);
  let stops = 0;
  outbox.onStop = () => (stops += 1);
  outbox.put({ label: 3 });
  await settle();
  await outbox.takeBack();
  await settle();
  assert.deepEqual([outbox.pending, outbox.isDone, it.stored.size, stops], [0, false, 1, 2]);
  outbox.put({ label: 1 });
  await settle();
  await outbox.flush();
  assert.deepEqual([[...it.stored.keys()], outbox.isDone], [[1], true]);
});

test("a digit that was stored before stays, although the answer to the same one was lost", async () => {
  const it = forgetful(1, 1);
  const outbox = new Outbox(it.add, it.remove);
  outbox.put({ label: 3 });
  await settle();
  await outbox.takeBack();
  await settle();
  assert.deepEqual([...it.stored.keys()], [3]);
});

test("a digit that the server answered it cannot store is gone when it is taken back", async () => {
  const full = new ApiError("storage_full", "the disk is full", { status: 507 });
  const outbox = new Outbox(() => Promise.reject(full), async () => assert.fail("nothing is stored"));
  outbox.put({ label: 3 });
  await settle();
  await outbox.takeBack();
  assert.deepEqual([outbox.pending, outbox.isDone], [0, true]);
});

test("digits that were stored before a reload can be taken back", async () => {
  const it = server();
  it.stored.set(8, 3).set(9, 1);
  const outbox = new Outbox(it.add, it.remove);
  outbox.restore([{ label: 3, id: 8, isOwn: true }, { label: 1, id: 9, isOwn: false }]);
  await outbox.takeBack();
  await outbox.takeBack();
  assert.deepEqual([[...it.stored.keys()], outbox.items], [[9], []]);
});

test("what was stored before is not deleted", async () => {
  const it = server();
  it.merges = true;
  const outbox = new Outbox(it.add, it.remove);
  outbox.put({ label: 3 });
  await settle();
  await outbox.takeBack();
  assert.equal(it.stored.size, 1);
});

test("a round asks ten times for each digit, all ten before one comes again", () => {
  const { left } = newRound();
  assert.equal(left.length, LENGTH);
  for (let start = 0; start < LENGTH; start += 10) {
    assert.deepEqual(left.slice(start, start + 10).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
});

test("rounds differ in their order", () => {
  const orders = Array.from({ length: 5 }, () => newRound().left.join(""));
  assert.ok(new Set(orders).size > 1);
});

test("every digit can be written and taken back", () => {
  const start = newRound(() => 0.5);
  const once = written(start);
  assert.equal(once.done[0], asked(start));
  assert.deepEqual(undone(once), start);
  assert.deepEqual(undone(start), start);
});

test("a refused digit is asked for again, and one that stays is not", () => {
  const start = newRound(() => 0.5);
  const once = written(start);
  const [first] = once.done;
  assert.deepEqual(refused(once, first), { left: [...once.left, first], done: [] });
  assert.deepEqual(restored(undone(once), first), once);
});

test("a round ends", () => {
  let round = newRound();
  for (let step = 0; step < LENGTH; step += 1) round = written(round);
  assert.equal(asked(round), null);
});

test("a refused digit is asked for again at the end, unless it is of an earlier round", () => {
  let round = newRound();
  const first = asked(round);
  assert.deepEqual(refused(round, first), round);
  round = written(round);
  const again = refused(round, first);
  assert.deepEqual([again.left.at(-1), again.left.length, again.done], [first, LENGTH, []]);
});

test("a name of invisible characters is no name", () => {
  assert.deepEqual(["\u200b", " \u2060\ufeff", "\u00ad", "\u200d"].map(nameOf), ["", "", "", ""]);
  assert.deepEqual([" Zoé ", "علی‌رضا", "👩‍🏫"].map(nameOf), ["Zoé", "علی‌رضا", "👩‍🏫"]);
});

test("a reload asks again for digits that are not saved", () => {
  const round = { left: [5, 6], done: [1, 2, 3, 4] };
  assert.deepEqual(reloaded(round, [true, false, true, false]), { left: [2, 4, 5, 6], done: [1, 3] });
});
