"""Connected components of a mask, found from runs of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Doubles, Floats, Indices, Integers, Mask


@dataclass(frozen=True, eq=False)
class Components:
    """The components of a mask.

    labels: (H, W) int32, as `label` returns them.  masses: (N,) the sum of the weights over each component.
    """

    labels: npt.NDArray[np.int32]
    masses: Doubles

    @cached_property
    def boxes(self) -> Integers:
        """(N, 4) bounding boxes: top, bottom, left, right; bottom and right are exclusive."""
        return boxes_of(self.labels, len(self.masses))

    @property
    def at_edge(self) -> Mask:
        """(N,) whether a component touches the edge of the picture."""
        starts, ends = self.boxes[:, [0, 2]], self.boxes[:, [1, 3]]
        return np.asarray((starts == 0).any(axis=1) | (ends == self.labels.shape).any(axis=1))

    def select(self, kept: Mask) -> Mask:
        """Make a (H, W) mask of the pixels of some components.  kept: (N,) bool."""
        return np.asarray(np.append(False, kept)[self.labels])


def find_components(mask: Mask, weights: Bytes | Floats) -> Components:
    """Label the components of a (H, W) mask and add up the (H, W) weights of each."""
    labels, count = label(mask)
    masses = np.asarray(np.bincount(labels.ravel(), weights.ravel(), count + 1)[1:], np.float64)
    return Components(labels, masses)


def boxes_of(labels: npt.NDArray[np.int32], count: int) -> Integers:
    """(count, 4) bounding boxes of labelled components: top, bottom, left, right; bottom and right are exclusive."""
    starts, ends = runs(labels > 0)
    rows, lefts = np.divmod(starts, labels.shape[1] + 2)
    numbers = labels[rows, lefts] - 1
    found = np.empty((count, 4), np.int64)
    found[:, [0, 2]] = max(labels.shape)
    found[:, [1, 3]] = 0
    for side, firsts, lasts in ((0, rows, rows + 1), (2, lefts, lefts + ends - starts)):
        np.minimum.at(found[:, side], numbers, firsts)
        np.maximum.at(found[:, side + 1], numbers, lasts)
    return found


def run_lengths(mask: Mask) -> Integers:
    """(H, W) the length of each true pixel's run in its row."""
    starts, ends = runs(mask)
    lengths = np.zeros(mask.shape, np.int64)
    lengths[mask] = np.repeat(ends - starts, ends - starts)
    return lengths


def label(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Number the 8-connected components of a (H, W) mask.

    Returns (H, W) int32 and the number of components.  Numbers start at 1, in
    the order of the components' first pixels; 0 is the background.
    """
    starts, ends = runs(mask)
    roots = _merge(len(starts), *_touching(starts, ends, mask.shape[1] + 2))
    first, numbers = np.unique(roots, return_inverse=True)
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.repeat(numbers.astype(np.int32) + 1, ends - starts)
    return labels, len(first)


def runs(mask: Mask) -> tuple[Indices, Indices]:
    """Start and end (exclusive) of every horizontal run of true pixels, in reading order.

    Pixel (row, column) has the index row * (W + 2) + column.
    """
    height, width = mask.shape
    # A false pixel on either side of each row keeps runs from continuing in the next row.
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded.ravel())
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def _touching(starts: Indices, ends: Indices, stride: int) -> tuple[Indices, Indices]:
    """Pairs of touching runs: the upper one, and one in the row below it.

    A run moved down by a row touches runs that end at its start or later and
    start at its end or earlier.  Runs are sorted, so these are consecutive.
    """
    first = np.searchsorted(ends, starts + stride, side="left")
    last = np.searchsorted(starts, ends + stride, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    nth = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + nth


def _merge(count: int, first: Indices, second: Indices) -> Indices:
    """Union-find: the smallest member of each item's class, given pairs of the same class."""
    roots = np.arange(count)
    while True:
        merged = roots.copy()
        smaller = np.minimum(roots[first], roots[second])
        # Linking roots instead of items joins whole trees in each round, so few rounds are needed.
        np.minimum.at(merged, roots[first], smaller)
        np.minimum.at(merged, roots[second], smaller)
        while not np.array_equal(shorter := merged[merged], merged):
            merged = shorter
        if np.array_equal(merged, roots):
            return roots
        roots = merged


def stroke_width(mask: Mask) -> float:
    """Stroke width in px: the median over all ink pixels of the shorter of their row run and column run."""
    return max(1.0, float(np.median(np.minimum(run_lengths(mask), run_lengths(mask.T).T)[mask])))
