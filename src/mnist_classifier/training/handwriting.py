"""Characters written from templates, each time differently: points shaken, bent, slanted, with another pen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from mnist_classifier.config import GLYPH_SIDE
from mnist_classifier.preprocess import BOX_SIDE
from mnist_classifier.training.strokes import draw_segments, fit_like_preprocessing
from mnist_classifier.training.templates import DIGITS, Stroke, Way

Points: TypeAlias = "npt.NDArray[np.float64]"  # (P, 2) x, y
# Straight parts between two points of a curve.
CURVE_PARTS = 4
# In the glyph, pens of 10 to 28 px on a 280 px canvas are about so wide.
PEN_PX = (0.9, 4.5)
SHAKE = 4.0  # standard deviation of a template's point, in its units of 100
# Pictures drawn in one go: more of them leave the processor's cache.
CHUNK = 128


def numpy_rng(generator: Generator) -> np.random.Generator:
    """NumPy random numbers that follow from the state of a torch generator."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))


def trace(stroke: Stroke, rng: np.random.Generator) -> Points:
    """A stroke's points, shaken; a curve is rounded (Catmull-Rom through its points)."""
    kind, corners = stroke
    points = np.array(corners, np.float64) + rng.normal(0, SHAKE, (len(corners), 2))
    return smooth(points) if kind == "curve" else points


def smooth(points: Points) -> Points:
    """A smooth line through the points.  Source: Catmull and Rom 1974."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, CURVE_PARTS, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


def distort(strokes: Sequence[Points], rng: np.random.Generator) -> list[Points]:
    """Change proportions, slant, turn and bend all strokes of a character together."""
    aspect, slant, angle = rng.uniform(0.5, 1.0), rng.normal(0, 0.2), rng.normal(0, 0.07)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[aspect, -slant], [0.0, 1.0]])
    bend, phase, frequency = rng.normal(0, 3, 2), rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.02, 0.06, 2)
    return [
        points @ matrix.T + bend * np.sin(points[:, ::-1] * frequency + phase)  # x moves with y, y with x
        for points in strokes
    ]


def to_segments(strokes: Sequence[Points], pen_px: float) -> Points:
    """Strokes in any units -> (S, 4) segments that, drawn with the pen, fill the 20 px box of a glyph."""
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = max(BOX_SIDE - pen_px, 1.0) / max(float((high - low).max()), 1e-6)
    placed = [(points - (low + high) / 2) * scale + GLYPH_SIDE / 2 for points in strokes]
    return np.concatenate([np.concatenate([p[:-1], p[1:]], axis=1) for p in placed])


def draw_all(pictures: Sequence[tuple[Points, float]]) -> Tensor:
    """(S, 4) segments and pen widths -> (N, 28, 28) uint8 glyphs, as preprocessing leaves them."""
    result = torch.zeros(len(pictures), GLYPH_SIDE, GLYPH_SIDE, dtype=torch.uint8)
    # Pictures with about as many segments are drawn together, so that little is drawn in vain.
    order = sorted(range(len(pictures)), key=lambda i: len(pictures[i][0]))
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        longest = len(pictures[rows[-1]][0])
        segments = np.full((len(rows), longest, 4), np.nan, np.float32)
        for place, row in enumerate(rows):
            segments[place, : len(pictures[row][0])] = pictures[row][0]
        widths = torch.tensor([pictures[row][1] for row in rows], dtype=torch.float32)
        drawn = fit_like_preprocessing(draw_segments(torch.from_numpy(segments), widths))
        result[rows] = (drawn * 255).round().to(torch.uint8)
    return result


def random_pen(rng: np.random.Generator) -> float:
    """A pen's width in px of the glyph; thin ones are as likely as thick ones, on a scale of ratios."""
    return float(np.exp(rng.uniform(*np.log(PEN_PX))))


def write(ways: Sequence[Way], rng: np.random.Generator) -> tuple[Points, float]:
    """One of the ways of writing a character -> segments and pen width."""
    pen_px = random_pen(rng)
    strokes = [trace(stroke, rng) for stroke in ways[int(rng.integers(len(ways)))]]
    return to_segments(distort(strokes, rng), pen_px), pen_px


def digit_pool(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Digits written from templates: (count, 28, 28) uint8 and (count,) int64 labels."""
    rng = numpy_rng(generator)
    labels = rng.integers(0, len(DIGITS), count)
    pictures = draw_all([write(DIGITS[int(label)], rng) for label in labels])
    return pictures, torch.from_numpy(labels)


def drawn_by(
    maker: Callable[[np.random.Generator], Sequence[Points]], rng: np.random.Generator
) -> tuple[Points, float]:
    """What `maker` makes -> segments and pen width."""
    pen_px = random_pen(rng)
    return to_segments(maker(rng), pen_px), pen_px
