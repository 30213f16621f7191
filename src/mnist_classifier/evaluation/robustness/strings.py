"""Numbers of several digits: composed from MNIST glyphs, or written with pen strokes.

What is random is drawn from the generator that is given, so a seed makes the
same strings again.  Lengths are in parts of the digits' height, unless they
are in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.recognition.imaging.normalise import cut_out, ink_box

Points = npt.NDArray[np.float64]  # (N, 2): x, y
Random = np.random.Generator

DIGIT_PX = 20  # longer side of the ink in an MNIST glyph
# Of a whole picture.  The smallest digit keeps the 20 px that MNIST has; smaller ones would measure eyesight.
ENLARGEMENT = (1.43, 4.0)
SIZES = (0.7, 1.3)
SLANT = 0.15  # tangent; comes on top of the slant that people wrote with
BASELINE_WANDER = 0.06
BASELINE_SLOPE = 0.06
MARGIN = (0.1, 0.6)
RINGING = 10  # of 255; bicubic interpolation leaves faint waves beside strokes
VISIBLE = 25  # of 255; fainter ink is no contour that could touch another

# Of a hundred gaps 5 are none (the ink meets or overlaps a little) and 7 are wide.
TOUCHING, WIDE = 0.05, 0.07
TOUCHING_GAP = (-0.08, 0.0)
GAP = (0.06, 0.5)
WIDE_GAP = (0.5, 1.5)

UNITS = 1000.0  # longer side of a digit that is given as strokes
WRITTEN_PX = (100.0, 200.0)
WRITTEN_SIZES = (0.85, 1.15)
PEN_PX = (10.0, 28.0)
# A broader pen would fill the loops: 28 px are for digits of 156 px and more.
PEN_TO_DIGIT = 0.18
SUPERSAMPLING = 2

# How digits are written, as strokes through these points (x, y in parts of the height); several manners for most.
MANNERS: dict[int, tuple[tuple[tuple[tuple[float, float], ...], ...], ...]] = {
    0: (
        (((0.5, 0.0), (0.1, 0.2), (0.05, 0.65), (0.35, 1.0), (0.65, 0.75), (0.65, 0.25), (0.45, 0.0)),),
        (
            ((0.5, 0.0), (0.1, 0.2), (0.05, 0.65), (0.35, 1.0), (0.65, 0.75), (0.65, 0.25), (0.45, 0.0)),
            ((0.75, 0.05), (-0.05, 0.95)),
        ),
    ),
    1: (
        (((0.2, 0.0), (0.15, 0.5), (0.1, 1.0)),),
        (((0.0, 0.3), (0.3, 0.0), (0.3, 0.0), (0.28, 1.0)),),
        (((0.0, 0.25), (0.3, 0.0), (0.3, 0.0), (0.3, 1.0)), ((0.0, 1.0), (0.6, 1.0))),
    ),
    2: (
        (((0.05, 0.2), (0.3, 0.0), (0.6, 0.2), (0.4, 0.6), (0.0, 1.0), (0.0, 1.0), (0.65, 0.98)),),
        (((0.05, 0.2), (0.35, 0.0), (0.6, 0.25), (0.3, 0.8), (0.0, 0.9), (0.15, 0.75), (0.4, 0.95), (0.75, 0.9)),),
    ),
    3: (
        (((0.05, 0.1), (0.35, 0.0), (0.5, 0.2), (0.2, 0.45), (0.2, 0.45), (0.6, 0.7), (0.3, 1.0), (0.0, 0.9)),),
        (((0.0, 0.0), (0.6, 0.0), (0.6, 0.0), (0.2, 0.4), (0.2, 0.4), (0.6, 0.7), (0.3, 1.0), (0.0, 0.9)),),
    ),
    4: (
        (((0.15, 0.0), (0.0, 0.55), (0.0, 0.55), (0.7, 0.5)), ((0.55, 0.1), (0.45, 1.0))),
        (((0.1, 0.0), (0.05, 0.45), (0.45, 0.45)), ((0.6, 0.0), (0.55, 1.0))),
        (((0.5, 1.0), (0.5, 0.0), (0.5, 0.0), (0.0, 0.65), (0.0, 0.65), (0.75, 0.65)),),
    ),
    5: (
        (((0.15, 0.05), (0.1, 0.45), (0.1, 0.45), (0.5, 0.5), (0.5, 0.85), (0.0, 1.0)), ((0.15, 0.03), (0.65, 0.0))),
        (((0.65, 0.0), (0.15, 0.0), (0.15, 0.0), (0.1, 0.45), (0.1, 0.45), (0.55, 0.55), (0.5, 0.9), (0.0, 1.0)),),
        (((0.1, 0.1), (0.1, 0.45), (0.1, 0.45), (0.5, 0.55), (0.45, 0.9), (0.0, 1.0)), ((0.2, -0.03), (0.7, -0.05))),
    ),
    6: ((((0.45, 0.0), (0.1, 0.4), (0.05, 0.8), (0.35, 1.0), (0.55, 0.75), (0.3, 0.55), (0.05, 0.75)),),),
    7: (
        (((0.0, 0.05), (0.6, 0.0), (0.6, 0.0), (0.35, 0.45), (0.2, 1.0)),),
        (((0.0, 0.05), (0.6, 0.0), (0.6, 0.0), (0.35, 0.45), (0.2, 1.0)), ((0.1, 0.5), (0.6, 0.45))),
        (((0.0, 0.2), (0.0, 0.0), (0.0, 0.0), (0.6, 0.0), (0.6, 0.0), (0.3, 1.0)),),
    ),
    8: (
        (
            ((0.5, 0.1), (0.2, 0.0), (0.1, 0.25), (0.5, 0.6), (0.5, 0.9), (0.2, 1.0))
            + ((0.05, 0.8), (0.3, 0.5), (0.55, 0.2), (0.45, 0.05)),
        ),
    ),
    9: (
        (((0.5, 0.2), (0.2, 0.0), (0.05, 0.3), (0.3, 0.5), (0.5, 0.2), (0.5, 0.2), (0.5, 0.6), (0.4, 1.0)),),
        (((0.5, 0.1), (0.2, 0.0), (0.05, 0.3), (0.3, 0.45), (0.5, 0.15), (0.55, 0.6), (0.4, 1.0), (0.05, 0.95)),),
    ),
}
TREMOR = 0.04
# Of a hundred strokes so many are written in two: people lift the pen anywhere, and put it down near there.
LIFTED = 0.2
LANDING = 0.05
LEAN = (-0.1, 0.35)
BREADTH = (0.75, 1.3)


@dataclass(frozen=True)
class Placed:
    """One digit's ink, (h, w) uint8, and where its top left pixel lies."""

    ink: Bytes
    top: int
    left: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height."""
        height, width = self.ink.shape
        return self.left, self.top, width, height


def compose(glyphs: Bytes, rng: Random) -> Bytes:
    """Write glyphs beside each other, bright ink on black.

    glyphs: (K, 28, 28) uint8, ink = 255.  Returns (H, W) uint8.
    """
    return lay(arrange(glyphs, rng))


def arrange(glyphs: Bytes, rng: Random) -> list[Placed]:
    """Where each glyph comes to lie, and what it looks like there."""
    enlargement = rng.uniform(*ENLARGEMENT)
    height = DIGIT_PX * enlargement
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


def lay(placed: Sequence[Placed]) -> Bytes:
    """Paint placed digits, the same margin around all of them; where two overlap, the brighter ink shows."""
    margin = min(min(each.top, each.left) for each in placed)
    bottom = max(each.top + each.ink.shape[0] for each in placed)
    right = max(each.left + each.ink.shape[1] for each in placed)
    picture = np.zeros((bottom + margin, right + margin), np.uint8)
    for each in placed:
        height, width = each.ink.shape
        window = picture[each.top : each.top + height, each.left : each.left + width]
        np.maximum(window, each.ink, out=window)
    return picture


def draw_gap(rng: Random) -> float:
    """The space before a digit, in parts of the digits' height; 0 and less is for ink that touches."""
    kind = rng.random()
    if kind < TOUCHING:
        return min(0.0, rng.uniform(*TOUCHING_GAP) + 0.02)  # a quarter of them meet exactly
    return rng.uniform(*(WIDE_GAP if kind < TOUCHING + WIDE else GAP))


