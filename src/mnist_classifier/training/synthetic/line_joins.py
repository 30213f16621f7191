"""Characters placed in a line, and the strokes of a pen that is not lifted between two of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.training.synthetic.templates import Points

INK_LEVEL = 60
# The longest way of a pen between two digits, and the longest bridge between their outlines, in heights of a digit.
LONGEST_WAY, LONGEST_BRIDGE = 1.1, 0.45
# How often a pen goes on from the end of a digit to the start of the next one.  Otherwise a bridge joins their sides.
PEN_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Placed:
    """A character's ink and the place of its top left corner in the line; start and end of its strokes, if known."""

    ink: Bytes
    left: float = 0.0
    top: float = 0.0
    start: Points | None = None
    end: Points | None = None

    @property
    def right(self) -> float:
        """The first column behind the picture."""
        return self.left + int(self.ink.shape[1])

    @property
    def bottom(self) -> float:
        """The first row below the picture."""
        return self.top + int(self.ink.shape[0])

    def at(self, left: float, top: float) -> Placed:
        """The same character elsewhere."""
        return replace(self, left=left, top=top)

    def paste(self, picture: Bytes) -> None:
        """Add the ink to a picture; what lies outside is left out."""
        left, top = int(self.left), int(self.top)
        rows, columns = picture.shape
        first_row, last_row = max(0, top), min(rows, top + self.ink.shape[0])
        first, last = max(0, left), min(columns, left + self.ink.shape[1])
        if first_row < last_row and first < last:
            part = picture[first_row:last_row, first:last]
            np.maximum(part, self.ink[first_row - top : last_row - top, first - left : last - left], out=part)


def draw_join(picture: Bytes, one: Placed, other: Placed, height: float, pen: float, rng: np.random.Generator) -> bool:
    """Join two characters, if they are near enough; returns whether a stroke was drawn."""
    points = None
    if one.end is not None and other.start is not None and rng.random() < PEN_SHARE:
        points = _way(one.end + (one.left, one.top), other.start + (other.left, other.top), height, rng)
    if points is None:
        points = _bridge(one, other, height, rng)
    if points is None:
        return False
    drawn = Image.new("L", picture.shape[::-1])
    ImageDraw.Draw(drawn).line(points.ravel().tolist(), fill=255, width=max(1, round(pen * 0.9)), joint="curve")
    np.maximum(picture, np.asarray(drawn), out=picture)
    return True


def _way(start: Points, end: Points, height: float, rng: np.random.Generator) -> Points | None:
    """A curve from the end of a digit to the start of the next one; None if it would be long or go back."""
    across, down = end - start
    if not -0.15 * height < across < LONGEST_WAY * height or abs(down) > LONGEST_WAY * height:
        return None
    control = (start + end) / 2 + np.array([0.0, rng.normal(0, 0.1) * height])
    t = np.linspace(0, 1, 8)[:, None]
    curve: Points = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
    return curve


def _bridge(one: Placed, other: Placed, height: float, rng: np.random.Generator) -> Points | None:
    """A straight stroke between the sides of two digits; None if they are too far apart."""
    start, stop = max(one.top, other.top), min(one.bottom, other.bottom)
    if stop - start < height / 2:
        return None
    row = start + (stop - start) * rng.beta(1.2, 2)  # more often near the top, where zeros are closed
    ends, starts = _ink_columns(one, row), _ink_columns(other, row + rng.normal(0, 0.05) * height)
    if not (len(ends) and len(starts)):
        return None
    left, right = one.left + float(ends[-1]), other.left + float(starts[0])
    if right - left > LONGEST_BRIDGE * height:
        return None
    inside = rng.uniform(0, 0.15, 2) * height
    return np.array([[left - inside[0], row], [right + inside[1], row + rng.normal(0, 0.04) * height]])


def _ink_columns(placed: Placed, row: float) -> np.ndarray:
    index = min(max(int(row - placed.top), 0), placed.ink.shape[0] - 1)
    return np.flatnonzero(placed.ink[index] > INK_LEVEL)
