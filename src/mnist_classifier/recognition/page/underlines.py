"""Lines along numbers: underlines and strike-throughs."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes, Floats, Integers, Mask
from mnist_classifier.core.records import Caution
from mnist_classifier.recognition.imaging.background import Extent, extent_of
from mnist_classifier.recognition.imaging.components import label, stroke_width
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.page.straight_lines import (
    STEEPEST,
    StraightLine,
    find_straight_lines,
    without_line,
)

# A line along a number is at least as long as its digits are tall; the line under a single digit is at least this
# long, and longer than the digit is wide, by this share on either side.
SHORTEST, SHORTEST_ALONE, LONGER = 1.0, 0.5, 0.1
MAX_LINES = 12
# Lines along lower digits are not searched: a picture of dots has millions that are as long as its dots are tall.
LEAST_HEIGHT_PX = 6
# A number that is wider than this, in heights, may be struck through diagonally, along this share of its width.
LEAST_WIDTH, LEAST_DIAGONAL, STEEPEST_DIAGONAL = 1.3, 0.9, 1.0
# Ink is at least this share of full ink.
INKED = 0.5
# Shares of a line's columns.  An underline has digits above it at this share, and almost nothing far below it.
LEAST_ABOVE, MOST_BELOW = 0.2, 0.1
# Digits cross a strike-through, and reach this far beyond it on both sides, in heights.
LEAST_BESIDE, LEAST_CROSSED, DEEP = 0.2, 0.04, 0.2
# A line apart from the digits touches at most this share.
MOST_TOUCHED = 0.02
# A strike-through reaches over the digits, within this share of their height.
OVERSHOOT = 0.15
# The line under a single digit: its height, as a share of the drawing's; its length, in heights; the level of ink.
FLATTEST, LEAST_ASPECT, LEAST_INK = 0.15, 4.0, 8
IS_INK = bytes(level >= LEAST_INK for level in range(256))

STRUCK_THROUGH = Caution("struck_through", "the number is struck through: it may not count")


@dataclass(frozen=True, eq=False)
class Interpretations:
    """What the ink of a number may be.

    inks: (H, W) float32, 0 to 1, with and without lines that may be strokes of
    digits.  warnings: that the number is struck through, if it is.
    """

    inks: tuple[Floats, ...]
    warnings: tuple[Caution, ...] = ()


class _Kind(enum.Enum):
    UNDERLINE = enum.auto()
    STRIKE_THROUGH = enum.auto()


def interpretations(ink: Floats, height: float) -> Interpretations:
    """Take away the lines along a number.

    ink: (H, W) float32, 0 to 1.  height: of the digits, px.  Lines that touch
    no digit are taken away; for others, there are inks with and without them.
    """
    if height < LEAST_HEIGHT_PX:
        return Interpretations((ink,))
    mask = ink >= INKED
    inks = [ink]
    is_struck = _is_struck_diagonally(mask, height)
    lines = find_straight_lines(mask, SHORTEST_ALONE * height, MAX_LINES)
    stroke_px = stroke_width(mask) if lines else 0.0
    # The lower line of a double underline goes first, or there is ink below the upper one.
    for line in sorted(lines, key=lambda line: -float(line.centres.mean())):
        kind = _kind_of(line, mask, height, stroke_px)
        if kind is _Kind.STRIKE_THROUGH:
            is_struck = True
        elif kind is _Kind.UNDERLINE:
            inks = _without_underline(inks, line, mask)
            mask = without_line(mask.astype(np.float32), line) > 0
            stroke_px = stroke_width(mask) if mask.any() else stroke_px
    return Interpretations(tuple(inks), (STRUCK_THROUGH,) if is_struck else ())


def _is_struck_diagonally(mask: Mask, height: float) -> bool:
    """Whether a line runs from one end of a number to the other: no digit is as wide."""
    columns = np.flatnonzero(mask.any(axis=0))
    width = int(columns[-1] - columns[0]) + 1 if len(columns) else 0
    rows = np.flatnonzero(mask.any(axis=1))
    if width < LEAST_WIDTH * height or rows[-1] - rows[0] > 2 * height:
        return False
    lines = find_straight_lines(mask, LEAST_DIAGONAL * width, 2, STEEPEST_DIAGONAL)
    return any(abs(line.slope) > STEEPEST for line in lines)


def _without_underline(inks: list[Floats], line: StraightLine, mask: Mask) -> list[Floats]:
    if _is_apart(mask, line):
        return [without_line(each, line) for each in inks]
    return [*inks, without_line(inks[-1], line), _between_digits(inks[-1], line)]


def _kind_of(line: StraightLine, mask: Mask, height: float, stroke_px: float) -> _Kind | None:
    """What a line is; None for a stroke of a digit."""
    reach = round(0.5 * line.thickness + 1 + 0.5 * stroke_px)
    distances = np.arange(max(reach, round(DEEP * height)), round(height) + reach)
    above, below = (_share(mask, line, side * distances) for side in (-1, 1))
    near_above, near_below = (_share(mask, line, np.array([side * reach])) for side in (-1, 1))
    inked = _inked_columns(line, mask, height, reach)
    if len(inked) == 0:
        return _Kind.UNDERLINE
    is_short = line.right - line.left < SHORTEST * height
    margin = OVERSHOOT * height
    reaches_over = line.left <= inked[0] + margin and line.right >= inked[-1] - margin
    if min(above, below) >= LEAST_BESIDE and min(near_above, near_below) > LEAST_CROSSED:
        return _Kind.STRIKE_THROUGH if reaches_over and not is_short else None
    is_below_all = not mask[int(line.centres.max()) + reach :].any() and mask[: int(line.centres.min()) - reach].any()
    if reaches_over and is_below_all and not is_short and _is_apart(mask, line):
        return _Kind.UNDERLINE
    if is_short and not _is_longer(line, inked):
        return None
    if not _is_apart(mask, line) and _is_foot(mask, line, height):
        return None
    return _Kind.UNDERLINE if above >= LEAST_ABOVE and below <= MOST_BELOW else None


def _is_longer(line: StraightLine, inked: Integers) -> bool:
    """Whether a line is longer on both sides than the digit above it."""
    near = inked[(inked >= line.left) & (inked < line.right)]
    margin = LONGER * (line.right - line.left)
    return len(near) == len(inked) and line.left + margin <= near[0] and near[-1] <= line.right - margin


def _is_foot(mask: Mask, line: StraightLine, height: float) -> bool:
    """Whether one digit stands on a line, and there are others beside it that have no such line."""
    middle, margin = float(line.centres.mean()), OVERSHOOT * height
    above = np.asarray(mask[max(0, round(middle - height)) : max(0, round(middle - DEEP * height))].any(axis=0))
    near = np.flatnonzero(above[line.left : line.right])
    is_one = len(near) > 0 and not (np.diff(near) > 1).any() and len(near) <= LEAST_WIDTH * height
    beside = above[: max(0, round(line.left - margin))], above[round(line.right + margin) :]
    return is_one and any(bool(side.any()) for side in beside)


def _inked_columns(line: StraightLine, mask: Mask, height: float, reach: int) -> Integers:
    """The columns of the other ink at most a digit's height beside a line."""
    other = mask.copy()
    for distance in range(-reach, reach + 1):
        other[line.rows_beside(distance, len(mask)), line.columns] = False
    top, bottom = max(0, int(line.centres.min() - height)), int(line.centres.max() + height)
    return np.flatnonzero(other[top:bottom].any(axis=0))


