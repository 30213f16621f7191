// @ts-check
/**
 * A round of a writer: which digits are still asked for, and in which order.  Pure.
 *
 * @typedef {{left: number[], done: number[]}} Round  digits in the order in which they are asked; the last one was done last
 */

/** How often each digit is asked for. */
const TIMES = 10;
export const LENGTH = 10 * TIMES;

/** A new round: ten times all ten digits, each time in another order. @param {() => number} random @returns {Round} */
export function newRound(random = Math.random) {
  return { left: Array.from({ length: TIMES }, () => shuffled(random)).flat(), done: [] };
}

/** The digit that is asked for; null at the end. @param {Round} round */
export function asked(round) {
  return round.left[0] ?? null;
}

/** The round once that digit is written. @param {Round} round @returns {Round} */
export function written({ left: [digit, ...left], done }) {
  return { left, done: [...done, digit] };
}

/** The round without its last digit, which is asked for again. @param {Round} round @returns {Round} */
export function undone({ left, done }) {
  const last = done.at(-1);
  return last === undefined ? { left, done } : { left: [last, ...left], done: done.slice(0, -1) };
}

/** The round with a digit that has to be written again; unchanged if the digit is of an earlier round. @param {Round} round @param {number} digit @returns {Round} */
export function refused({ left, done }, digit) {
  const at = done.lastIndexOf(digit);
  return at < 0 ? { left, done } : { left: [...left, digit], done: done.toSpliced(at, 1) };
}

/** The round once a digit that was to be taken back stays. @param {Round} round @param {number} digit @returns {Round} */
export function restored({ left, done }, digit) {
  const at = left.indexOf(digit);
  return at < 0 ? { left, done } : { left: left.toSpliced(at, 1), done: [...done, digit] };
}

/**
 * The round that a reload continues: it asks again for digits that are not saved, because the reload loses them.
 * @param {Round} round @param {readonly boolean[]} areSaved  of the digits that are done
 * @returns {Round}
 */
export function reloaded({ left, done }, areSaved) {
  return { left: [...done.filter((_, at) => !areSaved[at]), ...left], done: done.filter((_, at) => areSaved[at]) };
}

/** @param {() => number} random @returns {number[]} */
function shuffled(random) {
  const digits = [...Array(10).keys()];
  for (let last = digits.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [digits[last], digits[other]] = [digits[other], digits[last]];
  }
  return digits;
}
