"""Pen strokes -> the picture that the browser's canvas would send.

A stroke is (N, 2) numbers, x right and y down, in units of its own: only the
shape counts, place and size are drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes

Stroke: TypeAlias = "npt.NDArray[np.float64] | Sequence[Sequence[float]]"
Line: TypeAlias = "npt.NDArray[np.float64]"

CANVAS_SIDE_PX = 280
# The longer side of the ink, pen included, as a part of the canvas: people
# write small in a corner and large over the whole square.
SIZES = (0.40, 0.85)

# Source: web/static/js/pad/strokes.js, MIN_STEP: the page drops nearer points.
MIN_STEP_PX = 0.75
# Straight pieces for one of the page's quadratic curves, which are mostly under 10 px long.
CURVE_PIECES = 4
SUPERSAMPLING = 4
PAPER, INK = 255, 0


@dataclass(frozen=True)
class Placement:
    """Where ink goes: longer side, left and top of its box in pixels, the pen's width included."""

    longer_side_px: float
    left_px: float
    top_px: float


def draw(
    strokes: Sequence[Stroke],
    *,
    pen_px: float,
    rng: np.random.Generator | None = None,
    placement: Placement | None = None,
    side_px: int = CANVAS_SIDE_PX,
) -> Bytes:
    """Draw strokes in black on white with a round pen, anti-aliased.

    The place is `placement`, or random by `rng`: the longer side between 40
    and 85 % of the canvas, wholly inside.  Returns (side_px, side_px) uint8.
    Raises ValueError where there is nothing to draw.
    """
    lines = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not lines:
        raise ValueError("there is no stroke to draw")
    if placement is None:
        if rng is None:
            raise ValueError("either rng or placement must be given")
        placement = random_placement(lines, pen_px=pen_px, rng=rng, side_px=side_px)
    return render(fit_lines(lines, placement, pen_px), pen_px=pen_px, side_px=side_px)


def random_placement(
    lines: Sequence[Line], *, pen_px: float, rng: np.random.Generator, side_px: int = CANVAS_SIDE_PX
) -> Placement:
    """Choose a place and a size as a person might."""
    longer_side_px = rng.uniform(*SIZES) * side_px
    width, height = _extent(lines) * _scale(lines, longer_side_px, pen_px) + pen_px
    return Placement(longer_side_px, rng.uniform(0, side_px - width), rng.uniform(0, side_px - height))


def fit_lines(lines: Sequence[Line], placement: Placement, pen_px: float) -> list[Line]:
    """Scale and move lines to their place, in pixels."""
    origin = np.concatenate(lines).min(axis=0)
    scale = _scale(lines, placement.longer_side_px, pen_px)
    corner = np.array([placement.left_px, placement.top_px]) + pen_px / 2
    return [(line - origin) * scale + corner for line in lines]


def render(lines: Sequence[Line], *, pen_px: float, side_px: int = CANVAS_SIDE_PX) -> Bytes:
    """Draw (N, 2) lines, in pixels, as the page does; what is outside the canvas is cut off."""
    canvas = np.full((side_px, side_px), PAPER, np.uint8)
    points = np.concatenate(lines)
    # Only the ink's box is drawn large: a third of the canvas, a third of the time.
    left, top = np.clip(np.floor(points.min(axis=0) - pen_px / 2).astype(int) - 1, 0, side_px - 1)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + pen_px / 2).astype(int) + 1, 1, side_px)
    tile = Image.new("L", (int(right - left) * SUPERSAMPLING, int(bottom - top) * SUPERSAMPLING), PAPER)
    pen = ImageDraw.Draw(tile)
    for line in lines:
        _draw_line(pen, (smooth(thin_out(line)) - (left, top)) * SUPERSAMPLING, pen_px * SUPERSAMPLING)
    canvas[top:bottom, left:right] = np.asarray(tile.reduce(SUPERSAMPLING))
    return canvas


def thin_out(line: Line, min_step_px: float = MIN_STEP_PX) -> Line:
    """Drop points that lie nearer to the one kept before than can be seen."""
    first, *others = line.tolist()
    kept = [first]
    for x, y in others:
        if math.hypot(x - kept[-1][0], y - kept[-1][1]) >= min_step_px:
            kept.append([x, y])
    return np.array(kept)


def smooth(line: Line) -> Line:
    """Lay the page's curve through the points of a stroke, as short straight pieces.

    Source: web/static/js/pad/strokes.js, `trace`: quadratic curves between the
    middles of neighbouring points, with the points as their control points.
    """
    if len(line) < 3:
        return line
    inner, ends = line[1:-1], (line[1:-1] + line[2:]) / 2
    starts = np.concatenate([line[:1], ends[:-1]])
    t = (np.arange(1, CURVE_PIECES + 1) / CURVE_PIECES)[None, :, None]
    curves = (1 - t) ** 2 * starts[:, None] + 2 * t * (1 - t) * inner[:, None] + t**2 * ends[:, None]
    return np.concatenate([line[:1], curves.reshape(-1, 2), line[-1:]])


def _extent(lines: Sequence[Line]) -> Line:
    """Width and height of the box of all points."""
    points = np.concatenate(lines)
    extent: Line = points.max(axis=0) - points.min(axis=0)
    return extent


def _scale(lines: Sequence[Line], longer_side_px: float, pen_px: float) -> float:
    longest = float(_extent(lines).max())
    return max(longer_side_px - pen_px, 0.0) / longest if longest > 0 else 0.0


def _draw_line(pen: ImageDraw.ImageDraw, line: Line, width: float) -> None:
    radius = width / 2
    if len(line) > 1:
        pen.line(line.ravel().tolist(), fill=INK, width=max(1, round(width)))
    # Pillow's lines have neither caps nor joins; discs are both.
    for x, y in line.tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=INK)
