import assert from "node:assert/strict";
import { test } from "node:test";

import { Latest, STALE } from "../../src/mnist_classifier/web/static/js/shared/latest.js";

/** A task that ends when it is told to. */
function deferred() {
  const task = {};
  task.promise = new Promise((resolve, reject) => Object.assign(task, { resolve, reject }));
  return task;
}

test("a question gets its answer", async () => {
  assert.equal(await new Latest().run(async () => 7), 7);
});

test("an older answer that arrives later is dropped", async () => {
  const latest = new Latest();
  const [older, newer] = [deferred(), deferred()];
  const olderRun = latest.run(() => older.promise);
  const newerRun = latest.run(() => newer.promise);
  newer.resolve("new");
  older.resolve("old");
  assert.equal(await olderRun, STALE);
  assert.equal(await newerRun, "new");
});

test("a newer question aborts the older one", async () => {
  const latest = new Latest();
  let seen;
  const older = deferred();
  const olderRun = latest.run((signal) => {
    seen = signal;
    return older.promise;
  });
  await latest.run(async () => 1);
  assert.equal(seen.aborted, true);
  older.reject(new Error("aborted"));
  assert.equal(await olderRun, STALE);
});

test("a failure of the newest question is told", async () => {
  await assert.rejects(new Latest().run(async () => Promise.reject(new Error("no answer"))), /no answer/);
});

test("after cancel nothing is answered and nothing is busy", async () => {
  const latest = new Latest();
  const task = deferred();
  const run = latest.run(() => task.promise);
  assert.equal(latest.isBusy, true);
  latest.cancel();
  assert.equal(latest.isBusy, false);
  task.resolve("late");
  assert.equal(await run, STALE);
});

test("it is busy until the newest question is answered", async () => {
  const latest = new Latest();
  const [older, newer] = [deferred(), deferred()];
  const olderRun = latest.run(() => older.promise);
  const newerRun = latest.run(() => newer.promise);
  older.resolve();
  await olderRun;
  assert.equal(latest.isBusy, true);
  newer.resolve();
  await newerRun;
  assert.equal(latest.isBusy, false);
});
