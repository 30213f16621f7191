"""Tell ink from a printed pattern below it, such as waves, bands or checks, which is paler and everywhere."""

from __future__ import annotations

import dataclasses

import numpy as np

from mnist_classifier.core.arrays import Floats
from mnist_classifier.recognition.imaging.filters import border_of, dilate
from mnist_classifier.recognition.imaging.photograph import Photograph

# Ink has at least this many times the density of the pattern, and the densities of few pixels lie in the middle third
# between the two.  Measurements: docs/experiments.md, "Waves below a digit".
LEAST_RATIO, MIDDLE, MOST_BETWEEN = 1.6, (0.35, 0.65), 0.05
# Away from the soft edges of the ink, a pattern meets the border in at least this many places and covers at least as
# much as the ink.
LEAST_MEETINGS = 6
# The width of a stroke's soft edge, which is as pale as a pattern, px.
EDGE_PX = 7
# This many densities are enough to find two groups, and this many bins to divide them.
SAMPLES, BINS = 4096, 64


def above_pattern(photograph: Photograph) -> Photograph:
    """Raise the threshold of a photograph with one digit above the density of a pattern, if there is one."""
    mask = photograph.mask
    inked = photograph.density[mask]
    densities = inked[:: max(1, len(inked) // SAMPLES)]
    border = _divide(densities)
    is_dark = densities > border
    if is_dark.all() or not is_dark.any():
        return photograph
    pale, dark = float(densities[~is_dark].mean()), float(densities[is_dark].mean())
    low, high = (pale + share * (dark - pale) for share in MIDDLE)
    between = float(((densities > low) & (densities < high)).mean())
    if dark < LEAST_RATIO * pale or between > MOST_BETWEEN:
        return photograph
    ink = photograph.density > border
    pattern = mask & ~dilate(ink, EDGE_PX)
    edge = border_of(pattern)
    if np.count_nonzero(edge & ~np.roll(edge, 1)) < LEAST_MEETINGS or pattern.sum() < ink.sum():
        return photograph
    return dataclasses.replace(photograph, threshold=(pale + dark) / 2, typical=dark)


def _divide(densities: Floats) -> float:
    """The density that best divides two groups: the largest variance between them.  Source: Otsu 1979."""
    counts, edges = np.histogram(densities, BINS)
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    above = len(densities) - below
    distance = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[int((below * above * distance**2).argmax()) + 1])
