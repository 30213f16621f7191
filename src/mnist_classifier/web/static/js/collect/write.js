// @ts-check
/** "Write here": the pad asks for one digit after another, and stores each of them. */

import { Pad } from "../pad/pad.js";
import { add, remove } from "../shared/corrections.js";
import { element, write } from "../shared/dom.js";
import { goOnWhenBack } from "../shared/reconnect.js";
import { hideToast, messageOf, showToast } from "../shared/toast.js";
import { writer } from "../shared/writer.js";
import { forgetRound, keepRound, keptRound } from "./kept.js";
import { isRefused, Outbox } from "./outbox.js";
import { asked, LENGTH, newRound, refused, reloaded, restored, undone, written } from "./round.js";

/** So long the pen rests before the next digit: people lift it for the bar of a 7 or the second stroke of a 4. */
const REST_MS = 1_000;
const TOPIC = "write";

export class Writing {
  /** Called when the next person should enter a name. */
  onOther = () => {};

  #pad = new Pad(element("pad", HTMLCanvasElement), element("pad-frame", HTMLElement));
  #outbox = new Outbox(add, remove);
  #round = newRound();
  #isRunning = false;
  /** Whether the keys draw: then the page waits for Enter. */
  #byKeys = false;
  #timer = 0;

  constructor() {
    this.#pad.onBegin = () => this.#stopWaiting();
    this.#pad.onChange = () => this.#waitForRest();
    const pad = element("pad", HTMLCanvasElement);
    pad.addEventListener("pointerdown", () => (this.#byKeys = false));
    pad.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key.startsWith("Arrow")) this.#byKeys = true;
    });
    for (const [id, act] of /** @type {[string, () => void][]} */ ([
      ["write-start", () => this.#start()],
      ["write-again", () => this.#start()],
      ["write-other", () => this.#other()],
      ["write-undo", () => this.undo()],
      ["write-clear", () => this.#pad.clear()],
      ["write-next", () => this.next()],
    ])) {
      element(id, HTMLButtonElement).addEventListener("click", act);
    }
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#outbox.onChange = () => this.#show();
    this.#outbox.onFault = (error, item) => this.#failed(error, item);
    this.#outbox.onStop = (error) => goOnWhenBack(error, () => this.#outbox.flush());
    window.addEventListener("beforeunload", (event) => !this.#outbox.isDone && event.preventDefault());
    this.#continue();
  }

  /** Store the drawing, and ask for the next digit. */
  next() {
    const digit = asked(this.#round);
    this.#stopWaiting();
    this.#pad.finish();
    this.#stopWaiting();
    if (!this.#isRunning || digit === null || this.#pad.isEmpty) return;
    this.#round = written(this.#round);
    this.#outbox.put({ image: this.#pad.toDataUrl(), label: digit, writer: writer(), source: "class", strokes: this.#pad.toPaths() });
    this.#blank();
  }

  /** Take back a stroke or, on an empty pad, the last digit. */
  async undo() {
    this.#stopWaiting();
    if (!this.#pad.isEmpty) return this.#pad.undo();
    const digit = this.#round.done.at(-1);
    if (digit === undefined) return;
    this.#round = undone(this.#round);
    this.#isRunning = true;
    this.#blank();
    try {
      await this.#outbox.takeBack();
    } catch (error) {
      this.#round = restored(this.#round, digit);
      this.#show();
      showToast(TOPIC, `The digit was not deleted. ${messageOf(error)}`);
    }
  }

  #start() {
    this.#outbox.clear();
    this.#round = newRound();
    this.#isRunning = true;
    this.#blank();
    element("pad", HTMLCanvasElement).focus({ preventScroll: true });
    element("write", HTMLElement).scrollIntoView({ block: "nearest" });
  }

  /** Go on where a reload broke off. */
  #continue() {
    const kept = keptRound(writer());
    if (kept === null) return;
    this.#outbox.restore(kept.saved);
    this.#round = { left: kept.left, done: kept.saved.map(({ label }) => label) };
    this.#isRunning = true;
    this.#blank();
  }

  #keep() {
    const { done } = this.#round;
    // Those of earlier rounds that are still on their way come first.
    const items = this.#outbox.items.slice(Math.max(0, this.#outbox.items.length - done.length));
    const { left } = reloaded(this.#round, items.map(({ stored }) => stored !== null));
    const saved = items.flatMap(({ sent, stored }) => (stored === null ? [] : [{ ...stored, label: Number(sent.label) }]));
    keepRound({ writer: writer(), left, saved });
  }

  #other() {
    forgetRound();
    this.#isRunning = false;
    this.#round = newRound();
    this.#outbox.clear();
    this.#show();
    this.onOther();
  }

  #blank() {
    // A new drawing without a history: undo on an empty pad takes back the digit before.
    this.#pad.startSheet(280);
    this.#show();
  }

  #waitForRest() {
    this.#stopWaiting();
    const goesOn = element("write-auto", HTMLInputElement).checked && !this.#byKeys && !this.#pad.isEmpty;
    if (goesOn) this.#timer = window.setTimeout(() => this.next(), REST_MS);
  }

  #stopWaiting() {
    window.clearTimeout(this.#timer);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#isRunning || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const onControl = event.target instanceof Element && event.target.closest("button, a, input, select, summary") !== null;
    const onPad = event.target === element("pad", HTMLCanvasElement);
    if (onControl) return;
    if (event.key === "Enter" || (event.key === " " && !onPad)) this.next();
    else if (event.key === "u" || event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
  }

  /** @param {unknown} error @param {import("./outbox.js").Item} item */
  #failed(error, item) {
    if (isRefused(error)) {
      // The drawing itself was refused: ask for the digit again later.
      this.#outbox.drop(item);
      this.#round = refused(this.#round, Number(item.sent.label));
      showToast(`${TOPIC}-refused`, messageOf(error));
      return;
    }
    const action = { text: "Try again", onClick: () => void this.#outbox.flush() };
    showToast(TOPIC, `${count(this.#outbox.pending)} not saved yet. ${messageOf(error)}`, "error", action);
  }

  #show() {
    if (this.#isRunning) this.#keep();
    const digit = asked(this.#round);
    const done = this.#round.done.length;
    const isOver = this.#isRunning && digit === null;
    element("write", HTMLElement).dataset.state = !this.#isRunning ? "ready" : isOver ? "over" : "asking";
    element("write-start", HTMLElement).parentElement?.toggleAttribute("hidden", this.#isRunning);
    element("write-bench", HTMLElement).hidden = !this.#isRunning || isOver;
    for (const id of ["write-again", "write-other", "write-finished"]) element(id, HTMLElement).hidden = !isOver;
    write(element("asked", HTMLElement), String(digit ?? ""));
    write(element("asked-words", HTMLElement), this.#isRunning && digit !== null ? `Write ${digit}. ${done} of ${LENGTH} are done.` : "");
    element("write-done", HTMLProgressElement).value = done;
    write(element("write-count", HTMLElement), `${done} of ${LENGTH}`);
    const pending = this.#outbox.pending;
    write(element("write-pending", HTMLElement), pending === 0 ? "" : waiting(pending, this.#outbox.isSending));
    if (pending === 0) hideToast(TOPIC);
    if (isOver) {
      const name = writer();
      const by = name === "" ? "" : ` by ${name}`;
      write(element("write-finished", HTMLElement), pending === 0 ? `Done. ${LENGTH} digits${by} are saved.` : waiting(pending, this.#outbox.isSending));
    }
  }
}

/** @param {number} digits @param {boolean} isSending */
function waiting(digits, isSending) {
  return isSending ? `Saving ${count(digits)}…` : `${count(digits)} not saved yet.`;
}

/** @param {number} digits */
function count(digits) {
  return digits === 1 ? "1 digit" : `${digits} digits`;
}
