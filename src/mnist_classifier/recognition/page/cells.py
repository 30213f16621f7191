"""Cells: the places of a table, or of the boxes of a form, by row and column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_classifier.core.arrays import Doubles, Integers
from mnist_classifier.core.records import Box
from mnist_classifier.recognition.page.outlines import Outline

# Edges that differ by less than this share of the smallest cell's side are one edge.
SAME_EDGE = 0.5


class CellPlace(NamedTuple):
    """Where a cell is: row and column from 0; box: x, y, width, height in px of the ink."""

    row: int
    column: int
    box: Box


def find_cells(outlines: Sequence[Outline]) -> list[CellPlace]:
    """Number the cells that straight outlines form, in reading order; empty cells are included.

    A merged cell has the first row and column that it covers.  A single frame
    around a number is no table, so it has no cells.
    """
    frames = [outline for outline in outlines if outline.is_straight]
    holes = np.array([hole for frame in frames for hole in frame.holes], np.int64).reshape(-1, 4)
    holes = holes[_is_innermost(holes)]
    if len(holes) < 2:
        return []
    slope = float(np.median([frame.slope for frame in frames for _ in frame.holes]))
    edges, sizes = _level(holes, slope)
    rows, columns = (_numbered(edges[:, side], SAME_EDGE * float(sizes[:, side].min())) for side in (0, 1))
    places = [
        CellPlace(row, column, (left, top, right - left, bottom - top))
        for row, column, (top, bottom, left, right) in zip(rows, columns, holes.tolist(), strict=True)
    ]
    return sorted(places)


def _is_innermost(holes: Integers) -> list[bool]:
    """Which holes contain no other hole: the inside of a frame around a table is no cell."""
    tops, bottoms, lefts, rights = holes.T
    areas = (bottoms - tops) * (rights - lefts)
    middles, centres = (tops + bottoms) / 2, (lefts + rights) / 2
    return [
        not bool(((areas < area) & (middles > top) & (middles < bottom) & (centres > left) & (centres < right)).any())
        for (top, bottom, left, right), area in zip(holes.tolist(), areas.tolist(), strict=True)
    ]


def _level(holes: Integers, slope: float) -> tuple[Doubles, Doubles]:
    """(N, 2) top left corners and (N, 2) sizes, as rows and columns, of rotated cells after levelling.

    holes: (N, 4) bounding boxes; slope: of their lower edges.
    """
    angle = math.atan(slope)
    sine, cosine = math.sin(angle), math.cos(angle)
    starts, ends = holes[:, [0, 2]].astype(np.float64), holes[:, [1, 3]].astype(np.float64)
    middles, spans = (starts + ends) / 2, ends - starts
    level = np.stack(
        [middles[:, 0] * cosine - middles[:, 1] * sine, middles[:, 0] * sine + middles[:, 1] * cosine], axis=1
    )
    # The bounding box of a rotated rectangle is larger than the rectangle.
    sizes = (spans * cosine - spans[:, ::-1] * abs(sine)) / (cosine**2 - sine**2)
    sizes = np.maximum(sizes, 0.5 * spans)
    return level - sizes / 2, sizes


def _numbered(edges: Doubles, tolerance: float) -> list[int]:
    """The number of each edge among the different edges, from the first."""
    numbers = np.zeros(len(edges), np.int64)
    order = np.argsort(edges, kind="stable")
    # Edges of one row are compared with their neighbours: perspective moves them little by little.
    numbers[order] = np.cumsum(np.diff(edges[order], prepend=edges[order[:1]]) > tolerance)
    found: list[int] = numbers.tolist()
    return found


def is_inside(box: Box, cell: Box) -> bool:
    """Whether the middle of a box is in a cell."""
    return all(start <= box[axis] + box[axis + 2] / 2 < start + cell[axis + 2] for axis, start in enumerate(cell[:2]))
