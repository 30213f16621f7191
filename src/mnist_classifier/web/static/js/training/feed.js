// @ts-check
/**
 * The events of a run as they happen: from a stream, which the browser resumes
 * after an interruption, or by polling if the server has no stream left.
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("../shared/api.js").RunEvent} RunEvent
 */

import { runEvents } from "../shared/api.js";
import { at } from "../shared/paths.js";

const KINDS = ["status", "step", "epoch", "evaluation", "batch", "message"];
const POLL_MS = 1_500;
// Events that arrive together are drawn together.
const GATHER_MS = 60;

/**
 * @param {number} runId
 * @param {{
 *   onEvents: (events: RunEvent[]) => void, onEnd: (run: Run) => void, onConnection: (works: boolean) => void
 * }} listener
 * @returns {() => void}  stops following
 */
export function followRun(runId, { onEvents, onEnd, onConnection }) {
  let last = 0;
  let stopped = false;
  /** @type {number | undefined} */
  let timer;
  /** @type {RunEvent[]} */
  let gathered = [];
  /** @type {number | undefined} */
  let gathering;
  const source = new EventSource(at(`/api/runs/${runId}/stream`));

  function tell() {
    window.clearTimeout(gathering);
    gathering = undefined;
    const events = gathered;
    gathered = [];
    if (events.length > 0 && !stopped) onEvents(events);
  }

  function stop() {
    stopped = true;
    source.close();
    window.clearTimeout(timer);
    window.clearTimeout(gathering);
  }

  /** @param {Run} run */
  function end(run) {
    tell();
    if (stopped) return;
    stop();
    onEnd(run);
  }

  async function poll() {
    try {
      const { run, events } = await runEvents(runId, last);
      if (stopped) return;
      onConnection(true);
      last = events.at(-1)?.id ?? last;
      if (events.length > 0) onEvents(events);
      else if (!["queued", "running"].includes(run.status)) return end(run);
    } catch {
      if (stopped) return;
      onConnection(false);
    }
    timer = window.setTimeout(poll, POLL_MS);
  }

  source.addEventListener("open", () => onConnection(true));
  source.addEventListener("error", () => {
    if (stopped) return;
    tell();
    // CONNECTING: the browser reconnects by itself. CLOSED: the server refused the stream.
    if (source.readyState === EventSource.CLOSED) poll();
    else onConnection(false);
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, (message) => {
      const event = JSON.parse(message.data);
      last = event.id;
      gathered.push(event);
      gathering ??= window.setTimeout(tell, GATHER_MS);
    });
  }
  source.addEventListener("end", (message) => end(JSON.parse(message.data)));
  return stop;
}
