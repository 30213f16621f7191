"""Where touching digits may be cut: paths from top to bottom that cross little ink.

The classical over-segmentation: many slanted lines across a connected part,
each free to bend a little around the ink, and of these the cheapest that are
not each other's neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Floats, Integers

SLANTS = (-0.3, 0.0, 0.3, 0.6)  # tangents; handwriting leans to the right
STARTS_PER_HEIGHT = 16
BEND = 0.12  # how far a path may leave its line, in parts of the height
BEND_COST = 0.1  # for each px sideways, in px of ink
# More than two strokes and a half (a zero's top and bottom are two) are no border between digits.
MAX_CROSSING = 2.5
# Between neighbouring cuts lies at least the ink of an upright stroke of this height, in parts of the whole:
# the soft edge of a stroke, enlarged, would look like a one.
MIN_STROKE_HEIGHT = 0.35
MAX_SEAMS = 24


@dataclass(frozen=True)
class Seam:
    """A cut: for each row the first column on its right, and the ink that it crosses in stroke widths."""

    columns: Integers
    crossing: float
    runs: int


def find(ink: Floats, stroke_px: float) -> list[Seam]:
    """Cuts through one connected part, from left to right.

    ink: (H, W) float32, 0 to 1.  Neighbouring cuts have some ink between them.
    """
    lines, costs = _cheapest_paths(ink)
    least_ink = MIN_STROKE_HEIGHT * len(ink) * stroke_px
    before = np.concatenate([np.zeros((len(ink), 1)), np.cumsum(ink, axis=1, dtype=np.float64)], axis=1)
    rows, total = np.arange(len(ink)), float(ink.sum())
    chosen: list[Integers] = []
    left_ink: list[float] = [0.0, total]
    seams: list[tuple[float, Seam]] = []
    for index in np.argsort(costs, kind="stable"):
        columns = lines[index]
        crossed = np.take_along_axis(ink, np.clip(columns, 0, ink.shape[1] - 1)[:, None], axis=1)[:, 0]
        crossed = np.where((columns >= 0) & (columns < ink.shape[1]), crossed, 0)
        # A path that crosses a stroke at a slant is longer than its rows.
        crossed = crossed * np.hypot(1, _slope(columns))
        crossing = float(crossed.sum()) / stroke_px
        if crossing > MAX_CROSSING or len(seams) == MAX_SEAMS:
            break
        left = float(before[rows, np.clip(columns, 0, ink.shape[1])].sum())
        if min(abs(left - other) for other in left_ink) < least_ink:
            continue
        left_ink.append(left)
        chosen.append(columns)
        solid = np.concatenate([[False], crossed > 0.3])
        seams.append((left, Seam(columns, crossing, int((solid[1:] & ~solid[:-1]).sum()))))
    return [seam for _, seam in sorted(seams, key=lambda each: each[0])]


def _slope(columns: Integers) -> npt.NDArray[np.float64]:
    """Columns that a path moves by in each row; one row alone has no direction."""
    return np.gradient(columns) if len(columns) > 1 else np.zeros(len(columns))


def split(ink: Floats, seams: list[Seam]) -> list[Floats]:
    """The ink between neighbouring seams, len(seams) + 1 pictures of the same shape."""
    # Where two paths cross, each row keeps its own order.
    columns = np.sort(np.stack([seam.columns for seam in seams]), axis=0)
    part = (np.arange(ink.shape[1])[None, None] >= columns[:, :, None]).sum(axis=0)
    return [np.where(part == number, ink, np.float32(0)) for number in range(len(seams) + 1)]


def _cheapest_paths(ink: Floats) -> tuple[Integers, Floats]:
    """(N, H) columns of the cheapest path near each line, and the (N,) ink crossed with bends counted."""
    height, width = ink.shape
    reach = max(1, round(BEND * height))
    starts = np.arange(0, width, max(1, round(height / STARTS_PER_HEIGHT)))
    slants, middles = (grid.ravel() for grid in np.meshgrid(SLANTS, starts))
    rows = np.arange(height)
    base = np.rint(middles[:, None] - slants[:, None] * (rows - height / 2)).astype(np.int64)  # (N, H)
    padded = np.pad(ink, ((0, 0), (1, 1)))
    offsets = np.arange(-reach, reach + 1)
    total = np.zeros((len(base), len(offsets)), np.float32)
    steps = np.empty((height, *total.shape), np.int8)
    for row in rows:
        columns = np.clip(base[:, row, None] + offsets + 1, 0, width + 1)
        if row:
            total, steps[row] = _best_step(total)
        total = total + padded[row, columns]
    total *= np.hypot(1, slants).astype(np.float32)[:, None]
    best = total.argmin(axis=1)
    costs = total[np.arange(len(base)), best]
    paths = np.empty((len(base), height), np.int64)
    every = np.arange(len(base))
    for row in rows[::-1]:
        paths[:, row] = base[:, row] + offsets[best]
        if row:
            best = best + steps[row, every, best]
    return paths, costs


def _best_step(total: Floats) -> tuple[Floats, npt.NDArray[np.int8]]:
    """For each place the cheapest of the three above it, and which: -1, 0, 1."""
    far = np.full((len(total), 1), np.inf, np.float32)
    choices = np.stack(
        [
            np.concatenate([far, total[:, :-1]], axis=1) + np.float32(BEND_COST),
            total,
            np.concatenate([total[:, 1:], far], axis=1) + np.float32(BEND_COST),
        ]
    )
    # Straight on wins a tie.
    order = np.array([1, 0, 2])
    step = order[choices[order].argmin(axis=0)]
    return np.take_along_axis(choices, step[None], axis=0)[0], (step - 1).astype(np.int8)
