"""Which connected components of the ink are the digit, or the digits of a number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_classifier.recognition.imaging.components import boxes, label

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