def _reshaped(glyph: Bytes, scale: float, slant: float) -> Bytes:
    """Enlarge (`scale` is 1 or more) and slant a glyph; returns its ink without the border."""
    side = len(glyph)
    width, height = round(side * (1 + abs(slant)) * scale), round(side * scale)
    # Pillow asks where each new pixel comes from: x = x'/scale + slant*y'/scale - shift.
    shift = side * max(slant, 0.0)
    matrix = (1 / scale, slant / scale, -shift, 0.0, 1 / scale, 0.0)
    image = Image.fromarray(glyph)
    ink = np.array(image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))
    ink[ink < RINGING] = 0
    return cut_out(ink, ink_box(ink > 0))


def _clearance(before: Placed, after: Placed) -> int:
    """How far `after` may move left until the ink of the two meets in some row; 0 where they share none."""
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
    """Move all, so that the topmost and the leftmost lie `margin` px from the edge."""
    top, left = min(each.top for each in placed) - margin, min(each.left for each in placed) - margin
    return [Placed(each.ink, each.top - top, each.left - left) for each in placed]


def compose_strokes(digits: Sequence[Sequence[npt.ArrayLike]], rng: Random) -> tuple[Bytes, list[Points]]:
    """Write digits beside each other with a round pen, bright ink on black.

    digits: the strokes of each digit, a stroke being (N, 2) points x, y whose
    longer side over the whole digit is 1000 units.
    Returns the (H, W) uint8 picture and all strokes in its pixels, digit by digit.
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


def arrange_strokes(digits: Sequence[Sequence[npt.ArrayLike]], rng: Random) -> Written:
    """Where each digit comes to lie, how large, and how broad the pen is."""
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


def write(digit: int, rng: Random) -> list[Points]:
    """One digit in a random hand: strokes in units, longer side 1000."""
    manners = MANNERS[digit]
    manner = manners[rng.integers(len(manners))]
    lean, breadth = rng.uniform(*LEAN), rng.uniform(*BREADTH)
    strokes = []
    for corners in manner:
        points = np.array(corners) + rng.normal(0, TREMOR, 2)
        points[:, 0] = points[:, 0] * breadth - lean * points[:, 1]
        line = _rounded(points + rng.normal(0, TREMOR / 2, points.shape))
        strokes += _lifted(line, rng) if rng.random() < LIFTED else [line]
    low, high = _extent(strokes)
    return [(stroke - low) * (UNITS / float((high - low).max())) for stroke in strokes]


def _lifted(line: Points, rng: Random) -> list[Points]:
    """The line in two strokes."""
    middle = int(rng.integers(1, len(line) - 1)) if len(line) > 2 else 1
    return [line[: middle + 1], line[max(0, middle - 1) :] + rng.normal(0, LANDING / 2, 2)]


def _rounded(corners: Points, steps: int = 8) -> Points:
    """A smooth line: quadratic curves between the middles of neighbouring corners; one given twice stays sharp."""
    middles = (corners[:-1] + corners[1:]) / 2
    t = np.linspace(0, 1, steps)[:, None]
    curves = [
        (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
        for start, corner, end in zip(middles[:-1], corners[1:-1], middles[1:], strict=True)
    ]
    line: Points = np.concatenate([corners[:1], *curves, corners[-1:]])
    return line


def draw(strokes: Sequence[Points], pen_px: float, size: tuple[int, int]) -> Bytes:
    """Draw strokes with a round pen; `size` is width and height in px.  Returns (H, W) uint8."""
    factor = SUPERSAMPLING
    image = Image.new("L", (size[0] * factor, size[1] * factor))
    canvas = ImageDraw.Draw(image)
    radius = pen_px * factor / 2
    for stroke in strokes:
        points = [(float(x), float(y)) for x, y in stroke * factor]
        canvas.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.array(image.reduce(factor))


def _extent(strokes: Sequence[Points]) -> tuple[Points, Points]:
    """The least and the largest x and y."""
    points = np.concatenate(strokes)
    return points.min(axis=0), points.max(axis=0)
