import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import * as api from "../../src/mnist_classifier/web/static/js/shared/api.js";

const realFetch = globalThis.fetch;

afterEach(() => {
  globalThis.fetch = realFetch;
});

/** Let every request be answered like this; returns the list of the requests that were made. */
function answer(body, status = 200) {
  const requests = [];
  globalThis.fetch = async (path, options) => {
    requests.push({ path, ...options });
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  };
  return requests;
}

/** A server that never answers, but hears an abort. */
function neverAnswer() {
  globalThis.fetch = (_path, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
}

const SERVER_ERROR = { error: { code: "invalid_config", message: "epochs must lie between 1 and 1000", field: "epochs" } };

test("an answer comes back as it is", async () => {
  answer({ status: "ready" });
  assert.deepEqual(await api.modelStatus(), { status: "ready" });
});

test("an image is sent as JSON and the glyph asked for", async () => {
  const [request] = await sent(() => api.predictImage("data:image/png;base64,AAAA"));
  assert.equal(request.path, "/predict?glyph=1");
  assert.equal(request.method, "POST");
  assert.equal(request.headers["Content-Type"], "application/json");
  assert.deepEqual(JSON.parse(request.body), { image: "data:image/png;base64,AAAA" });
});

test("a file is sent as a form, whose type the browser names", async () => {
  const [request] = await sent(() => api.predictFile(new File(["x"], "seven.png")));
  assert.equal(request.body.get("file").name, "seven.png");
  assert.equal("Content-Type" in request.headers, false);
});

test("a number is asked for with its strokes, if there are any", async () => {
  const strokes = [[[1, 2], [3, 4]]];
  const requests = await sent(async () => {
    await api.predictNumber("data:image/png;base64,AAAA", strokes);
    await api.predictNumber("data:image/png;base64,AAAA", []);
    await api.predictNumberFile(new File(["x"], "71.png"));
  });
  const image = "data:image/png;base64,AAAA";
  assert.deepEqual(JSON.parse(requests[0].body), { image, mode: "number", strokes });
  assert.deepEqual(JSON.parse(requests[1].body), { image, mode: "number" });
  assert.equal(requests[2].body.get("mode"), "number");
});

test("each action has its route", async () => {
  const requests = await sent(async () => {
    await api.cancelRun(5);
    await api.randomTestImage();
    await api.dataset();
    await api.downloadDataset();
  });
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ["POST /api/runs/5/cancel", "GET /api/test-images/random", "GET /api/dataset", "POST /api/dataset"],
  );
});

/** The requests that `action` makes of a server that is content with everything. */
async function sent(action) {
  const requests = answer({});
  await action();
  return requests;
}

test("the server's error keeps its code, message and field", async () => {
  answer(SERVER_ERROR, 400);
  await assert.rejects(api.submitRun({ epochs: 0 }), (error) => {
    assert.ok(error instanceof api.ApiError);
    assert.deepEqual(
      [error.code, error.message, error.field, error.status],
      ["invalid_config", "epochs must lie between 1 and 1000", "epochs", 400],
    );
    return true;
  });
});

test("an error of another shape is not shown as it is", async () => {
  answer("<h1>502 Bad Gateway</h1>", 502);
  await assert.rejects(api.modelStatus(), { code: "bad_answer", message: /HTTP 502/ });
  answer({ error: "text" }, 500);
  await assert.rejects(api.modelStatus(), { code: "bad_answer", message: /HTTP 500/ });
});

test("an answer that is no JSON is an error even with status 200", async () => {
  answer("hello");
  await assert.rejects(api.modelStatus(), { code: "bad_answer" });
});

test("no connection is told in plain words", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(api.modelStatus(), {
    code: "network",
    message: "No answer from the server. Is it still running?",
  });
});

test("a server that takes too long is a timeout", async () => {
  neverAnswer();
  await assert.rejects(api.request("/model-status", { timeout_ms: 5 }), { name: "ApiError", code: "timeout" });
});

test("the caller's own abort is not an ApiError", async () => {
  neverAnswer();
  const controller = new AbortController();
  const pending = api.modelStatus(controller.signal);
  controller.abort();
  await assert.rejects(pending, { name: "AbortError" });
  await assert.rejects(api.modelStatus(controller.signal), { name: "AbortError" });
});

test("a token that was given is sent with every request of the tab", async () => {
  globalThis.sessionStorage = { getItem: (name) => (name === "mnist-token" ? "correct-horse-battery" : null) };
  try {
    const requests = answer({ status: "ready" });
    await api.modelStatus();
    assert.equal(requests[0].headers.Authorization, "Bearer correct-horse-battery");
  } finally {
    delete globalThis.sessionStorage;
  }
});

test("where the browser keeps nothing, requests go without", async () => {
  Object.defineProperty(globalThis, "sessionStorage", {
    configurable: true,
    get() {
      throw new Error("blocked");
    },
  });
  try {
    const requests = answer({ status: "ready" });
    await api.modelStatus();
    assert.equal("Authorization" in requests[0].headers, false);
  } finally {
    delete globalThis.sessionStorage;
  }
});

test("a file comes with the name that the server gives it", async () => {
  globalThis.fetch = async () =>
    new Response("zip", { headers: { "Content-Disposition": "attachment; filename=mnist-model-3.zip" } });
  const { name, content } = await api.download("/api/models/3/export");
  assert.equal(name, "mnist-model-3.zip");
  assert.equal(await content.text(), "zip");
});

test("a file that is refused is an error like any other", async () => {
  answer({ error: { code: "version_missing", message: "there is no version 9", field: null } }, 404);
  await assert.rejects(api.download("/api/models/9/export"), { code: "version_missing", status: 404 });
});
