// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Live } from "../../src/mnist_classifier/web/static/js/pad/live.js";

/** A reader that answers when the test says so. */
function reader() {
  /** @type {{picture: any, answer: (answer: any) => void, fail: (error: Error) => void}[]} */
  const asked = [];
  let isClosed = false;
  return {
    asked,
    get isClosed() {
      return isClosed;
    },
    read: (/** @type {any} */ picture) => new Promise((answer, fail) => asked.push({ picture, answer, fail })),
    close: () => {
      isClosed = true;
    },
  };
}

/** A Live with a reader for each version, and what it has shown. */
async function live() {
  /** @type {ReturnType<typeof reader>[]} */
  const readers = [];
  /** @type {any[]} */
  const shown = [];
  /** @type {(number | undefined)[]} */
  const loads = [];
  const made = new Live(
    async (version) => {
      loads.push(version);
      return { version: version ?? 4, file: new ArrayBuffer(0) };
    },
    async () => {
      readers.push(reader());
      return /** @type {any} */ (readers[readers.length - 1]);
    },
  );
  made.onReading = (answer) => shown.push(answer);
  await made.follow();
  return { live: made, readers, shown, loads };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const take = (/** @type {string} */ name) => () => /** @type {any} */ (name);

test("one reading is in flight, and the newest drawing is next", async () => {
  const { live: pen, readers, shown } = await live();
  for (const name of ["a", "b", "c"]) pen.look(take(name));
  assert.deepEqual(readers[0].asked.map(({ picture }) => picture), ["a"]);
  readers[0].asked[0].answer("of a");
  await settled();
  assert.deepEqual(readers[0].asked.map(({ picture }) => picture), ["a", "c"]);
  readers[0].asked[1].answer("of c");
  await settled();
  assert.deepEqual(shown, ["of a", "of c"]);
});

test("a reading that arrives after the stroke is not shown", async () => {
  const { live: pen, readers, shown } = await live();
  pen.look(take("a"));
  pen.look(take("b"));
  pen.stop();
  readers[0].asked[0].answer("of a");
  await settled();
  assert.deepEqual([shown, readers[0].asked.length], [[], 1]);
});

test("another version replaces the reader, and the same one is loaded once", async () => {
  const { live: pen, readers, shown, loads } = await live();
  await pen.follow(4);
  pen.look(take("a")); // still in flight when the version changes
  await pen.follow(5);
  assert.deepEqual([loads, readers[0].isClosed], [[undefined, 5], true]);
  pen.look(take("b"));
  readers[1].asked[0].answer("of b");
  await settled();
  assert.deepEqual(shown, ["of b"]);
});

test("a refusal stays, a lost connection is tried again", async () => {
  for (const [code, times] of /** @type {const} */ ([["not_for_browsers", 1], ["network", 2]])) {
    let loads = 0;
    const pen = new Live(async () => {
      loads += 1;
      throw Object.assign(new Error("no"), { code });
    });
    await pen.follow(3);
    await pen.follow(3);
    assert.equal(loads, times);
    pen.look(take("a"));
  }
});

test("a reader that fails is given up", async () => {
  const { live: pen, readers, shown } = await live();
  pen.look(take("a"));
  readers[0].asked[0].fail(new Error("worker lost"));
  await settled();
  pen.look(take("b"));
  assert.deepEqual([shown, readers[0].asked.length, readers[0].isClosed], [[], 1, true]);
});
