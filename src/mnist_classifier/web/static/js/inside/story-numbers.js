// @ts-check
/** Numbers as short as the cells of a grid need them.  Pure. */

/** With a true minus sign; never "−0.00". @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
}

/** The largest size of a number; 1 if all are 0. @param {ArrayLike<number>[]} lists */
export function largestOf(...lists) {
  let most = 0;
  for (const list of lists) for (let i = 0; i < list.length; i += 1) most = Math.max(most, Math.abs(list[i]));
  return most || 1;
}
