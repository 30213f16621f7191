/** Small networks for tests, in the format of model.bin. */

export const GLYPH = Uint8Array.from({ length: 784 }, (_, i) => (i * 7919) % 256);

/** model.bin as pack.py writes it. */
export class File {
  layers = [];
  numbers = [];
  length = 0;

  store(array) {
    const place = this.length;
    this.numbers.push([place, array]);
    this.length += Math.ceil(array.byteLength / 4) * 4;
    return place;
  }

  matrix(rows, columns, { bias = true, seed = 1 } = {}) {
    const whole = Int16Array.from({ length: rows * columns }, (_, i) => (((i + seed) * 2654435761) % 2001) - 1000);
    const scales = Float32Array.from({ length: rows }, (_, row) => (row + 1) / 4096);
    const added = bias ? Float32Array.from({ length: rows }, (_, row) => row / 8 - 0.5) : null;
    const values = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, i) => whole[row * columns + i] * scales[row]));
    const matrix = { rows, columns, weights: this.store(whole), scales: this.store(scales), bias: added && this.store(added) };
    return { matrix, values, added: added ?? new Float32Array(rows) };
  }

  buffer(header = {}) {
    const start = { model: { version: 3, name: "test", accuracy: null }, temperature: 2, thresholds: { ambiguous_below: 0.6, not_a_digit_above: 0.5 } };
    let text = JSON.stringify({ ...start, pixel_scale: 1 / 255, pixel_offset: -0.25, layers: this.layers, ...header });
    text += " ".repeat((4 - (text.length % 4)) % 4);
    const buffer = new ArrayBuffer(8 + text.length + this.length);
    const all = new Uint8Array(buffer);
    all.set(new TextEncoder().encode("MNST"));
    new Uint32Array(buffer, 4, 1)[0] = text.length;
    all.set(new TextEncoder().encode(text), 8);
    for (const [place, array] of this.numbers) all.set(new Uint8Array(array.buffer), 8 + text.length + place);
    return buffer;
  }
}
