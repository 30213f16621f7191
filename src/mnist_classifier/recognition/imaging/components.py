"""Connected components of a mask, by runs of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Indices


def label(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], int]:
    """Number the 8-connected components of a mask.

    mask: (H, W) bool.  Returns (H, W) int32 numbers from 1, in the order of
    their first pixels, 0 where the mask is false; and how many there are.
    """
    height, width = mask.shape
    stride = width + 2
    # A false pixel on either side of each row: no run goes on in the next.
    padded = np.zeros((height, stride), np.int8)
    padded[:, 1:-1] = mask
    edges = np.diff(padded.ravel())
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    roots = _merge(len(starts), *_touching(starts, ends, stride))
    first, numbers = np.unique(roots, return_inverse=True)
    labels = np.zeros((height, width), np.int32)
    labels[mask] = np.repeat(numbers.astype(np.int32) + 1, ends - starts)
    return labels, len(first)


def _touching(starts: Indices, ends: Indices, stride: int) -> tuple[Indices, Indices]:
    """Pairs of runs [start, end) of which the second touches the first from the row below.

    Moved down by a row, a run touches those that end where it starts or later
    and start where it ends or earlier.  Runs are sorted: these are a range.
    """
    first = np.searchsorted(ends, starts + stride, side="left")
    last = np.searchsorted(starts, ends + stride, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    nth = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + nth


def _merge(count: int, first: Indices, second: Indices) -> Indices:
    """The smallest member of each item's class, when the items of a pair are of one class."""
    roots = np.arange(count)
    while True:
        merged = roots.copy()
        smaller = np.minimum(roots[first], roots[second])
        # Roots are hooked, not items: a round joins whole trees, so few are needed.
        np.minimum.at(merged, roots[first], smaller)
        np.minimum.at(merged, roots[second], smaller)
        while not np.array_equal(shorter := merged[merged], merged):
            merged = shorter
        if np.array_equal(merged, roots):
            return roots
        roots = merged


def boxes(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int64]:
    """(count, 4) boxes (top, bottom, left, right) of numbered components; bottom and right are exclusive."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns] - 1
    found = np.empty((count, 4), np.int64)
    found[:, [0, 2]] = max(labels.shape)
    found[:, [1, 3]] = 0
    for side, values, pick in ((0, rows, np.minimum), (1, rows + 1, np.maximum)):
        pick.at(found[:, side], numbers, values)
    for side, values, pick in ((2, columns, np.minimum), (3, columns + 1, np.maximum)):
        pick.at(found[:, side], numbers, values)
    return found


def runs(mask: npt.NDArray[np.bool_]) -> tuple[Indices, Indices, Indices]:
    """Row, start and end (exclusive) of every run of true pixels, in reading order."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]
