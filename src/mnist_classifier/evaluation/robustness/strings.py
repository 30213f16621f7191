"""Numbers of several digits: composed of MNIST glyphs, or written with pen strokes.

The same generator makes the same pictures.  Lengths are relative to the digits' height, unless their name
says pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.evaluation.robustness.drawing import Points, draw_line
from mnist_classifier.evaluation.robustness.shapes import Template, polylines
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE, cut_out, ink_box

# Size of a whole picture, and of each digit.  The smallest digit is as large as in MNIST.
ENLARGEMENT, SIZES = (1.43, 4.0), (0.7, 1.3)
SLANT = 0.15  # tangent, added to the slant of the handwriting
BASELINE_WANDER, BASELINE_SLOPE = 0.06, 0.06
MARGIN = (0.1, 0.6)
RINGING = 10  # of 255; bicubic interpolation leaves faint waves beside strokes
VISIBLE = 25  # of 255; fainter ink does not count as touching

# Probabilities that two digits touch, and that the gap between them is wide.
TOUCHING, WIDE = 0.05, 0.07
TOUCHING_GAP, GAP, WIDE_GAP = (-0.08, 0.0), (0.06, 0.5), (0.5, 1.5)

UNITS = 1000.0  # longer side of a digit that is given as strokes
WRITTEN_PX, WRITTEN_SIZES = (100.0, 200.0), (0.85, 1.15)
PEN_PX = (10.0, 28.0)
# Largest width of a pen: a broader pen would fill the loops.
PEN_TO_DIGIT = 0.18
SUPERSAMPLING = 2

# Ways to write each digit, as templates of `polylines`.
HANDS: dict[int, tuple[Template, ...]] = {
    digit: tuple(map(polylines, ways))
    for digit, ways in {
        0: ("50,0 10,20 5,65 35,100 65,75 65,25 45,0", "50,0 10,20 5,65 35,100 65,75 65,25 45,0 | 75,5 -5,95"),
        1: ("20,0 15,50 10,100", "0,30 30,0 30,0 28,100", "0,25 30,0 30,0 30,100 | 0,100 60,100"),
        2: (
            "5,20 30,0 60,20 40,60 0,100 0,100 65,98",
            "5,20 35,0 60,25 30,80 0,90 15,75 40,95 75,90",
        ),
        3: (
            "5,10 35,0 50,20 20,45 20,45 60,70 30,100 0,90",
            "0,0 60,0 60,0 20,40 20,40 60,70 30,100 0,90",
        ),
        4: (
            "15,0 0,55 0,55 70,50 | 55,10 45,100",
            "10,0 5,45 45,45 | 60,0 55,100",
            "50,100 50,0 50,0 0,65 0,65 75,65",
        ),
        5: (
            "15,5 10,45 10,45 50,50 50,85 0,100 | 15,3 65,0",
            "65,0 15,0 15,0 10,45 10,45 55,55 50,90 0,100",
            "10,10 10,45 10,45 50,55 45,90 0,100 | 20,-3 70,-5",
        ),
        6: ("45,0 10,40 5,80 35,100 55,75 30,55 5,75",),
        7: (
            "0,5 60,0 60,0 35,45 20,100",
            "0,5 60,0 60,0 35,45 20,100 | 10,50 60,45",
            "0,20 0,0 0,0 60,0 60,0 30,100",
        ),
        8: ("50,10 20,0 10,25 50,60 50,90 20,100 5,80 30,50 55,20 45,5",),
        9: (
            "50,20 20,0 5,30 30,50 50,20 50,20 50,60 40,100",
            "50,10 20,0 5,30 30,45 50,15 55,60 40,100 5,95",
        ),
    }.items()
}
TREMOR = 0.04
# Probability that the pen is lifted within a stroke, and how far from there it comes down.
LIFTED, LANDING = 0.2, 0.05
LEAN, BREADTH = (-0.1, 0.35), (0.75, 1.3)


@dataclass(frozen=True)
class Placed:
    """The ink of one digit, (h, w) uint8, and the place of its top left pixel."""

    ink: Bytes
    top: int
    left: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height."""
        height, width = self.ink.shape
        return self.left, self.top, width, height


