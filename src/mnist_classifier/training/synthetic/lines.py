"""Write lines of digits and marks: characters side by side, often touching, overlapping or joined by the pen.

    maker = LineMaker(LineCharacters.of_sets(pen_sets.of_split(TRAIN), images))
    line = maker.line(np.random.default_rng(0))     # line.ink (40, W) uint8, line.text

Characters are drawn three times as large as in the line, placed by the distance of their outlines, and reduced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.recognition.numbers.line_reader import DIGIT_PX, FRAME_PX, HEIGHT_PX
from mnist_classifier.training.synthetic.line_characters import Hand, LineCharacters
from mnist_classifier.training.synthetic.line_joins import Placed, draw_join
from mnist_classifier.training.synthetic.line_noise import spoil
from mnist_classifier.training.synthetic.line_texts import MARKS, random_text
from mnist_classifier.training.synthetic.marks import SIZES
from mnist_classifier.training.synthetic.templates import Points

# Pixels of a drawing for one pixel of the line.
FINE = 3
# Smallest and largest space on each side of a line, px.
MARGIN_PX = (0, 8)
# Cumulative probabilities and ranges of the distance between outlines, in heights of a digit.
GAPS = ((0.38, (-0.16, 0.04)), (0.82, (0.03, 0.3)), (1.0, (0.2, 1.0)))
# How often a gap is not of the line's kind.
OTHER_GAP = 0.15
# Share of the lines whose pen joins neighbours, and of the neighbours that it joins there.
JOINING, JOINED = 0.2, 0.55
# Smallest and largest width of the pen, px.
PEN_PX = (1.1, 4.8)
MNIST_PEN_PX = 2.4
# Height of the digits in MNIST's images, px.
MNIST_HEIGHT_PX = 20
INK_LEVEL = 60
# Standard deviation of the log of the digits' heights, in most lines and in those that are written unevenly.
EVEN, UNEVEN = 0.07, 0.18
# Rows above and below that an outline keeps its distance to, px of the drawing.
NEAR_ROWS = 6


@dataclass(frozen=True)
class Line:
    """A line (HEIGHT_PX, W) uint8, ink = 255; its text; whether characters touch."""

    ink: Bytes
    text: str
    touches: bool


@dataclass(frozen=True)
class Style:
    """How one line is written; lengths in px of the drawing, angles as tangents."""

    hand: Hand
    height: float
    pen: float
    slant: float
    slope: float
    squeeze: float
    baseline: float
    height_spread: float
    gaps: tuple[float, float]
    joins: bool


class LineMaker:
    """Writes random lines with the characters of one split."""

    def __init__(self, characters: LineCharacters) -> None:
        self.characters = characters

    def line(self, rng: np.random.Generator, text: str | None = None) -> Line:
        """Write a line of this text, by default a random one."""
        text = random_text(rng) if text is None else text
        style = random_style(self.characters.random_hand(rng), rng)
        placed: list[Placed] = []
        touches = False
        for character in text:
            drawn, top = self._drawn(character, style, rng)
            gap = _gap(style, rng)
            touches |= bool(placed) and gap < 0
            left = _left(placed[-1], drawn, top, gap * style.height) if placed else 0.0
            placed.append(drawn.at(left, top))
        joined = [
            index
            for index in range(1, len(placed))
            if style.joins and rng.random() < JOINED and text[index] not in MARKS and text[index - 1] not in MARKS
        ]
        large, has_joins = _composed(placed, joined, style, rng)
        small = np.asarray(Image.fromarray(large).reduce(FINE))
        return Line(spoil(small, rng), text, touches or has_joins)

    def _drawn(self, character: str, style: Style, rng: np.random.Generator) -> tuple[Placed, float]:
        """A character's ink, not placed yet, and its top row."""
        if character in MARKS:
            (smallest, largest), middles = SIZES[character]
            height, middle = rng.uniform(smallest, largest), rng.uniform(*middles)
        else:
            height = float(np.exp(rng.normal(0, style.height_spread)))
            middle = (height / 2 if style.height_spread > EVEN else 0.5) + rng.normal(0, 0.04)
        bitmap = self.characters.bitmap(character, rng) if style.hand.source == "mnist" else None
        if bitmap is not None:
            drawn = _enlarged(bitmap, height * style.height, style)
        else:
            strokes = self.characters.strokes(character, style.hand, rng)
            drawn = _written(strokes, height * style.height, character not in MARKS, style, rng)
        return drawn, style.baseline - middle * style.height - drawn.ink.shape[0] / 2


def random_style(hand: Hand, rng: np.random.Generator) -> Style:
    """Choose how a line is written.

    Most lines are scaled and placed well; in the others the digits' height and place are off.
    """
    is_scaled, is_placed = rng.random() < 0.6, rng.random() < 0.65
    height = DIGIT_PX * np.exp(rng.normal(0, 0.08) if is_scaled else rng.uniform(*np.log([0.75, 1.3])))
    shift = rng.normal(0, 1) if is_placed else rng.uniform(-4, 4)
    pen = MNIST_PEN_PX if hand.source == "mnist" else np.exp(rng.uniform(*np.log(PEN_PX)))
    return Style(
        hand=hand,
        height=float(height) * FINE,
        pen=float(pen) * FINE,
        slant=rng.normal(0, 0.14),
        slope=rng.normal(0, 0.02 if rng.random() < 0.7 else 0.06),
        squeeze=float(np.exp(rng.normal(0, 0.12))),
        baseline=((HEIGHT_PX + height) / 2 + shift) * FINE,
        height_spread=EVEN if rng.random() < 0.65 else UNEVEN,
        gaps=_kind_of_gap(rng),
        joins=rng.random() < JOINING,
    )


