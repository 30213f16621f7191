"""Draw characters from stroke templates, differently each time: shaken, bent, slanted, with a pen of random width.

A template is 100 by 100 units large (templates.py); lengths without `px` are in these units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE
from mnist_classifier.training.synthetic.pen import as_glyphs, draw_segments
from mnist_classifier.training.synthetic.templates import DIGITS, Points, Ways, parse

# Straight pieces that a curve has between two points of its template.
CURVE_PARTS = 4
# Smallest and largest width of the pen in the glyph, about that of pens of 10 to 28 px on a canvas of 280 px.
PEN_PX = (0.9, 5.2)
# Standard deviation of a template's points in units, and the range of the factor that each character draws for it.
SHAKE, SHAKE_RANGE = 4.0, (0.2, 2.0)
# Standard deviations of size and place of a stroke, relative to the other strokes.
STROKE_SCALE, STROKE_SHIFT = 0.06, 2.5
# Cumulative probabilities: the end of a stroke goes on, has a hook, or is missing.  Otherwise it stays.
GOES_ON, HOOKED, STOPS = 0.22, 0.3, 0.4
# Standard deviations of the coefficients of a warp: of xy, y² and x² across, of xy, x² and y² down.
WARP_DEVIATIONS = np.array([0.15, 0.08, 0.07, 0.08, 0.07, 0.15])
# Width over height of a written digit.  Templates are as wide as high.
DIGIT_ASPECT = (0.45, 1.05)
# Pictures drawn at once.  The data of more would not fit into the processor's cache.
CHUNK = 128


def numpy_rng(generator: Generator) -> np.random.Generator:
    """A NumPy generator whose seed comes from a PyTorch generator."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))


def trace(template: str, rng: np.random.Generator) -> list[Points]:
    """Write a template's strokes: shake the points, round the curves, move the strokes and change their ends."""
    shake = SHAKE * rng.uniform(*SHAKE_RANGE)
    strokes = [_trace_stroke(points, is_smooth, shake, rng) for is_smooth, points in parse(template)]
    if len(strokes) > 1:
        strokes = [_moved(points, rng) for points in strokes]
    return [_with_end(_with_end(points, rng)[::-1], rng)[::-1] for points in strokes]


def _moved(points: Points, rng: np.random.Generator) -> Points:
    """Change the size and the place of a stroke a little."""
    middle = points.mean(axis=0)
    moved: Points = (points - middle) * (1 + rng.normal(0, STROKE_SCALE)) + middle + rng.normal(0, STROKE_SHIFT, 2)
    return moved


def _with_end(points: Points, rng: np.random.Generator) -> Points:
    """Let the last end of a stroke go on, turn into a hook, stop early, or stay as it is."""
    kind = rng.random()
    if kind < GOES_ON:
        return _prolonged(points, rng.uniform(3, 18), rng.normal(0, 0.5))
    if kind < HOOKED:
        return _prolonged(points, rng.uniform(5, 13), rng.choice([-1, 1]) * rng.uniform(1, 2.2))
    return _shortened(points, rng.uniform(2, 12)) if kind < STOPS else points


def _prolonged(points: Points, length: float, turn: float) -> Points:
    """Go on for `length` units, and turn by `turn` radians on the way."""
    across, down = points[-1] - points[max(len(points) - 3, 0)]
    steps = 3
    angles = np.arctan2(down, across) + turn * np.arange(1, steps + 1) / steps
    moves = length / steps * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([points, points[-1] + np.cumsum(moves, axis=0)])


def _shortened(points: Points, length: float) -> Points:
    """Leave out about `length` units at the end of a curve that is much longer."""
    left = np.cumsum(np.hypot(*np.diff(points, axis=0).T)[::-1])  # from the end
    if len(points) < 2 * CURVE_PARTS or left[-1] < 5 * length:
        return points
    return points[: len(points) - int(np.argmax(left > length))]


def _trace_stroke(points: Points, is_smooth: bool, shake: float, rng: np.random.Generator) -> Points:
    """Shake the points of a stroke at random, and round it if it is smooth."""
    # Strokes with many points shake less: points that are close together would make bumps.
    moves = rng.normal(0, shake * min(1.0, 6 / len(points)), points.shape)
    # A point that the template has twice is a corner.  Both copies move alike, so that it stays one.
    repeated = np.flatnonzero((points[1:] == points[:-1]).all(axis=1)) + 1
    moves[repeated] = moves[repeated - 1]
    return smooth(points + moves) if is_smooth else points + moves


