"""Which parts of the writing stand in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from mnist_classifier.recognition.page.cells import CellPlace


class Part(Protocol):
    """Something with a bounding box on the page, in px; bottom and right are exclusive."""

    @property
    def top(self) -> int:
        """Its first row."""

    @property
    def bottom(self) -> int:
        """The row below it."""

    @property
    def left(self) -> int:
        """Its first column."""

    @property
    def right(self) -> int:
        """The column to the right of it."""


AnyPart = TypeVar("AnyPart", bound=Part)
# In heights of the digits: smaller parts are marks, flags and dots; taller ones are two digits above each other.
LEAST_HEIGHT, MOST_HEIGHT = 0.5, 1.5
# If no part has such a height, those are used that have this share of the largest height.
LEAST_OF_TALLEST = 0.75
# Neighbours in a line share at least this part of the lower one's height, and are at most so many heights apart.
LEAST_SHARED, FARTHEST = 0.5, 2.5
# Groups farther apart are in one line if their middles differ by less than this; they may overlap by this width.
SAME_MIDDLE, OVERLAP = 0.35, 0.3
# A line passes through a part if its middle is so far inside.
INSIDE = 0.3


def group_lines(parts: Sequence[AnyPart], height: float) -> list[list[AnyPart]]:
    """Divide parts into lines, from the top; small parts belong to the nearest line.

    height: of the digits, px.
    """
    heights = np.array([part.bottom - part.top for part in parts]) / height
    is_anchor = (heights >= LEAST_HEIGHT) & (heights <= MOST_HEIGHT)
    if not is_anchor.any():
        is_anchor = heights >= heights.max() * LEAST_OF_TALLEST
    anchors = [part for part, kept in zip(parts, is_anchor, strict=True) if kept]
    groups = _joined(_chains(anchors, height), height)
    extents = [(float(np.mean([p.top for p in group])), float(np.mean([p.bottom for p in group]))) for group in groups]
    order = np.argsort([sum(extent) for extent in extents], kind="stable").tolist()
    lines = [list(groups[index]) for index in order]
    for part, kept in zip(parts, is_anchor, strict=True):
        if not kept:
            lines[_nearest(part, [groups[index] for index in order], height)].append(part)
    return lines


def _chains(anchors: Sequence[AnyPart], height: float) -> list[list[AnyPart]]:
    """Groups of parts that are connected by neighbours."""
    count = len(anchors)
    boxes = np.array([(p.top, p.bottom, p.left, p.right) for p in anchors], float)
    shared = np.minimum(boxes[:, None, 1], boxes[None, :, 1]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    lower = np.minimum(boxes[:, 1] - boxes[:, 0], (boxes[:, 1] - boxes[:, 0])[:, None])
    gaps = np.maximum(boxes[:, None, 2], boxes[None, :, 2]) - np.minimum(boxes[:, None, 3], boxes[None, :, 3])
    linked = (shared >= LEAST_SHARED * lower) & (gaps <= FARTHEST * height)
    roots = np.arange(count)
    for _ in range(count):
        lowest = np.where(linked, roots[None], count).min(axis=1)
        if (lowest == roots).all():
            break
        roots = lowest
    return [[anchors[i] for i in np.flatnonzero(roots == root).tolist()] for root in np.unique(roots).tolist()]


def _middle(group: Sequence[Part], column: float) -> float:
    """The row of the middle of a group's part that is nearest to a column."""
    nearest = min(group, key=lambda p: max(p.left - column, column - p.right, 0))
    return (nearest.top + nearest.bottom) / 2


def _joined(groups: list[list[AnyPart]], height: float) -> list[list[AnyPart]]:
    """Join groups that stand beside each other."""
    joined: list[list[AnyPart]] = []
    for group in sorted(groups, key=lambda each: min(p.left for p in each)):
        left = min(p.left for p in group)
        for other in joined:
            right = max(p.right for p in other)
            if (
                right <= left + OVERLAP * height
                and abs(_middle(group, left) - _middle(other, right)) < SAME_MIDDLE * height
            ):
                other.extend(group)
                break
        else:
            joined.append(list(group))
    return joined


def _nearest(part: Part, groups: Sequence[Sequence[Part]], height: float) -> int:
    column, row = (part.left + part.right) / 2, (part.top + part.bottom) / 2
    return min(range(len(groups)), key=lambda i: abs(_middle(groups[i], column) - row))


def _extent(part: Part) -> int:
    return part.bottom - part.top


def middles_within(part: Part, lines: Sequence[Sequence[AnyPart]], height: float) -> list[float]:
    """Rows of the lines that pass through a part, from the top.  height: of the digits, px."""
    column = (part.left + part.right) / 2
    # Other parts that reach from line to line say nothing of where the lines are.
    rows = [
        _middle([p for p in line if p is not part and _extent(p) <= MOST_HEIGHT * height] or line, column)
        for line in lines
    ]
    return sorted(row for row in rows if part.top + INSIDE * height <= row <= part.bottom - INSIDE * height)


def lines_of_cells(parts: Sequence[AnyPart], cells: Sequence[CellPlace], height: float) -> list[list[AnyPart]] | None:
    """One line for each row of cells; None if a part is in no cell, or if a cell holds several lines."""
    rows: dict[int, list[AnyPart]] = {}
    remaining = list(parts)
    for row, _, (x, y, wide, high) in cells:
        inside = [
            part
            for part in remaining
            if x <= (part.left + part.right) / 2 < x + wide and y <= (part.top + part.bottom) / 2 < y + high
        ]
        if inside and len(group_lines(inside, height)) > 1:
            return None
        rows.setdefault(row, []).extend(inside)
        remaining = [part for part in remaining if not any(part is other for other in inside)]
    return None if remaining else [rows[row] for row in sorted(rows) if rows[row]]