def _kind_of_gap(rng: np.random.Generator) -> tuple[float, float]:
    kind = rng.random()
    return next(gaps for limit, gaps in GAPS if kind < limit)


def _gap(style: Style, rng: np.random.Generator) -> float:
    return float(rng.uniform(*(_kind_of_gap(rng) if rng.random() < OTHER_GAP else style.gaps)))


def _enlarged(bitmap: Bytes, height: float, style: Style) -> Placed:
    """Scale one of MNIST's digits as if its image had a 20 px box, and slant it."""
    rows, columns = bitmap.shape
    high = max(3, round(height * rows / MNIST_HEIGHT_PX))
    wide = max(2, round(high * columns / rows * style.squeeze))
    picture = Image.fromarray(bitmap).resize((wide, high), Image.Resampling.BICUBIC)
    room = abs(style.slant) * high / 2
    # A pixel of the slanted picture is taken from further right the lower it is.
    coefficients = (1, style.slant, -room - style.slant * high / 2, 0, 1, 0)
    size = (wide + int(2 * room), high)
    return Placed(np.asarray(picture.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)))


def _written(strokes: list[Points], size: float, is_digit: bool, style: Style, rng: np.random.Generator) -> Placed:
    """Draw strokes so that the longer side of the ink is `size` px."""
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    longer = max(float((high - low).max()), 1.0)
    scale = max(size - style.pen * 0.8, 1.0) / longer
    # A digit that is wider than high is as high as the others more often than not.
    if is_digit and high[1] - low[1] < 0.8 * longer and rng.random() < 0.7:
        scale *= min(1.3, longer / max(float(high[1] - low[1]), 1.0))
    shape = np.array([[style.squeeze, -style.slant], [0.0, 1.0]])
    moved = [(points - (low + high) / 2) * scale @ shape.T for points in strokes]
    return _inked(moved, style.pen * float(np.exp(rng.normal(0, 0.05))))


def _inked(strokes: list[Points], pen: float) -> Placed:
    everything = np.concatenate(strokes)
    margin = int(pen / 2) + 3
    offset = margin - everything.min(axis=0)
    width, height = np.ceil(np.ptp(everything, axis=0)).astype(int) + 2 * margin
    picture = Image.new("L", (int(width), int(height)))
    draw = ImageDraw.Draw(picture)
    for points in strokes:
        shifted = points + offset
        if len(points) > 1:
            draw.line(shifted.ravel().tolist(), fill=255, width=max(1, round(pen)), joint="curve")
        for x, y in shifted if len(points) < 4 else shifted[[0, -1]]:
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return Placed(np.asarray(picture), start=strokes[0][0] + offset, end=strokes[-1][-1] + offset)


def _left(before: Placed, drawn: Placed, top: float, gap: float) -> float:
    """Where a character's left edge goes so that its outline is `gap` away from the one before."""
    columns = np.flatnonzero(drawn.ink.max(axis=0) > INK_LEVEL)
    first = int(columns[0]) if len(columns) else 0
    beside = before.right - NEAR_ROWS / 2 + gap - first
    start, stop = int(max(before.top, top)), int(min(before.bottom, top + drawn.ink.shape[0]))
    if stop - start < NEAR_ROWS // 2:
        return beside
    one = before.ink[start - int(before.top) : stop - int(before.top)] > INK_LEVEL
    other = drawn.ink[start - int(top) : stop - int(top)] > INK_LEVEL
    rows = min(len(one), len(other))
    one, other = one[:rows], other[:rows]
    if not (one.any() and other.any()):
        return beside
    ends = np.where(one.any(axis=1), one.shape[1] - one[:, ::-1].argmax(axis=1), -np.inf)
    starts = np.where(other.any(axis=1), other.argmax(axis=1), np.inf)
    padded = np.pad(ends, NEAR_ROWS, constant_values=-np.inf)
    nearest = np.max([padded[shift : shift + rows] for shift in (0, NEAR_ROWS, 2 * NEAR_ROWS)], axis=0)
    distance = float((nearest - starts).max())
    return before.left + distance + gap if np.isfinite(distance) else beside


def _composed(placed: list[Placed], joined: list[int], style: Style, rng: np.random.Generator) -> tuple[Bytes, bool]:
    """All characters and joins in one picture, on a sloping baseline; also whether there is a join."""
    before, after = rng.integers(MARGIN_PX[0], MARGIN_PX[1] + 1, 2) * FINE
    offset = before - min(each.left for each in placed)
    right = max(each.right for each in placed)
    middle = style.slope * right / 2
    placed = [each.at(each.left + offset, each.top + middle - style.slope * each.left) for each in placed]
    width = (int((right + offset + after) / FINE) + 1) // FRAME_PX * FRAME_PX
    large = np.zeros((HEIGHT_PX * FINE, width * FINE), np.uint8)
    for each in placed:
        each.paste(large)
    drawn = [draw_join(large, placed[index - 1], placed[index], style.height, style.pen, rng) for index in joined]
    return large, any(drawn)