def smooth(points: Points) -> Points:
    """Draw a smooth line through (P, 2) points; a repeated point is a corner.  Source: Catmull and Rom 1974."""
    corners = np.flatnonzero((points[1:] == points[:-1]).all(axis=1)) + 1
    return np.concatenate([_smooth_part(part) for part in np.split(points, corners) if len(part)])


def _smooth_part(points: Points) -> Points:
    if len(points) < 3:
        return points
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, CURVE_PARTS, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


def distort(strokes: Sequence[Points], rng: np.random.Generator, aspect: tuple[float, float]) -> list[Points]:
    """Change proportions, taper, slant, turn and bend all strokes of a character together.

    aspect: smallest and largest width over height of a square template.
    """
    width, slant, angle = rng.uniform(*aspect), rng.normal(0, 0.2), rng.normal(0, 0.07)
    matrix = rotation(angle) @ np.array([[width, -slant], [0.0, 1.0]])
    bend, phase, frequency = rng.normal(0, 3, 2), rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.02, 0.06, 2)
    factors = rng.normal(0, WARP_DEVIATIONS)
    warped = [_warped(points, factors) for points in strokes]
    return [
        points @ matrix.T + bend * np.sin(points[:, ::-1] * frequency + phase)  # x moves with y, y with x
        for points in warped
    ]


def _warped(points: Points, factors: Points) -> Points:
    """Move points by a quadratic function of their place: taper, bow, raise or lower the middle."""
    # The squares would grow too large far outside, where a slash may end.
    x, y = np.clip((points - 50) / 50, -1.3, 1.3).T
    across, down = factors[:3] @ np.stack([x * y, y * y, x * x]), factors[3:] @ np.stack([x * y, x * x, y * y])
    warped: Points = points + 50 * np.stack([across, down], axis=1)
    return warped


def rotation(angle: float) -> Points:
    """The (2, 2) matrix that turns x, y by `angle` radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def to_segments(strokes: Sequence[Points], pen_px: float) -> Points:
    """Scale strokes in any units to (S, 4) segments that fill the 20 px box of a glyph when drawn with this pen."""
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = max(BOX_SIDE - pen_px, 1.0) / max(float((high - low).max()), 1e-6)
    placed = [(points - (low + high) / 2) * scale + SIDE_PX / 2 for points in strokes]
    return np.concatenate([np.concatenate([p[:-1], p[1:]], axis=1) for p in placed])


def draw_all(pictures: Sequence[tuple[Points, float]]) -> Tensor:
    """Draw pictures, each (S, 4) segments and a pen's width in px.  Returns (N, 28, 28) uint8 glyphs."""
    result = torch.zeros(len(pictures), SIDE_PX, SIDE_PX, dtype=torch.uint8)
    # A chunk is as long as its longest picture, so pictures of about the same length are drawn together.
    order = sorted(range(len(pictures)), key=lambda i: len(pictures[i][0]))
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        longest = len(pictures[rows[-1]][0])
        segments = np.full((len(rows), longest, 4), np.nan, np.float32)
        for place, row in enumerate(rows):
            segments[place, : len(pictures[row][0])] = pictures[row][0]
        widths = torch.tensor([pictures[row][1] for row in rows], dtype=torch.float32)
        result[rows] = as_glyphs(draw_segments(torch.from_numpy(segments), widths))
    return result


def drawn_by(
    make: Callable[[np.random.Generator], Sequence[Points]],
    rng: np.random.Generator,
    pens_px: tuple[float, float] = PEN_PX,
) -> tuple[Points, float]:
    """Choose a pen and let `make` draw; returns (S, 4) segments and the pen's width in px of the glyph.

    The logarithm of the width is uniform, so that thin pens are as likely as thick ones.
    """
    pen_px = float(np.exp(rng.uniform(*np.log(pens_px))))
    return to_segments(make(rng), pen_px), pen_px


def write(
    ways: Ways, rng: np.random.Generator, aspect: tuple[float, float], pens_px: tuple[float, float] = PEN_PX
) -> tuple[Points, float]:
    """Draw a character from one of its templates; returns the same as `drawn_by`."""
    return drawn_by(lambda rng: distort(trace(ways[rng.integers(len(ways))], rng), rng, aspect), rng, pens_px)


def digit_pool(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Write digits from templates: (count, 28, 28) uint8 and (count,) int64 labels."""
    rng = numpy_rng(generator)
    labels = rng.integers(0, len(DIGITS), count)
    return draw_all([write(DIGITS[label], rng, DIGIT_ASPECT) for label in labels]), torch.from_numpy(labels)
