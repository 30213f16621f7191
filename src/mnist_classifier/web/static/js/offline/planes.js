// @ts-check
/**
 * Pictures with one number per pixel, row by row, and NumPy's arithmetic on them.
 *
 * @typedef {Uint8Array | Uint8ClampedArray | Float32Array | Float64Array | Int32Array} Numbers
 * @typedef {{width: number, height: number, data: Numbers}} Plane
 * @typedef {{width: number, height: number, data: Float32Array}} Floats
 * @typedef {{width: number, height: number, data: Uint8Array}} Bytes  a mask, too: 0 or 1
 * @typedef {{top: number, bottom: number, left: number, right: number}} Box  bottom and right are exclusive
 */

/** Round to the nearest integer, halves to the even one, as Python and NumPy do. @param {number} value */
export function round(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** @param {number} width @param {number} height @returns {Floats} */
export function floats(width, height) {
  return { width, height, data: new Float32Array(width * height) };
}

/** @param {number} width @param {number} height @returns {Bytes} */
export function bytes(width, height) {
  return { width, height, data: new Uint8Array(width * height) };
}

/** Apply a function to each value of a plane. @param {Plane} plane @param {(value: number) => number} change */
export function mapped(plane, change) {
  const result = floats(plane.width, plane.height);
  for (let i = 0; i < plane.data.length; i += 1) result.data[i] = change(plane.data[i]);
  return result;
}

/** A mask of the values that are at least so large. @param {Plane} plane @param {number} least */
export function maskOf({ width, height, data }, least) {
  const mask = bytes(width, height);
  for (let i = 0; i < data.length; i += 1) if (data[i] >= least) mask.data[i] = 1;
  return mask;
}

/** @param {Plane} plane */
export function largest({ data }) {
  let most = -Infinity;
  for (let i = 0; i < data.length; i += 1) if (data[i] > most) most = data[i];
  return most;
}

/** @param {Plane} plane */
export function sum({ data }) {
  let total = 0;
  for (let i = 0; i < data.length; i += 1) total += data[i];
  return total;
}

/** The median. @param {Numbers} values */
export function median(values) {
  const work = values.slice();
  const middle = work.length >> 1;
  const upper = select(work, middle);
  if (work.length % 2 === 1) return upper;
  let lower = -Infinity;
  for (let i = 0; i < middle; i += 1) if (work[i] > lower) lower = work[i];
  return (lower + upper) / 2;
}

/** The value at a place of the sorted values, without sorting all (quickselect).  Source: Hoare, 1961. @param {Numbers} values @param {number} place */
function select(values, place) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let up = low;
    let down = high;
    while (up <= down) {
      while (values[up] < pivot) up += 1;
      while (values[down] > pivot) down -= 1;
      if (up > down) break;
      const value = values[up];
      values[up] = values[down];
      values[down] = value;
      up += 1;
      down -= 1;
    }
    if (place <= down) high = down;
    else if (place >= up) low = up;
    else break;
  }
  return values[place];
}

/** A quantile, interpolated as in NumPy. @param {Float32Array} values @param {number} share */
export function quantile(values, share) {
  const sorted = values.slice().sort();
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/** Whether a mask has a pixel. @param {Bytes} mask */
export function any({ data }) {
  return data.includes(1);
}

/** The bounding box of the non-zero values, of which there must be one. @param {Plane} plane @returns {Box} */
export function inkBox({ width, height, data }) {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (data[i] === 0) continue;
      if (y < box.top) box.top = y;
      if (x < box.left) box.left = x;
      if (x >= box.right) box.right = x + 1;
      box.bottom = y + 1;
    }
  }
  return box;
}

/** Crop a plane to a box. @param {Plane} plane @param {Box} box */
export function cutOut({ width, data }, { top, bottom, left, right }) {
  const part = floats(right - left, bottom - top);
  for (let y = top; y < bottom; y += 1) {
    part.data.set(data.subarray(y * width + left, y * width + right), (y - top) * part.width);
  }
  return part;
}

/** Add a margin of zeros. @param {Plane} plane @param {number} margin */
export function padded({ width, height, data }, margin) {
  const result = floats(width + 2 * margin, height + 2 * margin);
  for (let y = 0; y < height; y += 1) {
    result.data.set(data.subarray(y * width, (y + 1) * width), (y + margin) * result.width + margin);
  }
  return result;
}

/** Indices of the pixels along the edge of a picture. @param {{width: number, height: number}} plane */
export function borderPlaces({ width, height }) {
  const places = Array.from({ length: width }, (_, x) => x);
  for (let y = 1; y < height; y += 1) places.push(y * width + width - 1);
  for (let x = width - 2; x >= 0; x -= 1) places.push((height - 1) * width + x);
  for (let y = height - 2; y > 0; y -= 1) places.push(y * width);
  return places;
}

/** Transpose a plane. @template {Plane} P @param {P} plane @returns {P} */
export function transposed({ width, height, data }) {
  const turned = data.slice();
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) turned[x * height + y] = data[i];
  }
  return /** @type {P} */ ({ width: height, height: width, data: turned });
}
