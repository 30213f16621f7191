import assert from "node:assert/strict";
import { test } from "node:test";

import { actionFor } from "../../src/mnist_classifier/web/static/js/shared/shortcuts.js";

test("keys and what they do", async (t) => {
  const cases = [
    [{ key: "Enter" }, "predict"],
    [{ key: "Delete" }, "clear"],
    [{ key: "Backspace" }, "clear"],
    [{ key: "c" }, "clear"],
    [{ key: "C" }, "clear"],
    [{ key: "u" }, "undo"],
    [{ key: "z", ctrlKey: true }, "undo"],
    [{ key: "z", metaKey: true }, "undo"],
    [{ key: "r" }, "random"],
    [{ key: "Z", ctrlKey: true, shiftKey: true }, "redo"],
    [{ key: "y", ctrlKey: true }, "redo"],
    [{ key: "y" }, "redo"],
    [{ key: "e" }, "eraser"],
    [{ key: "[" }, "thinner"],
    [{ key: "]", ctrlKey: true, altKey: true }, null],
    [{ key: "]", altKey: true }, "thicker"],
    [{ key: "+" }, "thicker"],
    [{ key: "n" }, "mode"],
    [{ key: "o" }, "upload"],
    [{ key: "s" }, "download"],
    [{ key: "s", ctrlKey: true }, null],
    [{ key: "?", shiftKey: true }, "help"],
    [{ key: "constructor" }, null],
    [{ key: "r", ctrlKey: true }, null],
    [{ key: "c", ctrlKey: true }, null],
    [{ key: "c", metaKey: true }, null],
    [{ key: "Enter", altKey: true }, null],
    [{ key: "z" }, null],
    [{ key: "7" }, null],
  ];
  for (const [key, action] of cases) {
    await t.test(JSON.stringify(key), () => assert.equal(actionFor(key), action));
  }
});
