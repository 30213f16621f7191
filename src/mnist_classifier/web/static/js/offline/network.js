// @ts-check
/**
 * The network's forward pass, read from model.bin (web/offline/pack.py writes it and describes the format).
 *
 * Channels are stored last, so that the pixels of a kernel row are contiguous in memory.
 * Sums use doubles, because V8 would convert each float.
 *
 * @typedef {{rows: number, columns: number, weights: number, scales: number, bias: number | null}} Matrix  offsets in bytes
 * @typedef {{op: string, patch?: number, kernel?: number, matrix?: Matrix, scale?: number, offset?: number, count?: number}} Layer
 * @typedef {{
 *   model: {version: number, name: string, accuracy: number | null, images: number | null}, temperature: number,
 *   thresholds: {ambiguous_below: number, not_a_digit_above: number},
 *   pixel_scale: number, pixel_offset: number, layers: Layer[],
 *   grouping: {pixels: Record<string, number>, strokes: Record<string, number>}
 * }} Header
 * @typedef {{side: number, channels: number, data: Float64Array}} Features  (side, side, channels)
 * @typedef {(features: Features) => Features} Step
 * @typedef {ReturnType<typeof pack>} Packed
 * @typedef {{op: string, step: Step, kernel: number, patch: number, matrix: Packed | null, scale: Float32Array | null, offset: Float32Array | null}} Loaded
 *   scale, offset: one number a channel
 */

const MAGIC = 0x54534e4d; // "MNST"
const SIDE = 28;
/** Outputs that are computed together, so that each loaded value serves all of them. */
const LANES = 8;

export class Network {
  /** @param {ArrayBuffer} buffer  model.bin */
  constructor(buffer) {
    const [magic, length] = buffer.byteLength < 8 ? [0, 0] : new Uint32Array(buffer, 0, 2);
    if (magic !== MAGIC) throw new Error("the model is not in the format that this page reads");
    /** @type {Header} */
    this.header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const start = 8 + length;
    this.layers = this.header.layers.map((layer) => load(layer, buffer, start));
  }

  /** @param {Uint8Array} glyph  28 x 28, ink = 255 @returns {Float64Array}  logits */
  logits(glyph) {
    return this.trace(glyph)[this.layers.length].data;
  }

  /** The network input, then the output of each layer. @param {Uint8Array} glyph  28 x 28, ink = 255 @returns {Features[]} */
  trace(glyph) {
    const { pixel_scale, pixel_offset } = this.header;
    /** @type {Features[]} */
    const found = [{ side: SIDE, channels: 1, data: Float64Array.from(glyph, (level) => level * pixel_scale + pixel_offset) }];
    this.layers.forEach(({ step }, index) => found.push(step(found[index])));
    return found;
  }
}

/** The weight of an input for an output. @param {Packed} matrix @param {number} row  the output @param {number} column  the input */
export function weightAt({ columns, weights }, row, column) {
  const lane = row % LANES;
  return weights[(row - lane) * columns + column * LANES + lane];
}

/** @param {Layer} layer @param {ArrayBuffer} buffer @param {number} start @returns {Loaded} */
function load({ op, kernel = 1, patch = 1, matrix, scale, offset, count }, buffer, start) {
  const floatsAt = (/** @type {number | undefined} */ at) => (at === undefined ? null : new Float32Array(buffer, start + at, count));
  const loaded = { op, kernel, patch, matrix: matrix ? pack(matrix, buffer, start) : null, scale: floatsAt(scale), offset: floatsAt(offset) };
  return { ...loaded, step: stepOf(loaded) };
}

/** @param {Omit<Loaded, "step">} layer @returns {Step} */
function stepOf({ op, kernel, patch, matrix, scale, offset }) {
  if (op === "relu") return relu;
  if (op === "pool") return pool;
  if (op === "patches") return (features) => patches(features, patch);
  if (op === "affine" && scale && offset) return affine(scale, offset);
  if (op === "conv" && matrix) return convolution(matrix, kernel);
  if (op === "dense" && matrix) return dense(matrix);
  throw new Error(`the model has a layer that this page does not know: ${op}`);
}

/**
 * Multiply integer weights by the scale of their row, and store LANES rows side by side: (rows / LANES, columns, LANES).
 * @param {Matrix} matrix @param {ArrayBuffer} buffer @param {number} start
 */
