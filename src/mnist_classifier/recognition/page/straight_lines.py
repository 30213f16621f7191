"""Straight lines in ink, and taking them away without the strokes that cross them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mnist_classifier.core.arrays import Doubles, Floats, Integers, Mask
from mnist_classifier.recognition.imaging.components import runs, stroke_width

# Lines may be rotated by up to 12 degrees, which are tried in steps of 1 degree.
STEEPEST, SLOPE_STEP = 0.21, 0.0175
# Where nothing crosses a line, its ink in a column is at most so many stroke widths tall.
THICKEST = 1.7
# The mean distance between a line and the straight line fitted to it is at most this share of its thickness and 1 px.
STRAIGHT = 0.45
# Nothing crosses a line along at least this share of its length.
LEAST_ALONE = 0.25
# Smaller gaps do not end a line, px.
MAX_GAP_PX = 2
# Limits on the time that a picture of noise takes: lines that are not straight, and the longest runs along each slope.
MAX_FAILED, MAX_WAYS = 24, 500
# The thickness of a line varies by this factor, and its soft edges are so wide, px.
THICKNESS_VARIES, SOFT_EDGE_PX = 1.3, 1.5
# A stroke this wide, px, is wide enough to find lines in; wider ones are reduced.
SEARCH_STROKE_PX = 3


@dataclass(frozen=True, eq=False)
class StraightLine:
    """A nearly straight line of ink, from column `left` to `right` (exclusive).

    Its row is about offset + slope * column.  centres: (right - left,) its
    exact rows.  thickness: px.
    """

    left: int
    right: int
    slope: float
    offset: float
    thickness: float
    centres: Doubles

    @property
    def columns(self) -> Integers:
        """(right - left,) the columns of the line."""
        return np.arange(self.left, self.right)

    def rows_beside(self, distance: float, height: int) -> Integers:
        """(right - left,) rows at a distance below the line (above if negative), inside a picture of this height."""
        return np.rint(self.centres + distance).astype(np.int64).clip(0, height - 1)

    def from_column(self, left: int) -> StraightLine:
        """The part of the line from a column on."""
        skipped = min(max(0, left - self.left), self.right - self.left - 1)
        return replace(self, left=self.left + skipped, centres=self.centres[skipped:])

    def is_near(self, other: StraightLine, distance: float) -> bool:
        """Whether the line and another run beside each other at less than this distance."""
        first, last = max(self.left, other.left), min(self.right, other.right) - 1
        gaps = [self.offset + self.slope * c - other.offset - other.slope * c for c in (first, last)]
        return last >= first and min(map(abs, gaps)) <= distance


class _Way(NamedTuple):
    """A straight way through ink: columns, slope, and its row at column 0."""

    left: int
    right: int
    slope: float
    offset: float

    def is_along(self, other: StraightLine | _Way, distance: float) -> bool:
        """Whether all of this way is at most so far from a longer way or line."""
        if self.left < other.left - distance or self.right > other.right + distance:
            return False
        slope, offset = self.slope - other.slope, self.offset - other.offset
        return max(abs(offset + slope * self.left), abs(offset + slope * self.right)) <= distance


class _ColumnRuns(NamedTuple):
    """(H, W) each pixel's run of ink in its column: its length, 0 without ink, and its middle row."""

    lengths: Integers
    middles: Doubles


def find_straight_lines(mask: Mask, shortest: float, most: int, steepest: float = STEEPEST) -> list[StraightLine]:
    """Find up to `most` lines across a (H, W) mask, the longest first.

    shortest: length in px.  steepest: the largest slope.
    """
    # Numbers have gaps between their digits; lines have none.
    starts, ends = runs(np.asarray(mask.any(axis=0))[None])
    if (ends - starts).max(initial=0) < shortest - MAX_GAP_PX:
        return []
    stroke_px = stroke_width(mask)
    column_runs = _column_runs(mask)
    lines: list[StraightLine] = []
    failed: list[_Way] = []
    # Ways that lead to lines that are found already.
    known: list[_Way] = []
    thicker_px = max(1, int(stroke_px / SEARCH_STROKE_PX))
    for way in _straight_ways(mask, stroke_px, shortest, steepest):
        if len(lines) == most or len(failed) == MAX_FAILED:
            break
        if any(way.is_along(other, stroke_px) for other in (*failed, *known)):
            continue
        # The search makes lines thicker.
        if any(way.is_along(other, stroke_px + thicker_px) for other in lines):
            continue
        line = _fitted(mask, column_runs, stroke_px, way, steepest)
        if line is None:
            failed.append(way)
        elif any(line.is_near(other, stroke_px) for other in lines):
            known.append(way)
        else:
            lines.append(line)
    return lines