def compose(glyphs: Bytes, rng: np.random.Generator) -> Bytes:
    """Write glyphs beside each other, bright ink on black.

    glyphs: (K, 28, 28) uint8, ink = 255.  Returns (H, W) uint8.
    """
    return paint(arrange(glyphs, rng))


def arrange(glyphs: Bytes, rng: np.random.Generator) -> list[Placed]:
    """Choose size, slant and place of each of (K, 28, 28) glyphs."""
    enlargement = rng.uniform(*ENLARGEMENT)
    height = BOX_SIDE * enlargement
    slant, slope = rng.uniform(-SLANT, SLANT), rng.uniform(-BASELINE_SLOPE, BASELINE_SLOPE)
    placed: list[Placed] = []
    for glyph in glyphs:
        ink = _reshaped(glyph, enlargement * rng.uniform(*SIZES), slant)
        after = placed[-1].left + placed[-1].ink.shape[1] if placed else 0
        top = round(slope * after + rng.normal(0, BASELINE_WANDER * height)) - len(ink)
        gap = draw_gap(rng)
        left = after + round(gap * height)
        if placed and gap <= 0:
            left -= _clearance(placed[-1], Placed(ink, top, after))
        placed.append(Placed(ink, top, left))
    return _shifted(placed, round(rng.uniform(*MARGIN) * height))


def paint(placed: Sequence[Placed]) -> Bytes:
    """Paint placed digits with the same margin on all sides; where two overlap, the brighter ink shows."""
    margin = min(min(each.top, each.left) for each in placed)
    bottom = max(each.top + each.ink.shape[0] for each in placed)
    right = max(each.left + each.ink.shape[1] for each in placed)
    picture = np.zeros((bottom + margin, right + margin), np.uint8)
    for each in placed:
        height, width = each.ink.shape
        window = picture[each.top : each.top + height, each.left : each.left + width]
        np.maximum(window, each.ink, out=window)
    return picture


def draw_gap(rng: np.random.Generator) -> float:
    """Choose the gap before a digit; at 0 or less, the two touch."""
    kind = rng.random()
    if kind < TOUCHING:
        return min(0.0, rng.uniform(*TOUCHING_GAP) + 0.02)  # in a quarter of them the ink just meets
    return rng.uniform(*(WIDE_GAP if kind < TOUCHING + WIDE else GAP))


def _reshaped(glyph: Bytes, scale: float, slant: float) -> Bytes:
    """Enlarge (`scale` is 1 or more) and slant a glyph; returns the ink, cropped."""
    side = len(glyph)
    width, height = round(side * (1 + abs(slant)) * scale), round(side * scale)
    # Pillow wants the way back: x = x'/scale + slant*y'/scale - shift.
    shift = side * max(slant, 0.0)
    matrix = (1 / scale, slant / scale, -shift, 0.0, 1 / scale, 0.0)
    image = Image.fromarray(glyph)
    ink = np.array(image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))
    ink[ink < RINGING] = 0
    return cut_out(ink, ink_box(ink > 0))


def _clearance(before: Placed, after: Placed) -> int:
    """How far `after` can move left until the ink of the two meets in some row; 0 if they share no row."""
    top = max(before.top, after.top)
    bottom = min(before.top + len(before.ink), after.top + len(after.ink))
    if bottom <= top:
        return 0
    left_ink = before.ink[top - before.top : bottom - before.top] >= VISIBLE
    right_ink = after.ink[top - after.top : bottom - after.top] >= VISIBLE
    shared = left_ink.any(axis=1) & right_ink.any(axis=1)
    if not shared.any():
        return 0
    free_before = left_ink[shared, ::-1].argmax(axis=1)
    free_after = right_ink[shared].argmax(axis=1)
    between = after.left - before.box[0] - before.box[2]
    return int((free_before + free_after).min()) + between


def _shifted(placed: Sequence[Placed], margin: int) -> list[Placed]:
    """Move all digits so that the margin above and to the left of them is `margin` px."""
    top, left = min(each.top for each in placed) - margin, min(each.left for each in placed) - margin
    return [Placed(each.ink, each.top - top, each.left - left) for each in placed]


