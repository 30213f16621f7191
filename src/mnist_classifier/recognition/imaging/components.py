"""Connected components of a mask, by runs of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]

# Parts of the main component's ink: less is a speck wherever it lies; a part
# farther away than STROKE_GAP of its size must be more to be left in.
SPECK_SHARE = 0.02
STROKE_SHARE, STROKE_GAP = 0.15, 0.3
# What lies at the edge of a photograph is the digit only if it is so much more than the rest.
EDGE_WEIGHT = 0.3
# Of a number, in heights of the main component: what is flatter and longer is the rest of a line,
# and what a photograph's edge cuts off is a digit only if it is about as large.
FLAT, LONG = 0.25, 1.0
LEAST_AT_EDGE, LONGEST_AT_EDGE = 0.5, 2.5


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


def digit_parts(
    mask: npt.NDArray[np.bool_], weights: npt.NDArray[np.float32], *, drop_edges: bool = False
) -> npt.NDArray[np.bool_]:
    """The part of a mask that belongs to the digit: its main component and what may be a stroke of it.

    Left out are specks and, farther away, what is too little to be a digit
    itself.  drop_edges: also what touches the edge of the picture, as the
    rims of shadows and of other writing do.  `mask` must not be empty.
    """
    labels, count = label(mask)
    if count == 1:
        return mask
    masses = np.bincount(labels.ravel(), weights.ravel(), count + 1)[1:]
    found = boxes(labels, count)
    height, width = mask.shape
    at_edge = (found[:, 0] == 0) | (found[:, 2] == 0) | (found[:, 1] == height) | (found[:, 3] == width)
    eligible = masses * np.where(at_edge & drop_edges, EDGE_WEIGHT, 1)
    main = int(eligible.argmax())
    top, bottom, left, right = found[main]
    size = max(bottom - top, right - left)
    gaps = np.maximum.reduce([found[:, 0] - bottom, top - found[:, 1], found[:, 2] - right, left - found[:, 3]])
    shares = eligible / eligible[main]
    kept = (shares >= SPECK_SHARE) & ((gaps < STROKE_GAP * size) | (shares >= STROKE_SHARE))
    if drop_edges:
        kept &= ~at_edge
    kept[main] = True
    picked: npt.NDArray[np.bool_] = np.append(False, kept)[labels]
    return picked


def number_parts(mask: npt.NDArray[np.bool_], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The part of a photograph's mask that may be digits of a number, however many there are.

    Left out are specks, long flat rests of lines, and at the edge of the
    picture what is not about as tall as the main component: rims of shadows,
    halves of other writing.  `mask` must not be empty.
    """
    labels, count = label(mask)
    masses = np.bincount(labels.ravel(), weights.ravel(), count + 1)[1:]
    found = boxes(labels, count)
    at_edge = (found[:, [0, 2]] == 0).any(axis=1) | (found[:, [1, 3]] == mask.shape).any(axis=1)
    heights, widths = found[:, 1] - found[:, 0], found[:, 3] - found[:, 2]
    main = int((masses * np.where(at_edge, EDGE_WEIGHT, 1)).argmax())
    sizes = heights / heights[main], widths / heights[main]
    kept = (masses >= SPECK_SHARE * masses[main]) & ((sizes[0] > FLAT) | (sizes[1] < LONG))
    kept &= ~at_edge | ((sizes[0] > LEAST_AT_EDGE) & (sizes[0] < 1 / LEAST_AT_EDGE) & (sizes[1] < LONGEST_AT_EDGE))
    kept[main] = True
    picked: npt.NDArray[np.bool_] = np.append(False, kept)[labels]
    return picked