def _share(mask: Mask, line: StraightLine, distances: Integers) -> float:
    """The share of a line's columns with ink at one of these distances below it."""
    rows = np.rint(line.centres).astype(np.int64) + distances[:, None]
    inside = (rows >= 0) & (rows < len(mask))
    return float((mask[rows.clip(0, len(mask) - 1), line.columns] & inside).any(axis=0).mean())


def _is_apart(mask: Mask, line: StraightLine) -> bool:
    """Whether a line touches nothing else."""
    half = 0.5 * line.thickness + 3
    return all(
        float(mask[line.rows_beside(side * half, len(mask)), line.columns].mean()) < MOST_TOUCHED for side in (-1, 1)
    )


def _standing_on(line: StraightLine, ink: Floats, level: float, distance: float) -> tuple[Integers, Integers]:
    """(H, W) labels of ink without a line, and the labels of what is this far above it."""
    labels, _ = label(ink >= level)
    standing = np.unique(labels[line.rows_beside(-distance, len(ink)), line.columns])
    return labels.astype(np.int64), standing[standing > 0].astype(np.int64)


def _between_digits(ink: Floats, line: StraightLine) -> Floats:
    """Take a line away except under a digit, whose foot may lie on it."""
    rest = without_line(ink, line)
    labels, standing = _standing_on(line, rest, BOX_LEVEL, 0.5 * line.thickness + 2)
    touching = np.zeros(ink.shape[1], np.bool_)
    for number in standing.tolist():
        columns = np.flatnonzero((labels == number).any(axis=0))
        touching[columns[0] : columns[-1] + 1] = True
    return np.where(touching, ink, rest).astype(np.float32)


def without_line_below(levels: Bytes, extent: Extent) -> tuple[Bytes, Extent]:
    """A drawing of one digit without the lines under it, if they touch it nowhere.

    levels: (H, W) uint8 ink.  Takes microseconds for a digit without a gap above its lowest ink.
    """
    inked = extent.rows.tobytes().translate(IS_INK)
    top, bottom = inked.find(1), inked.rfind(1) + 1
    start = inked.rfind(0, top, bottom) + 1
    if start == 0 or bottom - start > FLATTEST * (bottom - top):
        return levels, extent
    digit, line = (np.flatnonzero(rows.max(axis=0) >= LEAST_INK) for rows in (levels[top:start], levels[start:bottom]))
    is_line = len(line) >= max(LEAST_ASPECT * (bottom - start), line[-1] - line[0])
    if not is_line or line[0] > digit[0] or line[-1] < digit[-1]:
        return levels, extent
    rest = levels.copy()
    rest[start:] = 0
    return without_line_below(rest, extent_of(rest))
