"""Frames of straight lines: boxes, tables, and tables without an outer frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Floats, Integers, Mask
from mnist_classifier.recognition.imaging.components import boxes_of, label
from mnist_classifier.recognition.imaging.filters import dilate
from mnist_classifier.recognition.page.straight_lines import (
    StraightLine,
    draw_lines,
    find_straight_lines,
    without_line,
)

# The lines of a frame reach over this share of it; the inner lines of a table, of its smallest cell.
LEAST_OF_FRAME, LEAST_OF_CELL = 0.6, 0.9
# Lines end at each other, within so many px; the outer ones within this share of their length.
NEAR_PX, END_NEAR = 3, 0.12
# The distances between the lines of a row of boxes are alike within this factor.
REGULAR = 1.35
# Inner lines are at most so many times as thick as the outer ones, and their slopes differ by at most so much.
ALIKE, NOT_PARALLEL = 1.5, 0.035
MAX_LINES = 64
# Half the side of the square that is inked where lines meet, in thicknesses.
CORNER = 0.25
# A hole is a cell if both of its sides are at least this share of the usual side.
LEAST_CELL = 0.35


@dataclass(frozen=True, eq=False)
class Frame:
    """Straight lines across and down that enclose cells.

    rest: (H, W) the component's ink without them.  cells: (N, 4) the bounding
    boxes of the cells: top, bottom, left, right.  slope: of the lines across.
    is_closed: its four corners are inked, unlike those of a square 0.
    """

    rest: Floats
    cells: Integers
    slope: float
    is_closed: bool


def find_frame(part: Floats, own: Mask) -> Frame | None:
    """The frame that a component is, or that digits touch; None if it is none.

    part: (H, W) ink of the component, whose mask is `own`; both fit it tightly.
    """
    height, width = own.shape
    across, down = _lines(own, LEAST_OF_FRAME * width, LEAST_OF_FRAME * height)
    if len(across) < 2 or len(down) < 2:
        return None
    cells = _cells(across, down, own.shape)
    if len(cells) == 0:
        return None
    # Cells of a table may be merged, so that its lines do not reach over all of it.
    smallest = (cells[:, [1, 3]] - cells[:, [0, 2]]).min(axis=0)
    more_across, more_down = _lines(own, LEAST_OF_CELL * smallest[1], LEAST_OF_CELL * smallest[0])
    across, down = (
        _with_inner(across, more_across if len(down) > 2 else [], down),
        _with_inner(down, more_down if len(across) > 2 else [], across),
    )
    cells = _cells(across, down, own.shape)
    slope = float(np.median([line.slope for line in across] + [-line.slope for line in down]))
    return Frame(_erased(part, across, down), cells, slope, _is_closed(own, across, down))


def _lines(own: Mask, across_px: float, down_px: float) -> tuple[list[StraightLine], list[StraightLine]]:
    """Lines across and down (of the transposed mask), from the first, that enclose cells."""
    found = find_straight_lines(own, across_px, MAX_LINES)
    if len(found) < 2:
        return found, []  # most digits, after half of the work
    turned = np.ascontiguousarray(own.T)
    across, down = (
        sorted(each, key=lambda line: float(line.centres.mean()))
        for each in (found, find_straight_lines(turned, down_px, MAX_LINES))
    )
    outer = [line for each in (across, down) for line in (each[:1] + each[1:][-1:])]
    thickest = ALIKE * float(np.median([line.thickness for line in outer])) + 1 if outer else 0.0
    return (_enclosing(across, down, thickest), _enclosing(down, across, thickest))


def _enclosing(lines: list[StraightLine], others: list[StraightLine], thickest: float) -> list[StraightLine]:
    """The lines without the strokes of digits: inner lines are as thick and as steep as the outer ones."""
    if len(lines) < 2 or len(others) < 2:
        return lines
    first, last = lines[0], lines[-1]
    # Corners of a frame that is drawn by hand may be open.
    outer = [line for line in (first, last) if _ends_at(line, others, END_NEAR)]
    slopes = sorted([first.slope, last.slope])
    inner = [
        line
        for line in lines[1:-1]
        if slopes[0] - NOT_PARALLEL <= line.slope <= slopes[1] + NOT_PARALLEL and _ends_at(line, others, 0.0)
    ]
    # The inner lines of boxes beside each other may be double; a 1 may reach from line to line.
    if not _is_regular([first, *inner, last]):
        inner = [line for line in inner if line.thickness <= thickest]
        if len(inner) == 1 and len(others) == 2 and not _is_like(inner[0], first, last):
            inner = []
    return [*outer[:1], *inner, *outer[1:]]


def _is_like(line: StraightLine, first: StraightLine, last: StraightLine) -> bool:
    """Whether a line has the thickness and slope of others."""
    thickness, slope = (first.thickness + last.thickness) / 2, (first.slope + last.slope) / 2
    return abs(line.thickness - thickness) <= 0.2 * thickness and abs(line.slope - slope) <= 0.02


def _is_regular(lines: list[StraightLine]) -> bool:
    """Whether there are inner lines, with equal distances between all lines."""
    gaps = np.diff([float(line.centres.mean()) for line in lines])
    return len(gaps) > 1 and float(gaps.max()) <= REGULAR * float(gaps.min())


def _ends_at(line: StraightLine, others: list[StraightLine], share: float) -> bool:
    """Whether both ends of a line are near a line in the other direction, within this share of its length."""
    for column, row in ((line.left, line.centres[0]), (line.right, line.centres[-1])):
        near = share * (line.right - line.left) + NEAR_PX
        if not any(
            abs(other.offset + other.slope * row - column) <= near + 0.5 * other.thickness
            and other.left - near - line.thickness <= row <= other.right + near + line.thickness
            for other in others
        ):
            return False
    return True


def _with_inner(lines: list[StraightLine], more: list[StraightLine], others: list[StraightLine]) -> list[StraightLine]:
    """Lines, and more of them that end at lines in the other direction."""
    merged = list(lines)
    for line in more:
        is_new = not any(line.is_near(other, line.thickness) for other in merged)
        if is_new and _ends_at(line, others, 0.0):
            merged.append(line)
    return merged


def _is_closed(own: Mask, across: list[StraightLine], down: list[StraightLine]) -> bool:
    """Whether the outermost lines meet in ink."""
    height, width = own.shape
    rows = sorted(across, key=lambda line: line.offset + line.slope * width / 2)
    columns = sorted(down, key=lambda line: line.offset + line.slope * height / 2)
    for one in (rows[0], rows[-1]):
        for other in (columns[0], columns[-1]):
            row = (one.offset + one.slope * other.offset) / (1 - one.slope * other.slope)
            column = other.offset + other.slope * row
            half = max(1, round(CORNER * min(one.thickness, other.thickness)))
            top, left = max(0, round(row) - half), max(0, round(column) - half)
            corner = own[top : round(row) + half + 1, left : round(column) + half + 1]
            if corner.size == 0 or corner.mean() < 0.5:
                return False
    return True


def _cells(across: list[StraightLine], down: list[StraightLine], shape: tuple[int, ...]) -> Integers:
    """(N, 4) bounding boxes of the cells that lines enclose."""
    height, width = shape
    drawn = draw_lines(across, (height, width)) | draw_lines(down, (width, height)).T
    # Lines that nearly meet are joined: a cell is far larger than the gap.
    thickness = max(line.thickness for line in (*across, *down))
    gap = int(thickness + 3) | 1
    regions, count = label(~dilate(np.pad(drawn, gap), gap))
    outside = int(regions[0, 0])
    found = boxes_of(regions, count)
    found = np.delete(found, outside - 1, axis=0) - gap
    if len(found) == 0:
        return found
    grown = np.array([-1, 1, -1, 1]) * (gap // 2)
    sizes = found[:, [1, 3]] - found[:, [0, 2]] + gap - 1
    cells: Integers = (found + grown)[(sizes >= LEAST_CELL * np.median(sizes, axis=0)).all(axis=1)].clip(0)
    return cells


def _erased(part: Floats, across: list[StraightLine], down: list[StraightLine]) -> Floats:
    height, width = part.shape
    rest, turned = part, np.ascontiguousarray(part.T)
    for line in across:
        rest = without_line(rest, line)
    for line in down:
        turned = without_line(turned, line)
    # Lines of the frame touch each other too.
    meetings = draw_lines(across, (height, width)) & draw_lines(down, (width, height)).T
    return np.where(dilate(meetings, 3), np.float32(0), np.minimum(rest, turned.T)).astype(np.float32)
