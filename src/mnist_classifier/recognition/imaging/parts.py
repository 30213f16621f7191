"""Choose the connected components that belong to the digit, or to the digits of a number."""

from __future__ import annotations

import numpy as np

from mnist_classifier.core.arrays import Floats, Mask
from mnist_classifier.recognition.imaging.components import find_components

# Shares of the main component's ink.  A component with less than SPECK_SHARE is a speck.  One that is farther
# away than STROKE_GAP of the main component's size needs STROKE_SHARE to be kept.
SPECK_SHARE = 0.02
STROKE_SHARE, STROKE_GAP = 0.15, 0.3
# Components at the edge of a photograph compete for the main component with this share of their ink.
EDGE_WEIGHT = 0.3
# For numbers, in heights of the main component: a flatter and longer component is left over from a printed line.
FLAT, LONG = 0.25, 1.0
# A component at the edge of the picture is a digit only if its size is similar.
LEAST_AT_EDGE, LONGEST_AT_EDGE = 0.5, 2.5


def digit_parts(mask: Mask, weights: Floats, *, drop_edges: bool = False) -> Mask:
    """Keep the main component of a mask and the components that may be strokes of the same digit.

    Drops specks, and distant components that are too small for a digit.
    drop_edges: also drop components at the edge of the picture, such as rims
    of shadows and other writing.  `mask` must not be empty.
    """
    found = find_components(mask, weights)
    if len(found.masses) == 1:
        return mask
    eligible = found.masses * np.where(found.at_edge & drop_edges, EDGE_WEIGHT, 1)
    main = int(eligible.argmax())
    top, bottom, left, right = found.boxes[main]
    size = max(bottom - top, right - left)
    tops, bottoms, lefts, rights = found.boxes.T
    gaps = np.maximum.reduce([tops - bottom, top - bottoms, lefts - right, left - rights])
    shares = eligible / eligible[main]
    kept = (shares >= SPECK_SHARE) & ((gaps < STROKE_GAP * size) | (shares >= STROKE_SHARE))
    if drop_edges:
        kept &= ~found.at_edge
    kept[main] = True
    return found.select(kept)


def number_parts(mask: Mask, weights: Floats) -> Mask:
    """Keep the components of a photograph's mask that may be digits of a number.

    Drops specks and long flat remains of lines.  At the edge of the picture
    it drops what is not about as tall as the main component: rims of shadows
    and cut off writing.  `mask` must not be empty.
    """
    found = find_components(mask, weights)
    tops, bottoms, lefts, rights = found.boxes.T
    main = int((found.masses * np.where(found.at_edge, EDGE_WEIGHT, 1)).argmax())
    unit = bottoms[main] - tops[main]
    heights, widths = (bottoms - tops) / unit, (rights - lefts) / unit
    kept = (found.masses >= SPECK_SHARE * found.masses[main]) & ((heights > FLAT) | (widths < LONG))
    is_like_main = (heights > LEAST_AT_EDGE) & (heights < 1 / LEAST_AT_EDGE) & (widths < LONGEST_AT_EDGE)
    kept &= ~found.at_edge | is_like_main
    kept[main] = True
    return found.select(kept)
