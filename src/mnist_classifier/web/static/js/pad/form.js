// @ts-check
/**
 * The fields of a form on a picture: rectangles with names.  Pure.
 *
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("../shared/api.js").FormReading} FormReading
 * @typedef {[number, number, number, number]} Box  x, y, width, height in pixels of the picture
 * @typedef {{name: string, box: Box, length?: number, pattern?: string, allowed?: string}} Field
 * @typedef {{x: number, y: number}} Point
 */

/** A shorter drag is a click. */
export const MIN_SIDE = 4;

/**
 * The rectangle between two points, inside the picture; null if it is too small to mean one.
 * @param {Point} start @param {Point} end
 * @param {{width: number, height: number}} picture
 * @returns {Box | null}
 */
export function rectangle(start, end, picture) {
  const x = range(start.x, end.x, picture.width);
  const y = range(start.y, end.y, picture.height);
  const [width, height] = [x.end - x.start, y.end - y.start];
  return width < MIN_SIDE || height < MIN_SIDE ? null : [x.start, y.start, width, height];
}

/** A box in a picture that is `factor` times as large. @param {Box} box @param {number} factor @returns {Box} */
export function scaled([x, y, width, height], factor) {
  const [left, top] = [Math.round(x * factor), Math.round(y * factor)];
  return [left, top, Math.max(1, Math.round((x + width) * factor) - left), Math.max(1, Math.round((y + height) * factor) - top)];
}

/** @param {number} one @param {number} other @param {number} most */
function range(one, other, most) {
  const within = (/** @type {number} */ value) => Math.round(Math.min(most, Math.max(0, value)));
  return { start: within(Math.min(one, other)), end: within(Math.max(one, other)) };
}

/** A name that no field has yet. @param {readonly Pick<Field, "name">[]} fields */
export function freeName(fields) {
  for (let number = fields.length + 1; ; number += 1) {
    const name = `field ${number}`;
    if (!fields.some((field) => field.name === name)) return name;
  }
}

/** The file for `mnist predict --fields`. @param {readonly Field[]} fields */
export function formFile(fields) {
  return `${JSON.stringify({ fields }, null, 2)}\n`;
}

/**
 * The fields as one reading with a line for each field.
 * @param {FormReading} form
 * @returns {NumberReading}
 */
export function readingOfForm({ fields, model, elapsed_ms }) {
  const numbers = fields.map(({ number }) => number ?? "");
  const texts = fields.map(({ text, number }) => text ?? number ?? "");
  return {
    number: numbers.join("\n"),
    confidence: fields.reduce((product, { number, confidence }) => (number === null ? product : product * confidence), 1),
    verdict: verdictOf(fields),
    digits: fields.flatMap(({ digits }) => digits),
    text: texts.join("\n"),
    lines: fields.map(({ name, box, confidence }, index) => ({ name, box, confidence, number: numbers[index], text: texts[index] })),
    cells: [],
    marks: fields.flatMap(({ marks }) => marks),
    candidates: [],
    warnings: fields.flatMap(({ name, warnings }) => warnings.map(({ code, message }) => ({ code, message: `${name}: ${message}` }))),
    model,
    elapsed_ms,
  };
}

/** @param {FormReading["fields"]} fields @returns {NumberReading["verdict"]} */
function verdictOf(fields) {
  const written = fields.filter(({ verdict }) => verdict !== "blank");
  if (written.length === 0) return "blank";
  return written.every(({ verdict }) => verdict === "number") ? "number" : "ambiguous";
}

/** The number of the field that an error names, such as "fields[2].box"; null for another part. @param {string | null} field */
export function fieldAt(field) {
  const found = /^fields\[(\d+)\]/.exec(field ?? "");
  return found === null ? null : Number(found[1]);
}