def compose_strokes(digits: Sequence[Sequence[npt.ArrayLike]], rng: np.random.Generator) -> tuple[Bytes, list[Points]]:
    """Write digits beside each other with a round pen, bright ink on black.

    digits: the strokes of each digit, (N, 2) points x, y; the longer side of a digit is 1000 units.
    Returns the (H, W) uint8 picture, and all strokes in its pixels.
    """
    written = arrange_strokes(digits, rng)
    strokes = [stroke for digit in written.digits for stroke in digit]
    return draw(strokes, written.pen_px, written.size), strokes


@dataclass(frozen=True)
class Written:
    """The strokes of each digit in px, the pen's width, and the picture's width and height."""

    digits: list[list[Points]]
    pen_px: float
    size: tuple[int, int]


def arrange_strokes(digits: Sequence[Sequence[npt.ArrayLike]], rng: np.random.Generator) -> Written:
    """Choose size and place of each digit, and the pen."""
    height = rng.uniform(*WRITTEN_PX)
    pen_px = rng.uniform(PEN_PX[0], min(PEN_PX[1], PEN_TO_DIGIT * height))
    slope = rng.uniform(-BASELINE_SLOPE, BASELINE_SLOPE)
    placed: list[list[Points]] = []
    right = 0.0
    for digit in digits:
        scale = height * rng.uniform(*WRITTEN_SIZES) / UNITS
        scaled = [np.asarray(stroke, np.float64) * scale for stroke in digit]
        low, high = _extent(scaled)
        left = right + draw_gap(rng) * height
        bottom = slope * right + rng.normal(0, BASELINE_WANDER * height)
        placed.append([stroke + (left - low[0], bottom - high[1]) for stroke in scaled])
        right = left + float(high[0] - low[0]) + pen_px
    margin = pen_px / 2 + rng.uniform(*MARGIN) * height
    low, high = _extent([stroke for strokes in placed for stroke in strokes])
    width_px, height_px = (int(side) for side in np.ceil(high - low + 2 * margin))
    moved = [[stroke - low + margin for stroke in strokes] for strokes in placed]
    return Written(moved, pen_px, (width_px, height_px))


def write(digit: int, rng: np.random.Generator) -> list[Points]:
    """Write one digit in a random hand: strokes whose longer side is 1000 units."""
    template = HANDS[digit][rng.integers(len(HANDS[digit]))]
    lean, breadth = rng.uniform(*LEAN), rng.uniform(*BREADTH)
    strokes = []
    for corners in template:
        points = np.array(corners) + rng.normal(0, TREMOR, 2)
        points[:, 0] = points[:, 0] * breadth - lean * points[:, 1]
        line = _smooth(points + rng.normal(0, TREMOR / 2, points.shape))
        strokes += _lifted(line, rng) if rng.random() < LIFTED else [line]
    low, high = _extent(strokes)
    return [(stroke - low) * (UNITS / float((high - low).max())) for stroke in strokes]


def _lifted(line: Points, rng: np.random.Generator) -> list[Points]:
    """Split a line into two strokes."""
    middle = int(rng.integers(1, len(line) - 1)) if len(line) > 2 else 1
    return [line[: middle + 1], line[max(0, middle - 1) :] + rng.normal(0, LANDING / 2, 2)]


def _smooth(corners: Points, steps: int = 8) -> Points:
    """Round the corners with quadratic curves between the middles of their sides; one given twice stays sharp."""
    middles = (corners[:-1] + corners[1:]) / 2
    t = np.linspace(0, 1, steps)[:, None]
    curves = [
        (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
        for start, corner, end in zip(middles[:-1], corners[1:-1], middles[1:], strict=True)
    ]
    line: Points = np.concatenate([corners[:1], *curves, corners[-1:]])
    return line


def draw(strokes: Sequence[Points], pen_px: float, size: tuple[int, int]) -> Bytes:
    """Draw strokes with a round pen; `size` is width and height in px.  Returns (H, W) uint8, ink = 255."""
    image = Image.new("L", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        draw_line(pen, stroke * SUPERSAMPLING, pen_px * SUPERSAMPLING, 255)
    return np.array(image.reduce(SUPERSAMPLING))


def _extent(strokes: Sequence[Points]) -> tuple[Points, Points]:
    """The smallest and the largest x and y."""
    points = np.concatenate(strokes)
    return points.min(axis=0), points.max(axis=0)
