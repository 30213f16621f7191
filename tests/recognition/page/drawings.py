"""Numbers with lines around them, drawn as dark ink on white paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mnist_classifier.evaluation.robustness.strings import Points, draw
from tests.handwriting import STROKES

HEIGHT_PX, PEN_PX = 60, 6
DIGITS = STROKES | {
    2: [[[50, 150], [400, 0], [700, 200], [500, 600], [50, 1000], [750, 990]]],
    4: [[[450, 0], [50, 650], [750, 650]], [[550, 300], [540, 1000]]],
}


def digit(value: int, x: float, y: float, height: float = HEIGHT_PX) -> list[Points]:
    """The strokes of a digit with this top left corner."""
    return [np.array(stroke, float) * height / 1000 + (x, y) for stroke in DIGITS[value]]


def number(text: str, x: float, y: float, height: float = HEIGHT_PX) -> list[Points]:
    return [
        stroke for place, char in enumerate(text) for stroke in digit(int(char), x + place * 1.1 * height, y, height)
    ]


def line(*points: tuple[float, float]) -> Points:
    return np.array(points, float)


def frame(left: float, top: float, right: float, bottom: float) -> list[Points]:
    return [line((left, top), (right, top), (right, bottom), (left, bottom), (left, top))]


def circle(x: float, y: float, radius_x: float, radius_y: float, turns: float = 1.03) -> list[Points]:
    angles = np.linspace(0, 2 * math.pi * turns, 80) + 1
    return [np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)]


def table(rows: Sequence[float], columns: Sequence[float]) -> list[Points]:
    """Lines at these rows and columns, from the first to the last."""
    across = [line((columns[0], row), (columns[-1], row)) for row in rows]
    return across + [line((column, rows[0]), (column, rows[-1])) for column in columns]


def turned(strokes: Sequence[Points], degrees: float, about: tuple[float, float]) -> list[Points]:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    return [(stroke - about) @ matrix + about for stroke in strokes]


def paper(written: Sequence[Points], size: tuple[int, int], *, printed: Sequence[Points] = (), print_px: float = 2.5,
          grey: int = 0) -> np.ndarray:  # fmt: skip
    """Dark ink on white paper; printed lines have their own thickness and grey level.  size: width, height."""
    ink = draw(list(written), PEN_PX, size).astype(int)
    if printed:
        ink = np.maximum(ink, draw(list(printed), print_px, size).astype(int) * (255 - grey) // 255)
    return (255 - ink).astype(np.uint8)


def ink(written: Sequence[Points], size: tuple[int, int], **printed: object) -> np.ndarray:
    """The same as `remove_outlines` takes it: (H, W) float32, ink is 1."""
    return (255 - paper(written, size, **printed)).astype(np.float32) / 255  # type: ignore[arg-type]
