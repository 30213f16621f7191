// @ts-check
/**
 * Which pieces of ink stand in one line of text.  Follows text_lines.py, with the same constants.
 *
 * @typedef {{top: number, bottom: number, left: number, right: number}} Box  bottom and right are exclusive
 */

const LEAST_HEIGHT = 0.5;
const MOST_HEIGHT = 1.5;
const LEAST_OF_TALLEST = 0.75;
const LEAST_SHARED = 0.5;
const FARTHEST = 2.5;
const SAME_MIDDLE = 0.35;
const OVERLAP = 0.3;

/**
 * Divide parts into lines, from the top; small parts belong to the nearest line.
 * @template {Box} Part
 * @param {readonly Part[]} parts  at least one
 * @param {number} height  of the digits, px
 * @returns {Part[][]}
 */
export function groupLines(parts, height) {
  const heights = parts.map(({ top, bottom }) => (bottom - top) / height);
  const tallest = Math.max(...heights);
  const hasUsual = heights.some((each) => each >= LEAST_HEIGHT && each <= MOST_HEIGHT);
  const isAnchor = heights.map((each) => (hasUsual ? each >= LEAST_HEIGHT && each <= MOST_HEIGHT : each >= tallest * LEAST_OF_TALLEST));
  const groups = joined(chains(parts.filter((_, index) => isAnchor[index]), height), height);
  const middles = new Map(groups.map((group) => [group, mean(group.map(({ top, bottom }) => top + bottom))]));
  groups.sort((one, other) => (middles.get(one) ?? 0) - (middles.get(other) ?? 0));
  const lines = groups.map((group) => [...group]);
  parts.forEach((part, index) => {
    if (!isAnchor[index]) lines[nearest(part, groups)].push(part);
  });
  return lines;
}

/** Groups of parts that are connected by neighbours. @template {Box} Part @param {readonly Part[]} anchors @param {number} height */
function chains(anchors, height) {
  /** @type {Part[][]} */
  const groups = [];
  const waiting = new Set(anchors);
  for (const first of anchors) {
    if (!waiting.delete(first)) continue;
    const group = [first];
    for (const one of group) {
      for (const other of [...waiting]) {
        if (!areNeighbours(one, other, height)) continue;
        waiting.delete(other);
        group.push(other);
      }
    }
    groups.push(group);
  }
  return groups;
}

/** @param {Box} one @param {Box} other @param {number} height */
function areNeighbours(one, other, height) {
  const shared = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  const lower = Math.min(one.bottom - one.top, other.bottom - other.top);
  const gap = Math.max(one.left, other.left) - Math.min(one.right, other.right);
  return shared >= LEAST_SHARED * lower && gap <= FARTHEST * height;
}

/** Join groups that stand beside each other. @template {Box} Part @param {Part[][]} groups @param {number} height */
function joined(groups, height) {
  const leftOf = (/** @type {Part[]} */ group) => Math.min(...group.map(({ left }) => left));
  /** @type {Part[][]} */
  const result = [];
  for (const group of [...groups].sort((one, other) => leftOf(one) - leftOf(other))) {
    const left = leftOf(group);
    const before = result.find((other) => {
      const right = Math.max(...other.map((part) => part.right));
      return right <= left + OVERLAP * height && Math.abs(middleAt(group, left) - middleAt(other, right)) < SAME_MIDDLE * height;
    });
    if (before === undefined) result.push([...group]);
    else before.push(...group);
  }
  return result;
}

/** The row of the middle of the part that is nearest to a column. @param {readonly Box[]} group @param {number} column */
function middleAt(group, column) {
  const away = (/** @type {Box} */ { left, right }) => Math.max(left - column, column - right, 0);
  const near = group.reduce((best, each) => (away(each) < away(best) ? each : best));
  return (near.top + near.bottom) / 2;
}

/** @param {Box} part @param {readonly (readonly Box[])[]} groups */
function nearest({ top, bottom, left, right }, groups) {
  const away = groups.map((group) => Math.abs(middleAt(group, (left + right) / 2) - (top + bottom) / 2));
  return away.indexOf(Math.min(...away));
}

/** @param {readonly number[]} values */
function mean(values) {
  return values.reduce((total, each) => total + each, 0) / values.length;
}