def without_line(ink: Floats, line: StraightLine) -> Floats:
    """Take a line away from (H, W) ink; strokes that cross it, touch it or lie along it stay."""
    half = 0.5 * line.thickness + SOFT_EDGE_PX
    reach = int(half + 0.5 * line.thickness) + 1
    offsets = np.arange(-reach, reach + 1)[:, None]
    rows = np.rint(line.centres).astype(np.int64) + offsets
    band = ink[rows.clip(0, len(ink) - 1), line.columns] * ((rows >= 0) & (rows < len(ink)))
    inked = band >= 0.5 * float(np.median(band[reach]))
    # The length of the run of ink through the line: more than its thickness where a stroke touches it.
    down, up = (np.logical_and.accumulate(part).sum(axis=0) for part in (inked[reach:], inked[reach::-1]))
    is_alone = down + up - 1 <= THICKNESS_VARIES * line.thickness + SOFT_EDGE_PX
    is_line = is_alone & (rows >= 0) & (rows < len(ink)) & (np.abs(rows - line.centres) <= half)
    rest = ink.copy()
    rest[rows[is_line], np.broadcast_to(line.columns, rows.shape)[is_line]] = 0
    return rest


def draw_lines(lines: Sequence[StraightLine], shape: tuple[int, int]) -> Mask:
    """A (H, W) mask of lines alone."""
    drawn = np.zeros(shape, np.bool_)
    for line in lines:
        for distance in np.arange(-int(line.thickness / 2), int(line.thickness / 2) + 1):
            drawn[line.rows_beside(float(distance), shape[0]), line.columns] = True
    return drawn


def _column_runs(mask: Mask) -> _ColumnRuns:
    turned = np.ascontiguousarray(mask.T)
    starts, ends = runs(turned)
    counts = ends - starts
    lengths, middles = np.zeros(turned.shape, np.int64), np.zeros(turned.shape)
    lengths[turned] = np.repeat(counts, counts)
    middles[turned] = np.repeat(starts % (turned.shape[1] + 2) + (counts - 1) / 2, counts)
    return _ColumnRuns(lengths.T, middles.T)


