// @ts-check
/**
 * A drawing and its reading as one picture, in the colours of the page.
 *
 * @typedef {import("../shared/api.js").Reading} Reading
 * @typedef {import("../shared/api.js").NumberReading} NumberReading
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {{strokes: readonly Stroke[], picture: HTMLImageElement | null, width: number, reading: Reading | NumberReading | null}} Shared
 *   width: of the pad in units; reading: null if there is none yet
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

import { describe, percent } from "../shared/format.js";
import { describeNumber } from "./number.js";
import { context2d, paint, paintPicture } from "./paint.js";
import { SIDE } from "./strokes.js";

const [WIDTH, HEIGHT, MARGIN] = [1200, 630, 60];
/** Beside a drawing of this width there is room for the answer; a wider one has it below. */
const SQUARE = 1.4 * SIDE;
const BAR_STEP = 33;

/** @typedef {ReturnType<typeof themeOf>} Theme */

/** The colours and the font of the page. */
function themeOf() {
  const root = getComputedStyle(document.documentElement);
  const [background, ink, muted, line, track, accent, board, chalk] = ["background", "ink", "muted", "line", "track", "accent", "board", "chalk"].map(
    (name) => root.getPropertyValue(`--${name}`).trim(),
  );
  return { background, ink, muted, line, track, accent, board, chalk, font: getComputedStyle(document.body).fontFamily };
}

/** The answer of a reading in words. @param {Reading | NumberReading | null} reading */
function answerOf(reading) {
  if (reading === null) return { digit: "", words: "Not read yet", sure: "" };
  return "digits" in reading ? describeNumber(reading) : describe(reading);
}

/** The picture in a sentence, for those who do not see it. @param {Shared} shared */
export function sentenceOf({ reading, picture }) {
  const { digit, words, sure } = answerOf(reading);
  const thing = picture === null ? "drawing" : "picture";
  if (reading === null) return `A ${thing} that no network has read yet.`;
  const isSure = reading.verdict === "digit" || reading.verdict === "number";
  const answer = isSure ? digit.replaceAll("\n", ", ") : `“${words}”`;
  return `A neural network reads this ${thing} as ${answer}${sure === "" ? "" : `, ${sure}`}.`;
}

/** @param {Shared} shared @returns {HTMLCanvasElement} */
export function pictureOf(shared) {
  const theme = themeOf();
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = context2d(canvas);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const isSquare = shared.width <= SQUARE;
  const side = HEIGHT - 2 * MARGIN;
  const left = paintBoard(context, theme, shared, { x: MARGIN, y: MARGIN, width: isSquare ? side : WIDTH - 2 * MARGIN, height: isSquare ? side : side - 150 });
  if (isSquare) paintAnswer(context, theme, shared.reading, { x: 2 * MARGIN + side, y: MARGIN, width: WIDTH - 3 * MARGIN - side, height: side });
  else paintAnswer(context, theme, shared.reading, { x: left, y: HEIGHT - MARGIN - 120, width: WIDTH - 2 * left, height: 120 });
  text(context, "mnist-classifier", { x: WIDTH - MARGIN, y: HEIGHT - 22, size: 20, color: theme.muted, font: theme.font, align: "right" });
  return canvas;
}

/**
 * The drawing or the picture, as large as the box allows; returns its left edge.
 * @param {CanvasRenderingContext2D} context @param {Theme} theme @param {Shared} shared @param {Box} box
 */
function paintBoard(context, theme, { strokes, picture, width }, box) {
  const scale = Math.min(box.width / width, box.height / SIDE);
  const left = box.x + (box.width - width * scale) / 2;
  context.save();
  context.translate(left, box.y + (box.height - SIDE * scale) / 2);
  context.scale(scale, scale);
  context.beginPath();
  context.roundRect(0, 0, width, SIDE, 10);
  context.fillStyle = theme.board;
  context.strokeStyle = theme.line;
  context.fill();
  context.stroke();
  context.clip();
  if (picture !== null) paintPicture(context, picture, width);
  paint(context, strokes, theme.chalk);
  context.restore();
  return left;
}

/**
 * The answer, and below it the ten bars of a digit.
 * @param {CanvasRenderingContext2D} context @param {Theme} theme @param {Reading | NumberReading | null} reading @param {Box} box
 */
function paintAnswer(context, theme, reading, { x, y, width, height }) {
  const { digit, words, sure } = answerOf(reading);
  const bars = reading === null || "digits" in reading || reading.verdict === "blank" ? null : reading;
  const top = bars === null ? y + height / 2 - 60 : y;
  const lines = digit.split("\n").join(" / ");
  context.font = `650 120px ${theme.font}`;
  const size = Math.min(120, (120 * (lines.length > 1 ? width * 0.6 : width)) / Math.max(1, context.measureText(lines).width));
  const left = x + text(context, lines, { x, y: top + 100, size, color: theme.ink, font: theme.font, weight: 650 }) + (lines === "" ? 0 : 30);
  text(context, words, { x: left, y: top + 52, size: 32, color: theme.ink, font: theme.font, weight: 600, most: x + width - left });
  text(context, sure, { x: left, y: top + 94, size: 28, color: theme.muted, font: theme.font, most: x + width - left });
  bars?.probabilities.forEach((_, each) => {
    paintBar(context, theme, each, bars, { x, y: y + 166 + each * BAR_STEP, width, height: 18 });
  });
}

/** @param {CanvasRenderingContext2D} context @param {Theme} theme @param {number} digit @param {Reading} reading @param {Box} box */
function paintBar(context, theme, digit, { probabilities, verdict }, { x, y, width, height }) {
  const share = probabilities[digit];
  const isBest = verdict !== "not_a_digit" && share === Math.max(...probabilities);
  const [left, right] = [40, 120];
  const label = { y: y + 17, size: 22, color: isBest ? theme.ink : theme.muted, font: theme.font, weight: isBest ? 650 : 400 };
  text(context, String(digit), { ...label, x });
  text(context, percent(share), { ...label, x: x + width, align: "right" });
  for (const [part, color] of /** @type {[number, string][]} */ ([[1, theme.track], [share, isBest ? theme.accent : theme.muted]])) {
    context.beginPath();
    context.roundRect(x + left, y, (width - left - right) * part, height, Math.min(height / 2, ((width - left - right) * part) / 2));
    context.fillStyle = color;
    context.fill();
  }
}

/**
 * Write a line; returns its width.
 * @param {CanvasRenderingContext2D} context @param {string} words
 * @param {{x: number, y: number, size: number, color: string, font: string, weight?: number, align?: CanvasTextAlign, most?: number}} how
 */
function text(context, words, { x, y, size, color, font, weight = 400, align = "left", most = WIDTH }) {
  context.font = `${weight} ${size}px ${font}`;
  context.textAlign = align;
  context.fillStyle = color;
  context.fillText(words, x, y, most);
  return context.measureText(words).width;
}
