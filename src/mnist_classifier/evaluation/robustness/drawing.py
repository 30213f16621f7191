"""Draw pen strokes as the page's canvas does.

A stroke is (N, 2) numbers, x right and y down, in any unit.  Place and size are random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes, Doubles, Floats

Points: TypeAlias = Doubles  # (N, 2) x, y
Stroke: TypeAlias = "Points | Sequence[Sequence[float]]"
Pixels = TypeVar("Pixels", Bytes, Floats)

CANVAS_SIDE_PX = 280
# Longer side of the ink, pen included, as a share of the canvas: some write small in a corner, some fill the square.
SIZES = (0.40, 0.85)

# The page drops points that are nearer.  Source: MIN_STEP in web/static/js/pad/strokes.js.
MIN_STEP_PX = 0.75
# Straight pieces for one of the page's quadratic curves, most of which are shorter than 10 px.
CURVE_PIECES = 4
SUPERSAMPLING = 4
PAPER, INK = 255, 0


@dataclass(frozen=True)
class Placement:
    """Where the ink goes: longer side, left and top of its box in pixels, the pen's width included."""

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
    """Draw strokes in black on white with a round pen, anti-aliased.  Returns (side_px, side_px) uint8.

    Without `placement`, `rng` chooses one inside the canvas; the longer side is 40 to 85 % of it.
    Raises ValueError if there is nothing to draw.
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
    lines: Sequence[Points], *, pen_px: float, rng: np.random.Generator, side_px: int = CANVAS_SIDE_PX
) -> Placement:
    """Choose a random size, and a place inside the canvas."""
    longer_side_px = rng.uniform(*SIZES) * side_px
    width, height = _extent(lines) * _scale(lines, longer_side_px, pen_px) + pen_px
    return Placement(longer_side_px, rng.uniform(0, side_px - width), rng.uniform(0, side_px - height))


def fit_lines(lines: Sequence[Points], placement: Placement, pen_px: float) -> list[Points]:
    """Scale and move lines to their place in the canvas."""
    origin = np.concatenate(lines).min(axis=0)
    scale = _scale(lines, placement.longer_side_px, pen_px)
    corner = np.array([placement.left_px, placement.top_px]) + pen_px / 2
    return [(line - origin) * scale + corner for line in lines]


def render(lines: Sequence[Points], *, pen_px: float, side_px: int = CANVAS_SIDE_PX) -> Bytes:
    """Draw lines, in pixels, as the page does.  Parts outside the canvas are cut off."""
    canvas = np.full((side_px, side_px), PAPER, np.uint8)
    points = np.concatenate(lines)
    # Supersampling only the ink's box takes a third of the time.
    left, top = np.clip(np.floor(points.min(axis=0) - pen_px / 2).astype(int) - 1, 0, side_px - 1)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + pen_px / 2).astype(int) + 1, 1, side_px)
    tile = Image.new("L", (int(right - left) * SUPERSAMPLING, int(bottom - top) * SUPERSAMPLING), PAPER)
    pen = ImageDraw.Draw(tile)
    for line in lines:
        draw_line(pen, (smooth(thin_out(line)) - (left, top)) * SUPERSAMPLING, pen_px * SUPERSAMPLING, INK)
    canvas[top:bottom, left:right] = np.asarray(tile.reduce(SUPERSAMPLING))
    return canvas


def thin_out(line: Points, min_step_px: float = MIN_STEP_PX) -> Points:
    """Drop each point that is nearer than `min_step_px` to the last point kept."""
    first, *others = line.tolist()
    kept = [first]
    for x, y in others:
        if math.hypot(x - kept[-1][0], y - kept[-1][1]) >= min_step_px:
            kept.append([x, y])
    return np.array(kept)


def smooth(line: Points) -> Points:
    """Replace a stroke by the page's curve, as short straight pieces.

    Quadratic curves between the middles of neighbouring points, with the points as control points.
    Source: `trace` in web/static/js/pad/curve.js.
    """
    if len(line) < 3:
        return line
    inner, ends = line[1:-1], (line[1:-1] + line[2:]) / 2
    starts = np.concatenate([line[:1], ends[:-1]])
    t = (np.arange(1, CURVE_PIECES + 1) / CURVE_PIECES)[None, :, None]
    curves = (1 - t) ** 2 * starts[:, None] + 2 * t * (1 - t) * inner[:, None] + t**2 * ends[:, None]
    return np.concatenate([line[:1], curves.reshape(-1, 2), line[-1:]])


def _extent(lines: Sequence[Points]) -> Points:
    """Width and height of the box of all points."""
    points = np.concatenate(lines)
    extent: Points = points.max(axis=0) - points.min(axis=0)
    return extent


def _scale(lines: Sequence[Points], longer_side_px: float, pen_px: float) -> float:
    longest = float(_extent(lines).max())
    return max(longer_side_px - pen_px, 0.0) / longest if longest > 0 else 0.0


def draw_line(pen: ImageDraw.ImageDraw, line: Points, width: float, level: int) -> None:
    """Draw one line with a round pen, in pixels of the picture and with a grey level."""
    radius = width / 2
    if len(line) > 1:
        pen.line(line.ravel().tolist(), fill=level, width=max(1, round(width)))
    # Pillow's lines have neither round ends nor joints, so each point gets a disc.
    for x, y in line.tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=level)


def enlarged(picture: Pixels, height: int, width: int) -> Pixels:
    """Scale a (H, W) picture, uint8 or float32, by bicubic interpolation."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def to_bytes(levels: npt.NDArray[np.floating[Any]]) -> Bytes:
    """Round grey levels to uint8, limited to 0..255."""
    pixels: Bytes = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return pixels
