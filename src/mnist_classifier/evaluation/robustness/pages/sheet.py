"""A sheet that one person writes numbers on, and that has printed lines.

Coordinates are pixels from any origin, y points down.  `height` always is the height of the digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes, Doubles, Floats
from mnist_classifier.core.records import MarkKind
from mnist_classifier.evaluation.robustness.drawing import Points, draw_line, smooth, to_bytes
from mnist_classifier.evaluation.robustness.pages.scene import Scene
from mnist_classifier.evaluation.robustness.pages.writing import MARK_KINDS, MARKS, Range, Writer

HEIGHTS_PX, PENS, THINNEST_PX = (50.0, 120.0), (0.05, 0.12), 2.5
SLANT = 0.08  # tangent, standard deviation
SIZE, WANDER, SLOPE = 0.05, 0.02, 0.01  # standard deviations of a digit's height and place, and of the line's slope
GAPS: Range = (0.08, 0.35)  # between the boxes of characters
# A digit that is wider than this is scaled by its width, so that a lying zero does not become a giant.
WIDEST = 1.6
MARGIN: Range = (0.3, 0.9)
# Around the picture: paper that a tilted photograph may show, as a share of its longer side.
BLEED = 0.06
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Inks:
    """Colours as R, G, B of 255."""

    paper: tuple[float, float, float] = (255.0, 255.0, 255.0)
    pen: tuple[float, float, float] = (0.0, 0.0, 0.0)
    printed: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Ruling:
    """Lines across the whole paper, and up and down as well if it is squared."""

    spacing_px: float
    is_squared: bool
    width_px: float = 1.5


@dataclass(frozen=True)
class Extent:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def sides(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def middle(self) -> tuple[float, float]:
        """Its x and y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def moved(self, right: float, down: float = 0.0) -> Extent:
        """The rectangle elsewhere."""
        return Extent(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def grown(self, by: float, by_y: float | None = None) -> Extent:
        """The rectangle with a border."""
        vertical = by if by_y is None else by_y
        return Extent(self.left - by, self.top - vertical, self.right + by, self.bottom + vertical)


@dataclass(eq=False)
class Sheet:
    """Strokes of a pen and printed lines; every method that writes or draws adds to them."""

    writer: Writer
    rng: np.random.Generator
    height: float = 0.0
    inks: Inks = field(default_factory=Inks)
    ruling: Ruling | None = None

    def __post_init__(self) -> None:
        self.height = self.height or self.rng.uniform(*HEIGHTS_PX)
        self.pen_px = max(THINNEST_PX, self.height * self.rng.uniform(*PENS))
        self.slant = self.rng.normal(0, SLANT)
        self.drawn: list[tuple[Points, float]] = []
        self.printed: list[tuple[Points, float]] = []
        self.marks: list[tuple[MarkKind, Extent]] = []
        self.cells: list[tuple[int, int, Extent, str | None]] = []

    def draw(self, *strokes: Sequence[Sequence[float]] | Points, pen_px: float | None = None) -> None:
        """Draw strokes with the pen."""
        self.drawn += [(np.asarray(stroke, np.float64), pen_px or self.pen_px) for stroke in strokes]

    def print(self, *strokes: Sequence[Sequence[float]] | Points, width_px: float) -> None:
        """Print lines."""
        self.printed += [(np.asarray(stroke, np.float64), width_px) for stroke in strokes]

    def write(self, text: str, left: float = 0.0, middle: float = 0.0, gaps: Range = GAPS) -> Extent:
        """Write digits and marks from left to right on a line with its middle at `middle`.  Returns their box."""
        slope, right = self.rng.normal(0, SLOPE), left
        parts: list[Extent] = []
        for character in text:
            line = middle + slope * (right - left) + self.rng.normal(0, WANDER) * self.height
            strokes = self.shape(character)
            parts.append(self._place(strokes, right, line))
            if character in MARK_KINDS:
                self.marks.append((MARK_KINDS[character], parts[-1]))
            right = parts[-1].right + self.rng.uniform(*gaps) * self.height
        return around(parts)

    def write_joined(self, text: str, overlap: Range) -> Extent:
        """Write digits so that the ink of neighbours overlaps by a share of the pen's width; negative: a gap."""
        digits: list[list[Points]] = []
        for character in text:
            strokes = self.shape(character)
            if digits:
                # Of the last two, because a wide digit can reach over a narrow one.
                meets = max(reach(before, strokes, self.pen_px / 2) for before in digits[-2:])
                left = meets + self.pen_px * (1 - self.rng.uniform(*overlap))
                strokes = [stroke + (left, 0.0) for stroke in strokes]
            digits.append(strokes)
            self.draw(*strokes)
        return around([self._box(strokes) for strokes in digits])

    def width_of(self, character: str) -> tuple[list[Points], float]:
        """The strokes of a character around the origin, and its width in px, for `place`."""
        strokes = self.shape(character)
        return strokes, self._box(strokes).width

    def place(self, strokes: Sequence[Points], centre: float, middle: float) -> Extent:
        """Draw strokes of `width_of` with their middle at these coordinates."""
        box = self._box(strokes)
        moved = [stroke + (centre - box.middle[0], middle - box.middle[1]) for stroke in strokes]
        self.draw(*moved)
        return self._box(moved)

    def shape(self, character: str) -> list[Points]:
        """The strokes of a character in px; its left edge is at 0, and the line's middle is at y = 0."""
        if character in MARK_KINDS:
            kind = MARK_KINDS[character]
            strokes, form = self.writer.mark(kind, self.rng), MARKS[kind]
            tall, lift, slant = self.height * self.rng.uniform(*form.size), form.middle * self.height, 0.0
        else:
            strokes, slant = self.writer.digit(character, self.rng), self.slant
            tall, lift = self.height * math.exp(self.rng.normal(0, SIZE)), 0.0
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        width, height = np.maximum(high - low, 1e-6)
        by_height = character not in MARK_KINDS and width < WIDEST * height
        scale = max(tall - self.pen_px, 1.0) / (height if by_height else max(width, height))
        centred = [(stroke - (low + high) / 2) * scale for stroke in strokes]
        leaned = [np.stack([line[:, 0] - slant * line[:, 1], line[:, 1] - lift], axis=1) for line in centred]
        left = min(line[:, 0].min() for line in leaned) - self.pen_px / 2
        return [line - (left, 0.0) for line in leaned]

    def _place(self, strokes: Sequence[Points], left: float, middle: float) -> Extent:
        moved = [stroke + (left, middle) for stroke in strokes]
        self.draw(*moved)
        return self._box(moved)

    def _box(self, strokes: Sequence[Points]) -> Extent:
        points = np.concatenate(strokes)
        return Extent(*points.min(axis=0), *points.max(axis=0)).grown(self.pen_px / 2)

    def finish(self, size: tuple[int, int] | None = None) -> Scene:
        """Paint everything.

        size: width and height of the picture, where the writing has a random place; by default as large as needed.
        """
        strokes = [line for line, _ in self.drawn + self.printed]
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = self.height * self.rng.uniform(*MARGIN)
        width, height = size or tuple(int(side) for side in np.ceil(high - low + 2 * margin))
        bleed = math.ceil(BLEED * max(width, height))
        free = np.maximum((np.array([width, height]) - (high - low)) / 2 - margin, 0)
        origin = (low + high) / 2 - np.array([width, height]) / 2 - bleed + self.rng.uniform(-1, 1, 2) * free
        whole = width + 2 * bleed, height + 2 * bleed
        light = np.array(self.inks.paper, np.float32) * np.ones((whole[1], whole[0], 1), np.float32)
        printed = self.printed + self._ruled(origin, whole)
        for lines, ink in ((printed, self.inks.printed), (self.drawn, self.inks.pen)):
            light *= 1 - covered(lines, origin, whole)[..., None] * (1 - np.array(ink, np.float32) / 255)
        place = np.array([[1.0, 0.0, -origin[0]], [0.0, 1.0, -origin[1]], [0.0, 0.0, 1.0]])
        return Scene(in_grey(to_bytes(light)), place, bleed)

    def _ruled(self, origin: Doubles, size: tuple[int, int]) -> list[tuple[Points, float]]:
        """The lines of the paper, from edge to edge."""
        if self.ruling is None:
            return []
        (left, top), (right, bottom) = origin, origin + size
        spacing, start = self.ruling.spacing_px, self.rng.uniform(0, self.ruling.spacing_px, 2)
        lines = [[[left, y], [right, y]] for y in np.arange(top + start[0], bottom, spacing)]
        if self.ruling.is_squared:
            lines += [[[x, top], [x, bottom]] for x in np.arange(left + start[1], right, spacing)]
        return [(np.array(line), self.ruling.width_px) for line in lines]


def covered(lines: Sequence[tuple[Points, float]], origin: Doubles, size: tuple[int, int]) -> Floats:
    """How much of each pixel lines cover, (H, W) of 0 to 1.  size: width and height."""
    image = Image.new("L", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    pen = ImageDraw.Draw(image)
    for line, width_px in lines:
        draw_line(pen, (smooth(line) - origin) * SUPERSAMPLING, width_px * SUPERSAMPLING, 255)
    return np.asarray(image.reduce(SUPERSAMPLING), np.float32) / np.float32(255)


def in_grey(picture: Bytes) -> Bytes:
    """The picture with one channel if it has no colour."""
    is_grey = (picture[..., 0] == picture[..., 1]).all() and (picture[..., 1] == picture[..., 2]).all()
    return np.ascontiguousarray(picture[..., 0]) if is_grey else picture


def around(parts: Sequence[Extent]) -> Extent:
    """The rectangle around several."""
    return Extent(
        min(each.left for each in parts),
        min(each.top for each in parts),
        max(each.right for each in parts),
        max(each.bottom for each in parts),
    )


def reach(before: Sequence[Points], after: Sequence[Points], row_px: float) -> float:
    """How far `after` must move to the right so that it first meets no point of `before` in any row."""
    ends: dict[int, float] = {}
    starts: dict[int, float] = {}
    for x, y in np.concatenate([dense(line, row_px / 2) for line in before]):
        row = round(y / row_px)
        ends[row] = max(x, ends.get(row, -math.inf))
    for x, y in np.concatenate([dense(line, row_px / 2) for line in after]):
        for row in (round(y / row_px) + step for step in (-1, 0, 1)):
            starts[row] = min(x, starts.get(row, math.inf))
    shared = ends.keys() & starts.keys()
    return max((ends[row] - starts[row] for row in shared), default=max(ends.values()))


def dense(line: Points, step_px: float) -> Points:
    """The line with points at most `step_px` apart."""
    if len(line) < 2:
        return line
    parts = [line[:1]]
    for start, end in zip(line[:-1], line[1:], strict=True):
        count = max(1, math.ceil(float(np.hypot(*(end - start))) / step_px))
        parts.append(start + (end - start) * np.arange(1, count + 1)[:, None] / count)
    return np.concatenate(parts)
