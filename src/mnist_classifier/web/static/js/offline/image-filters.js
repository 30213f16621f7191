// @ts-check
/**
 * Image filters: block means, running extremes, binomial smoothing.  Follows filters.py.
 *
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./planes.js").Floats} Floats
 */

import { floats, transposed } from "./planes.js";

/** Scale down by averaging whole blocks, until the longer side is at most so long. @param {Plane} grey @param {number} side */
export function shrink({ width, height, data }, side) {
  const factor = Math.ceil(Math.max(width, height) / side);
  const small = floats(Math.ceil(width / factor), Math.ceil(height / factor));
  const counts = floats(small.width, small.height);
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const target = Math.floor(y / factor) * small.width + Math.floor(x / factor);
      small.data[target] += data[i];
      counts.data[target] += 1;
    }
  }
  for (let i = 0; i < small.data.length; i += 1) small.data[i] /= counts.data[i];
  return small;
}

/** Smooth with the weights 1 2 1 along both axes; edge pixels are repeated. @param {Floats} values */
export function smooth(values) {
  return transposed(smoothDown(transposed(smoothDown(values))));
}

/** @param {Floats} values @returns {Floats} */
function smoothDown({ width, height, data }) {
  const result = floats(width, height);
  for (let y = 0, i = 0; y < height; y += 1) {
    const above = Math.max(0, y - 1) * width;
    const below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x += 1, i += 1) {
      result.data[i] = Math.fround(data[above + x] + data[below + x]) * 0.25 + data[i] * 0.5;
    }
  }
  return result;
}

/** Dilation: largest value in a square of so many pixels (odd) around each pixel. @template {Plane} P @param {P} values @param {number} window @returns {P} */
export function dilate(values, window) {
  return transposed(extremeDown(transposed(extremeDown(values, window, true)), window, true));
}

/** Erosion: smallest value in that square. @template {Plane} P @param {P} values @param {number} window @returns {P} */
export function erode(values, window) {
  return transposed(extremeDown(transposed(extremeDown(values, window, false)), window, false));
}

/** Closing: fill dark parts that are narrower than the window. @param {Floats} values @param {number} window */
export function closeGaps(values, window) {
  return erode(dilate(values, window), window);
}

/** Opening along columns: remove bright parts that are shorter than the window. @param {Floats} values @param {number} window */
export function openColumns(values, window) {
  return extremeDown(extremeDown(values, window, false), window, true);
}

/**
 * Running extreme along columns, with windows that double; edge pixels are repeated.
 * @template {Plane} P
 * @param {P} values @param {number} window @param {boolean} isLargest  else the smallest
 * @returns {P}
 */
function extremeDown({ width, height, data }, window, isLargest) {
  const span = Math.min(window, 2 * height - 1);
  const half = span >> 1;
  let rows = height + 2 * half;
  const Kind = /** @type {new (length: number) => any} */ (data.constructor);
  const work = new Kind(rows * width);
  for (let y = 0; y < rows; y += 1) {
    const from = Math.min(height - 1, Math.max(0, y - half)) * width;
    work.set(data.subarray(from, from + width), y * width);
  }
  for (let done = 1; done < span; ) {
    const step = Math.min(done, span - done);
    rows -= step;
    const ahead = step * width;
    for (let i = 0; i < rows * width; i += 1) if (work[i + ahead] > work[i] === isLargest) work[i] = work[i + ahead];
    done += step;
  }
  return /** @type {P} */ ({ width, height, data: work.slice(0, width * height) });
}

/** Largest value within a radius; zero outside the picture. @param {Floats} values  none under 0 @param {number} radius @returns {Floats} */
export function dilateRound(values, radius) {
  const columns = transposed(values);
  const result = { ...values, data: values.data.slice() };
  for (let down = 0; down <= radius; down += 1) {
    // A little more than the radius, so that a disc of radius 1 is not a cross.
    const reach = Math.floor(Math.sqrt((radius + 0.3) ** 2 - down ** 2));
    const wide = transposed(extremeDown(columns, 2 * reach + 1, true)).data;
    const ahead = down * values.width;
    for (let i = ahead; i < wide.length; i += 1) {
      if (wide[i] > result.data[i - ahead]) result.data[i - ahead] = wide[i];
      if (wide[i - ahead] > result.data[i]) result.data[i] = wide[i - ahead];
    }
  }
  return result;
}

/** Mean of a square of so many pixels (odd) around each pixel; edge pixels are repeated. @param {Floats} values @param {number} window */
export function runningMean(values, window) {
  return transposed(meanDown(transposed(meanDown(values, window)), window));
}

/** @param {Floats} values @param {number} window @returns {Floats} */
function meanDown({ width, height, data }, window) {
  const half = window >> 1;
  const row = (/** @type {number} */ y) => Math.min(height - 1, Math.max(0, y)) * width;
  const result = floats(width, height);
  const sums = new Float64Array(width);
  for (let y = -half - 1; y < half; y += 1) for (let x = 0; x < width; x += 1) sums[x] += data[row(y) + x];
  for (let y = 0, i = 0; y < height; y += 1) {
    const enters = row(y + half);
    const leaves = row(y - half - 1);
    for (let x = 0; x < width; x += 1, i += 1) {
      sums[x] += data[enters + x] - data[leaves + x];
      result.data[i] = sums[x] / window;
    }
  }
  return result;
}
