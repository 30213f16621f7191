// @ts-check
/**
 * The panel of one run: where it stands, metrics, result, confusion matrix, training images, log.
 *
 * @typedef {import("../shared/api.js").Run} Run
 * @typedef {import("./state.js").RunState} RunState
 */

import { element, make, write } from "../shared/dom.js";
import { count, duration, loss, percent, sentence, UNKNOWN } from "../shared/format.js";
import { at } from "../shared/paths.js";
import { fractionDone, timeLeft } from "./state.js";
import { RunResult } from "./result.js";
import { trialName, trialText } from "./trial.js";
import { hasPoints, headline, isOver, promise, statusWord } from "./words.js";

export class RunView {
  #root = element("run", HTMLElement);
  #body = element("run-body", HTMLElement);
  #status = element("run-status", HTMLElement);
  #message = element("run-message", HTMLElement);
  #result = new RunResult();
  #cells = /** @type {HTMLElement[][]} */ ([]);
  /** The seconds that a run trains here, if they are known. @type {(run: import("./times.js").Planned) => number | undefined} */
  secondsOf = () => undefined;

  /** @param {string} text  why there is nothing to show */
  showNothing(text) {
    this.#root.dataset.state = "empty";
    this.#body.hidden = true;
    this.#status.hidden = true;
    write(element("run-heading", HTMLElement), "No training to show");
    write(this.#message, text);
    write(element("run-promise", HTMLElement), "");
  }

  /** @param {Run} run */
  showRun(run) {
    this.#root.dataset.state = run.status;
    this.#body.hidden = false;
    this.#status.hidden = false;
    this.#status.dataset.status = run.status;
    write(this.#status, statusWord(run));
    write(element("run-heading", HTMLElement), `Run ${run.run_id}: ${run.recipe ?? ""}`);
    const trial = element("run-trial", HTMLElement);
    trial.hidden = !run.trial;
    write(trial, run.trial ? `${sentence(trialName(run.trial, run.seed))} ${sentence(trialText(run.trial))}` : "");
    element("run-cancel", HTMLElement).hidden = isOver(run);
    element("run-resume", HTMLElement).hidden = !["failed", "interrupted"].includes(run.status);
    this.#result.show(run);
    for (const kind of ["csv", "json"]) element(`run-${kind}`, HTMLAnchorElement).href = at(`/api/runs/${run.run_id}/events.${kind}`);
  }

  /** @param {Run} run @param {RunState} state */
  showState(run, state) {
    const epochs = run.planned_epochs ?? 1;
    const last = state.epochs.at(-1);
    const over = isOver(run);
    write(this.#message, headline(run, state));
    write(element("run-promise", HTMLElement), promise(run, state, this.secondsOf(run)));
    const bar = element("run-progress", HTMLProgressElement);
    bar.hidden = over || statusWord(run) === "queued";
    // Without a value the bar moves: nobody knows how long the start takes.
    if (state.phase || !hasPoints(state)) bar.removeAttribute("value");
    else bar.value = fractionDone(state, epochs);
    for (const id of ["run-figures", "run-files"]) element(id, HTMLElement).hidden = !hasPoints(state);
    this.#figure("epoch", `${over ? last?.epoch ?? 0 : Math.min((last?.epoch ?? 0) + 1, epochs)} of ${epochs}`);
    this.#figure("eta", over ? UNKNOWN : duration(timeLeft(state, run)));
    this.#figure("speed", count(state.steps.at(-1)?.images_per_s ?? last?.images_per_s));
    this.#figure("rate", (state.steps.at(-1) ?? last)?.learning_rate?.toPrecision(2) ?? UNKNOWN);
    this.#figure("accuracy", percent(last?.validation_accuracy, 2));
    this.#figure("loss", loss(last?.validation_loss));
    this.#showConfusion(state);
    this.#showBatch(state);
    this.#showLog(state);
  }

  /** @param {Record<string, unknown>} config @param {Record<string, any> | null} environment */
  showFacts(config, environment) {
    const facts = { ...config, ...(environment ?? {}), data_sha256: undefined };
    const rows = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => {
      const text = typeof value === "object" ? Object.entries(value ?? {}).map((pair) => pair.join(" ")).join(", ") : String(value);
      return make("div", {}, make("dt", { text: name.replaceAll("_", " ") }), make("dd", { text }));
    });
    element("run-facts", HTMLElement).replaceChildren(...rows);
  }

  /** @param {boolean} works */
  showConnection(works) {
    const notice = element("run-connection", HTMLElement);
    notice.hidden = works;
    write(notice, works ? "" : "The server does not answer. Trying again; your training is safe.");
  }

  /** @param {string} name @param {string} text */
  #figure(name, text) {
    write(element(`run-${name}`, HTMLElement), text);
  }

  /** @param {RunState} state */
  #showConfusion({ confusion }) {
    element("confusion-figure", HTMLElement).hidden = confusion === null;
    if (confusion === null) return;
    if (this.#cells.length === 0) this.#cells = buildConfusion(element("run-confusion", HTMLTableElement));
    write(element("confusion-epoch", HTMLElement), String(confusion.epoch));
    const worst = Math.max(1, ...confusion.rows.flatMap((row, label) => row.filter((_, read) => read !== label)));
    confusion.rows.forEach((row, label) => row.forEach((number, read) => {
      const cell = this.#cells[label][read];
      write(cell, number === 0 ? "" : String(number));
      cell.style.setProperty("--share", String(read === label ? 0 : Math.sqrt(number / worst)));
    }));
  }

  /** @param {RunState} state */
  #showBatch({ batch }) {
    element("batch-figure", HTMLElement).hidden = batch === null;
    if (batch === null) return;
    write(element("batch-epoch", HTMLElement), String(batch.epoch));
    const picture = element("batch", HTMLImageElement);
    if (picture.src !== batch.image) picture.src = batch.image;
  }

  /** @param {RunState} state */
  #showLog({ log }) {
    const list = element("run-log", HTMLElement);
    if (log.length < list.children.length) list.replaceChildren();
    for (const { at, text } of log.slice(list.children.length)) {
      const time = make("time", { text: new Date(at).toLocaleTimeString("en-GB") });
      time.dateTime = at;
      list.append(make("li", {}, time, " ", text));
    }
  }

  /** Remove everything of the previous run. */
  clear() {
    element("run-log", HTMLElement).replaceChildren();
    element("run-facts", HTMLElement).replaceChildren();
    this.#result.clear();
    this.showConnection(true);
  }
}

/** @param {HTMLTableElement} table @returns {HTMLElement[][]} */
function buildConfusion(table) {
  const digits = [...Array(10).keys()];
  const head = table.createTHead().insertRow();
  head.append(make("th", { text: "label / read" }), ...digits.map((digit) => heading(digit, "col")));
  const body = table.createTBody();
  return digits.map((label) => {
    const row = body.insertRow();
    row.append(heading(label, "row"));
    return digits.map((read) => {
      const cell = row.insertCell();
      cell.dataset.right = String(label === read);
      return cell;
    });
  });
}

/** @param {number} digit @param {string} scope */
function heading(digit, scope) {
  const cell = make("th", { text: String(digit) });
  cell.scope = scope;
  return cell;
}