function pack({ rows, columns, weights, scales, bias }, buffer, start) {
  const whole = new Int16Array(buffer, start + weights, rows * columns);
  const scale = new Float32Array(buffer, start + scales, rows);
  const packed = new Float64Array(Math.ceil(rows / LANES) * columns * LANES);
  for (let row = 0, i = 0; row < rows; row += 1) {
    const block = (row - (row % LANES)) * columns + (row % LANES);
    for (let column = 0; column < columns; column += 1, i += 1) packed[block + column * LANES] = whole[i] * scale[row];
  }
  const added = new Float64Array(Math.ceil(rows / LANES) * LANES);
  if (bias !== null) added.set(new Float32Array(buffer, start + bias, rows));
  return { rows, columns, weights: packed, bias: added };
}

/** @param {Packed} matrix @param {number} kernel @returns {Step} */
function convolution({ rows, columns, weights, bias }, kernel) {
  return ({ side, channels, data }) => {
    const margin = kernel >> 1;
    const padded = pad(data, side, channels, margin);
    const stride = (side + 2 * margin) * channels;
    const reach = kernel * channels;
    const result = new Float64Array(side * side * rows);
    for (let row = 0; row < rows; row += LANES) {
      for (let pixel = 0; pixel < side * side; pixel += 1) {
        const x = pixel % side;
        const corner = ((pixel - x) / side) * stride + x * channels;
        let [a, b, c, d] = [bias[row], bias[row + 1], bias[row + 2], bias[row + 3]];
        let [e, f, g, h] = [bias[row + 4], bias[row + 5], bias[row + 6], bias[row + 7]];
        let weight = row * columns;
        for (let line = 0; line < kernel; line += 1) {
          const from = corner + line * stride;
          for (let i = from; i < from + reach; i += 1, weight += LANES) {
            const value = padded[i];
            // After a ReLU most values are 0, as is the margin.
            if (value === 0) continue;
            a += value * weights[weight];
            b += value * weights[weight + 1];
            c += value * weights[weight + 2];
            d += value * weights[weight + 3];
            e += value * weights[weight + 4];
            f += value * weights[weight + 5];
            g += value * weights[weight + 6];
            h += value * weights[weight + 7];
          }
        }
        store(result, pixel * rows + row, rows - row, a, b, c, d, e, f, g, h);
      }
    }
    return { side, channels: rows, data: result };
  };
}

/** @param {Float64Array} result @param {number} at @param {number} lanes  how many of the sums to store @param {...number} sums */
function store(result, at, lanes, ...sums) {
  for (let lane = 0; lane < sums.length && lane < lanes; lane += 1) result[at + lane] = sums[lane];
}

/** @param {Float64Array} data @param {number} side @param {number} channels @param {number} margin */
function pad(data, side, channels, margin) {
  const wide = side + 2 * margin;
  const padded = new Float64Array(wide * wide * channels);
  for (let y = 0; y < side; y += 1) {
    const row = data.subarray(y * side * channels, (y + 1) * side * channels);
    padded.set(row, ((y + margin) * wide + margin) * channels);
  }
  return padded;
}

/** A fully connected layer: a kernel that covers all pixels. @param {Packed} matrix @returns {Step} */
function dense(matrix) {
  const whole = convolution(matrix, 1);
  return ({ data }) => whole({ side: 1, channels: data.length, data });
}

/** @param {Features} features @returns {Features} */
function relu({ side, channels, data }) {
  return { side, channels, data: data.map((value) => (value > 0 ? value : 0)) };
}

/** Max pooling of 2 x 2; drops an odd last row or column. @param {Features} features @returns {Features} */
function pool({ side, channels, data }) {
  const half = side >> 1;
  const result = new Float64Array(half * half * channels);
  const row = side * channels;
  for (let y = 0, i = 0; y < half; y += 1) {
    for (let x = 0; x < half; x += 1) {
      const corner = 2 * y * row + 2 * x * channels;
      for (let channel = corner; channel < corner + channels; channel += 1, i += 1) {
        const above = Math.max(data[channel], data[channel + channels]);
        result[i] = Math.max(above, data[channel + row], data[channel + row + channels]);
      }
    }
  }
  return { side: half, channels, data: result };
}

/** @param {Float32Array} scale @param {Float32Array} offset  one per channel @returns {Step} */
function affine(scale, offset) {
  const channels = scale.length;
  return ({ side, data }) => ({ side, channels, data: data.map((value, i) => value * scale[i % channels] + offset[i % channels]) });
}

/** Turn patches of pixels into channels. @param {Features} features  of one channel @param {number} patch @returns {Features} */
function patches({ side, data }, patch) {
  const small = side / patch;
  const result = new Float64Array(data.length);
  for (let y = 0, i = 0; y < small; y += 1) {
    for (let x = 0; x < small; x += 1) {
      for (let down = 0; down < patch; down += 1) {
        for (let right = 0; right < patch; right += 1, i += 1) result[i] = data[(y * patch + down) * side + x * patch + right];
      }
    }
  }
  return { side: small, channels: patch * patch, data: result };
}
