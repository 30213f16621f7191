"""Connected parts of a mask, in NumPy alone.

Runs of ink in a row are the nodes of a graph, touching runs of neighbouring
rows its edges; there are far fewer of them than pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


def label(mask: Mask) -> tuple[Labels, int]:
    """Number the 8-connected parts of an (H, W) mask from 1; 0 is background.

    Returns (H, W) labels and how many there are.
    """
    rows, starts, ends = runs(mask)
    parts = _connected(len(rows), *_touching(rows, starts, ends, mask.shape[1]))
    names, numbers = np.unique(parts, return_inverse=True)
    labels = np.zeros(mask.shape, np.int32)
    # Within the mask, in reading order, each run fills its own stretch.
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    return labels, len(names)


def runs(mask: Mask) -> tuple[Indices, Indices, Indices]:
    """Row, start and end (exclusive) of every run of true pixels, in reading order."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]


def boxes(labels: Labels, count: int) -> npt.NDArray[np.int64]:
    """(count, 4): top, bottom, left, right of each part; bottom and right are exclusive."""
    rows, columns = np.nonzero(labels)
    parts = labels[rows, columns] - 1
    found = np.empty((count, 4), np.int64)
    found[:, [0, 2]], found[:, [1, 3]] = max(labels.shape), -1
    np.minimum.at(found[:, 0], parts, rows)
    np.maximum.at(found[:, 1], parts, rows + 1)
    np.minimum.at(found[:, 2], parts, columns)
    np.maximum.at(found[:, 3], parts, columns + 1)
    return found


def _touching(rows: Indices, starts: Indices, ends: Indices, width: int) -> tuple[Indices, Indices]:
    """Pairs of runs that touch, corners included, in neighbouring rows."""
    # One axis for all rows, with room so that no row's end meets the next one's start.
    stride = width + 2
    first, last = rows * stride + starts, rows * stride + ends
    # Those of the next row that end at or after this start, and start at or before this end.
    low = np.searchsorted(last, first + stride, side="left")
    high = np.searchsorted(first, last + stride, side="right")
    counts = np.maximum(high - low, 0)
    above = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return above, np.repeat(low, counts) + offsets


def _connected(count: int, left: Indices, right: Indices) -> Indices:
    """The least node that each node can reach."""
    roots = np.arange(count)
    while True:
        least = np.minimum(roots[left], roots[right])
        new = roots.copy()
        np.minimum.at(new, roots[left], least)
        np.minimum.at(new, roots[right], least)
        while not np.array_equal(jumped := new[new], new):
            new = jumped
        if np.array_equal(new, roots):
            return roots
        roots = new
