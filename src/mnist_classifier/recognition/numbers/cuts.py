"""Find cuts between touching digits: paths from top to bottom that cross little ink.

Try many slanted lines through a connected component, let each bend a little
around the ink, and choose the cheapest paths that have some ink between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Floats, Integers

SLANTS = (-0.3, 0.0, 0.3, 0.6)  # tangents; handwriting leans to the right
STARTS_PER_HEIGHT = 16  # a line starts at every 1/16 of the height, from left to right
BEND = 0.12  # how far a path may leave its line, as a share of the height
BEND_COST = 0.1  # px of ink for each px sideways
# The most ink that a cut may cross, in stroke widths.  A cut through a zero crosses two strokes.
MAX_CROSSING = 2.5
# Between neighbouring cuts there is at least as much ink as in an upright stroke of this share of the height.
# Otherwise the soft edge of a stroke, enlarged, would look like a one.
MIN_STROKE_HEIGHT = 0.35
MAX_CUTS = 24
SOLID_INK = 0.3  # fainter pixels do not count as a stroke that a cut crosses


@dataclass(frozen=True)
class Cut:
    """A path from top to bottom.

    columns: (H,) the first column to the right of the cut in each row.
    crossing: the ink that it crosses, in stroke widths.  runs: how many strokes it crosses.
    """

    columns: Integers
    crossing: float
    runs: int


def find_cuts(ink: Floats, stroke_px: float) -> list[Cut]:
    """Find cuts through one connected component, from left to right.

    ink: (H, W) float32, 0 to 1.
    """
    paths, costs = _cheapest_paths(ink)
    least_ink = MIN_STROKE_HEIGHT * len(ink) * stroke_px
    # (H, W + 1): the ink of each row to the left of each column.
    ink_before = np.concatenate([np.zeros((len(ink), 1)), np.cumsum(ink, axis=1, dtype=np.float64)], axis=1)
    rows, total = np.arange(len(ink)), float(ink.sum())
    left_ink: list[float] = [0.0, total]  # ink to the left of each cut, and of both ends
    cuts: list[tuple[float, Cut]] = []
    order = np.argsort(costs, kind="stable")
    paths = paths[order]
    crossed = _crossed(ink, paths)
    crossings = (crossed.sum(axis=1) / stroke_px).tolist()
    lefts = ink_before[rows, np.clip(paths, 0, ink.shape[1])].sum(axis=1).tolist()
    for columns, inked, crossing, left in zip(paths, crossed, crossings, lefts, strict=True):
        if crossing > MAX_CROSSING or len(cuts) == MAX_CUTS:
            break
        if min(abs(left - other) for other in left_ink) < least_ink:
            continue
        left_ink.append(left)
        solid = np.concatenate([[False], inked > SOLID_INK])
        cuts.append((left, Cut(columns, crossing, int((solid[1:] & ~solid[:-1]).sum()))))
    return [cut for _, cut in sorted(cuts, key=lambda each: each[0])]


def _crossed(ink: Floats, paths: Integers) -> npt.NDArray[np.float64]:
    """(N, H) the ink that each path crosses in each row; a slanted path is longer than its number of rows."""
    crossed = ink[np.arange(len(ink)), np.clip(paths, 0, ink.shape[1] - 1)]
    crossed = np.where((paths >= 0) & (paths < ink.shape[1]), crossed, 0)
    slopes = np.gradient(paths, axis=1) if len(ink) > 1 else np.zeros(paths.shape)
    return np.asarray(crossed * np.hypot(1, slopes), np.float64)


def split(ink: Floats, cuts: list[Cut]) -> list[Floats]:
    """Divide (H, W) ink at the cuts: len(cuts) + 1 pictures of the same shape."""
    # Paths may cross, so the columns are sorted row by row.
    columns = np.sort(np.stack([cut.columns for cut in cuts]), axis=0)
    part = (np.arange(ink.shape[1])[None, None] >= columns[:, :, None]).sum(axis=0)
    return [np.where(part == number, ink, np.float32(0)) for number in range(len(cuts) + 1)]


def _cheapest_paths(ink: Floats) -> tuple[Integers, Floats]:
    """Find the cheapest path near each slanted line, by dynamic programming.

    Returns the (N, H) columns of the paths and their (N,) costs, in px of ink.
    """
    height, width = ink.shape
    reach = max(1, round(BEND * height))
    starts = np.arange(0, width, max(1, round(height / STARTS_PER_HEIGHT)))
    slants, middles = (grid.ravel() for grid in np.meshgrid(SLANTS, starts))
    rows = np.arange(height)
    base = np.rint(middles[:, None] - slants[:, None] * (rows - height / 2)).astype(np.int64)  # (N, H)
    # Row by row: `total` is the cost of the best path to each offset from the line, `steps` where that path came from.
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
    # Follow the steps back from the cheapest end.
    best = total.argmin(axis=1)
    every = np.arange(len(base))
    costs = total[every, best]
    paths = np.empty((len(base), height), np.int64)
    for row in rows[::-1]:
        paths[:, row] = base[:, row] + offsets[best]
        if row:
            best = best + steps[row, every, best]
    return paths, costs


def _best_step(total: Floats) -> tuple[Floats, npt.NDArray[np.int8]]:
    """For each position, the cheapest of the three above it, and which one: -1, 0 or 1."""
    dearer = total + np.float32(BEND_COST)
    best, step = total.copy(), np.zeros(total.shape, np.int8)
    # Going straight wins a tie.
    for target, source, way in ((np.s_[:, 1:], np.s_[:, :-1], -1), (np.s_[:, :-1], np.s_[:, 1:], 1)):
        is_cheaper = dearer[source] < best[target]
        np.copyto(best[target], dearer[source], where=is_cheaper)
        step[target][is_cheaper] = way
    return best, step
