// @ts-check
/**
 * What shall become of each box of a sheet.  Pure.
 *
 * @typedef {import("../shared/api-types.js").CellOfSheet} Cell
 * @typedef {Cell["label"]} Label
 * @typedef {{label: Label | null, isChecked: boolean}} Choice  null: leave it out; isChecked: a person has looked at it
 */

/** What the sheet says, until a person says something else. @param {readonly Cell[]} cells @returns {Choice[]} */
export function firstChoices(cells) {
  return cells.map(({ label, state }) => ({ label: state === "ready" ? label : null, isChecked: state !== "check" }));
}

/** Whether a person can choose a label. @param {Cell} cell */
export function canStore({ state }) {
  return state === "ready" || state === "check";
}

/** The next box to look at, after this one and around; -1 if there is none. @param {readonly Choice[]} choices @param {number} after */
export function nextDoubt(choices, after) {
  const order = choices.map((_, step) => (after + 1 + step) % choices.length);
  return order.find((cell) => !choices[cell].isChecked) ?? -1;
}

/** What to send. @param {readonly Cell[]} cells @param {readonly Choice[]} choices */
export function toStore(cells, choices) {
  const chosen = cells.filter(({ cell }) => choices[cell].label !== null);
  return {
    store: chosen.map(({ cell }) => cell),
    labels: chosen.flatMap(({ cell, label }) => {
      const { label: given } = choices[cell];
      return given === null || given === label ? [] : [{ cell, label: given }];
    }),
  };
}

/** The corrections that this page added. @param {readonly Cell[]} cells  as stored @param {number} tries  how often the server may have stored them */
export function addedBy(cells, tries) {
  return cells.flatMap(({ correction, times }) => (correction !== null && times !== null && times <= tries ? [correction] : []));
}

/** How many there are of each kind, in words. @param {readonly Cell[]} cells @param {readonly Choice[]} choices */
export function summary(cells, choices) {
  const kept = choices.filter(({ label }) => label !== null).length;
  const doubts = choices.filter(({ isChecked }) => !isChecked).length;
  const empty = cells.filter(({ state }) => state === "empty").length;
  const spoilt = cells.filter(({ state }) => state === "spoilt").length;
  const parts = [`${kept} will be saved`];
  if (doubts > 0) parts.push(`${doubts} to check`);
  if (spoilt > 0) parts.push(`${spoilt} spoilt`);
  if (empty > 0) parts.push(`${empty} empty`);
  return `${parts.join(", ")}.`;
}

/** What there is to say about a box. @param {Cell} cell @param {Choice} choice @param {(label: Label) => string} words */
export function describe({ cell, label, state, reason }, choice, words) {
  const place = `Row ${Math.floor(cell / 10) + 1}, column ${(cell % 10) + 1}`;
  if (state === "empty") return `${place}: empty.`;
  if (state === "spoilt") return `${place}: left out, because ${reason}.`;
  const given = choice.label === null ? "left out" : words(choice.label);
  const why = reason === "" ? "" : ` The sheet says ${words(label)}, but ${reason}.`;
  return `${place}: ${given}.${why}`;
}
