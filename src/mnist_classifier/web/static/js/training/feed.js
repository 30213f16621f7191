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

const KINDS = ["status", "phase", "step", "epoch", "evaluation", "batch", "message"];
const POLL_MS = 1_500;
// Events that arrive within this time are drawn together.
const GATHER_MS = 60;

export class RunFeed {
  #runId;
  #listener;
  #source;
  /** Id of the last event. */
  #last = 0;
  #isStopped = false;
  /** @type {number | undefined} */
  #polling;
  /** @type {RunEvent[]} */
  #gathered = [];
  /** @type {number | undefined} */
  #gathering;

  /**
   * @param {number} runId
   * @param {{
   *   onEvents: (events: RunEvent[]) => void, onEnd: (run: Run) => void, onConnection: (works: boolean) => void
   * }} listener
   */
  constructor(runId, listener) {
    this.#runId = runId;
    this.#listener = listener;
    this.#source = new EventSource(at(`/api/runs/${runId}/stream`));
    this.#source.addEventListener("open", () => listener.onConnection(true));
    this.#source.addEventListener("error", () => this.#fail());
    for (const kind of KINDS) this.#source.addEventListener(kind, (message) => this.#gather(JSON.parse(message.data)));
    this.#source.addEventListener("end", (message) => this.#end(JSON.parse(message.data)));
  }

  stop() {
    this.#isStopped = true;
    this.#source.close();
    window.clearTimeout(this.#polling);
    window.clearTimeout(this.#gathering);
  }

  /** @param {RunEvent} event */
  #gather(event) {
    this.#last = event.id;
    this.#gathered.push(event);
    this.#gathering ??= window.setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush() {
    window.clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const events = this.#gathered;
    this.#gathered = [];
    if (events.length > 0 && !this.#isStopped) this.#listener.onEvents(events);
  }

  #fail() {
    if (this.#isStopped) return;
    this.#flush();
    // CONNECTING: the browser reconnects by itself. CLOSED: the server refused the stream.
    if (this.#source.readyState === EventSource.CLOSED) this.#poll();
    else this.#listener.onConnection(false);
  }

  /** @param {Run} run */
  #end(run) {
    this.#flush();
    if (this.#isStopped) return;
    this.stop();
    this.#listener.onEnd(run);
  }

  async #poll() {
    try {
      const { run, events } = await runEvents(this.#runId, this.#last);
      if (this.#isStopped) return;
      this.#listener.onConnection(true);
      this.#last = events.at(-1)?.id ?? this.#last;
      if (events.length > 0) this.#listener.onEvents(events);
      else if (!["queued", "running"].includes(run.status)) return this.#end(run);
    } catch {
      if (this.#isStopped) return;
      this.#listener.onConnection(false);
    }
    this.#polling = window.setTimeout(() => this.#poll(), POLL_MS);
  }
}
