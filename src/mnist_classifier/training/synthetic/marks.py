"""Marks between digits, drawn by rule: slashes, brackets, dashes, commas, signs.  A box of 1000 units is 1 high."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnist_classifier.training.synthetic.templates import Points

UNITS = 1000.0


def slash(rng: np.random.Generator) -> list[Points]:
    """A rising line, from upright to slanted by 45 degrees."""
    top = rng.uniform(0.12, 0.85)
    return _strokes([(top, 0), (top / 2 + rng.normal(0, 0.03), 0.5), (0, 1)])


def left_bracket(rng: np.random.Generator) -> list[Points]:
    """An arc that is open to the right."""
    return _arc(-rng.uniform(0.08, 0.32), rng)


def right_bracket(rng: np.random.Generator) -> list[Points]:
    """An arc that is open to the left."""
    return _arc(rng.uniform(0.08, 0.32), rng)


def _arc(depth: float, rng: np.random.Generator) -> list[Points]:
    y = np.linspace(0, 1, 9)
    x = depth * (1 - np.abs(2 * y - 1) ** rng.uniform(1.6, 3.5)) + rng.normal(0, 0.1) * (0.5 - y)
    return [np.stack([x, y], axis=1) * UNITS]


def dash(rng: np.random.Generator) -> list[Points]:
    """A nearly horizontal line, sometimes bent."""
    return _strokes([(0, 0), (0.5, rng.normal(0, 0.04)), (1, rng.normal(0, 0.08))])


def equals(rng: np.random.Generator) -> list[Points]:
    """Two lines, one below the other."""
    gap = rng.uniform(0.3, 0.65)
    slope = rng.normal(0, 0.06, 2)
    left, right = rng.normal(0, 0.08, 2)
    return _strokes([(0, 0), (1, slope[0])], [(left, gap), (1 + right, gap + slope[1])])


def plus(rng: np.random.Generator) -> list[Points]:
    """Two lines that cross."""
    x, y = rng.normal(0.5, 0.06, 2)
    return _strokes([(0, y), (1, y + rng.normal(0, 0.05))], [(x, 0), (x + rng.normal(0, 0.05), 1)])


def comma(rng: np.random.Generator) -> list[Points]:
    """A short falling line, straight or hooked."""
    return _strokes([(rng.uniform(0.2, 0.6), 0), (rng.uniform(0.2, 0.6), 0.5), (0, 1)])


def point(rng: np.random.Generator) -> list[Points]:
    """A dot, which a pen often drags a little."""
    return _strokes([(0, 0), (rng.uniform(0.1, 1), rng.uniform(0.1, 1))])


def colon(rng: np.random.Generator) -> list[Points]:
    """Two dots, one above the other."""
    across = rng.normal(0, 0.05)
    return _strokes([(0, 0), (0.04, 0.04)], [(across, 0.96), (0.04 + across, 1)])


def number_sign(rng: np.random.Generator) -> list[Points]:
    """Two lines down and two lines across."""
    lean = rng.uniform(0, 0.25)
    slope = rng.normal(0, 0.04, 2)
    return _strokes(
        [(0.3 + lean, 0), (0.25, 1)],
        [(0.7 + lean, 0), (0.65, 1)],
        [(0, 0.35), (1, 0.35 + slope[0])],
        [(0, 0.68), (1, 0.68 + slope[1])],
    )


def _strokes(*strokes: list[tuple[float, float]]) -> list[Points]:
    return [np.array(points, np.float64) * UNITS for points in strokes]


BY_RULE: dict[str, Callable[[np.random.Generator], list[Points]]] = {
    "/": slash,
    "(": left_bracket,
    ")": right_bracket,
    "-": dash,
    "=": equals,
    "#": number_sign,
    ",": comma,
    ".": point,
    ":": colon,
    "+": plus,
}
# Smallest and largest size of a mark's longer side, and of the height of its middle over the baseline, both in
# heights of a digit.
SIZES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "/": ((0.85, 1.5), (0.42, 0.58)),
    "(": ((0.9, 1.5), (0.4, 0.55)),
    ")": ((0.9, 1.5), (0.4, 0.55)),
    "-": ((0.25, 0.7), (0.34, 0.64)),
    "=": ((0.45, 0.8), (0.34, 0.64)),
    "#": ((0.7, 1.15), (0.45, 0.55)),
    ",": ((0.12, 0.42), (-0.2, 0.05)),
    ".": ((0.04, 0.15), (-0.04, 0.08)),
    ":": ((0.35, 0.75), (0.3, 0.5)),
    "+": ((0.35, 0.85), (0.38, 0.62)),
    "%": ((0.8, 1.2), (0.45, 0.55)),
    "?": ((0.55, 1.25), (0.4, 0.55)),
}