def _straight_ways(mask: Mask, stroke_px: float, shortest: float, steepest: float) -> list[_Way]:
    """The straight ways through ink, the longest first; of two equally long ones, the more level one."""
    factor = max(1, int(stroke_px / SEARCH_STROKE_PX))
    small = mask[: len(mask) // factor * factor, : mask.shape[1] // factor * factor]
    small = small.reshape(len(small) // factor, factor, -1, factor).mean(axis=(1, 3)) >= 0.3
    if min(small.shape) < 1:
        return []
    # Taller lines stay in one row of a sheared mask although slopes are tried in steps.
    small = np.pad(small, ((1, 1), (0, 0)))
    small = small[:-2] | small[1:-1] | small[2:]
    rows, columns = np.nonzero(small)
    found = [
        way
        for slope in np.arange(-steepest, steepest + 1e-9, SLOPE_STEP).tolist()
        for way in _ways_along(small, (rows, columns), slope, shortest / factor)
    ]
    middle = (factor - 1) / 2
    return [
        _Way(left * factor, right * factor, slope, offset * factor + middle - slope * middle)
        for left, right, slope, offset in sorted(found, key=lambda way: (way.left - way.right, abs(way.slope)))
    ]


def _ways_along(mask: Mask, inked: tuple[Integers, Integers], slope: float, shortest: float) -> list[_Way]:
    """Runs of ink along one slope: the columns of the mask are moved up, so that they become rows.

    inked: rows and columns of its ink.
    """
    height, width = mask.shape
    rises = np.rint(slope * (np.arange(width) - width / 2)).astype(np.int64)
    reach = int(np.abs(rises).max())
    padded = np.pad(mask, ((reach, reach), (0, 0)))
    # Row r of the sheared mask is row r - reach of the picture in its middle column.
    counts = np.bincount(inked[0] - rises[inked[1]] + reach, minlength=height + 2 * reach)
    # Only rows with enough ink can have a long run.
    candidates = np.flatnonzero(counts >= shortest)
    rows = candidates[:, None] + rises
    inside = (rows >= 0) & (rows < len(padded))
    sheared = padded[rows.clip(0, len(padded) - 1), np.arange(width)] & inside
    starts, ends = runs(sheared)
    long = np.flatnonzero(ends - starts >= shortest)
    long = long[np.argsort((starts - ends)[long], kind="stable")[:MAX_WAYS]]
    nth, lefts = np.divmod(starts[long], width + 2)
    offsets = candidates[nth] - reach - slope * width / 2
    return [
        _Way(left, left + length, slope, offset)
        for left, length, offset in zip(lefts.tolist(), (ends - starts)[long].tolist(), offsets.tolist(), strict=True)
    ]


def _fitted(mask: Mask, column_runs: _ColumnRuns, stroke_px: float, way: _Way, steepest: float) -> StraightLine | None:
    """The line fitted to the columns where nothing crosses it; None if there are few, or it is not straight."""
    left, right, slope, offset = way
    # The search is too coarse to tell on which row the ink is.
    reach = 1 + max(1, int(stroke_px / SEARCH_STROKE_PX))
    thickest = THICKEST * stroke_px + 1
    for _ in range(3):
        columns, lengths, middles = _along(mask, column_runs, left, right, slope, offset, reach)
        alone = (lengths > 0) & (lengths <= thickest)
        if alone.sum() < max(3, LEAST_ALONE * len(columns)):
            return None
        thickness = float(np.quantile(lengths[alone], 0.3))
        thickest = THICKNESS_VARIES * thickness + 1
        alone &= lengths <= thickest
        slope, offset = _fit(columns[alone], middles[alone])
        is_near = alone & (np.abs(middles - offset - slope * columns) <= thickness)
        if is_near.sum() >= 3:
            slope, offset = _fit(columns[is_near], middles[is_near])
        left, right = _extended(mask, left, right, slope, offset, MAX_GAP_PX)
    columns, lengths, middles = _along(mask, column_runs, left, right, slope, offset, reach)
    alone = (lengths > 0) & (lengths <= thickest)
    if alone.sum() < LEAST_ALONE * len(columns):
        return None
    away = (middles - offset - slope * columns)[alone]
    if abs(slope) > steepest + SLOPE_STEP or float(np.abs(away).mean()) > STRAIGHT * (thickness + 1):
        return None
    most_away = 0.75 * thickness + 1
    centres = offset + slope * columns + np.interp(columns, columns[alone], away.clip(-most_away, most_away))
    return StraightLine(left, right, slope, offset, thickness, centres)


def _along(
    mask: Mask, column_runs: _ColumnRuns, left: int, right: int, slope: float, offset: float, reach: int
) -> tuple[Integers, Integers, Doubles]:
    """Columns from left to right, and the length and middle of the run of ink at most `reach` px beside the line."""
    columns = np.arange(left, min(right, mask.shape[1]))
    distances = np.array(sorted(range(-reach, reach + 1), key=abs))[:, None]
    beside = (np.rint(offset + slope * columns).astype(np.int64) + distances).clip(0, len(mask) - 1)
    inked = mask[beside, columns]
    inked[-1] = True  # a column without ink takes the last row
    rows = beside[inked.argmax(axis=0), np.arange(len(columns))]
    return columns, column_runs.lengths[rows, columns], column_runs.middles[rows, columns]


def _extended(mask: Mask, left: int, right: int, slope: float, offset: float, gap: float) -> tuple[int, int]:
    """The ends of the ink along a line that contains left to right; gaps of so many px are passed."""
    columns = np.arange(mask.shape[1])
    rows = np.rint(offset + slope * columns).astype(np.int64)
    inked = np.zeros(len(columns), np.bool_)
    for beside in (-1, 0, 1):
        inked |= mask[(rows + beside).clip(0, len(mask) - 1), columns] & (rows >= -1) & (rows <= len(mask))
    inked[left:right] = True
    places = np.flatnonzero(inked)
    breaks = np.flatnonzero(np.diff(places) > gap + 1)
    before, after = breaks[places[breaks] < left], breaks[places[breaks] >= right - 1]
    first = places[before[-1] + 1] if len(before) else places[0]
    last = places[after[0]] if len(after) else places[-1]
    return int(first), int(last) + 1


def _fit(columns: Integers, rows: Doubles) -> tuple[float, float]:
    """Slope and offset of the straight line through points (least squares)."""
    mean_column, mean_row = float(columns.mean()), float(rows.mean())
    spread = float(((columns - mean_column) ** 2).sum())
    slope = float(((columns - mean_column) * (rows - mean_row)).sum()) / spread if spread else 0.0
    return slope, mean_row - slope * mean_column
