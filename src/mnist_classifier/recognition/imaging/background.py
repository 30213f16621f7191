"""What lies behind the ink: one plain level, or a photograph's paper, light and lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes, Mask
from mnist_classifier.recognition.imaging.filters import border_of
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL

# A pixel this far from the background (of 255, before stretching) is no noise.
MIN_CONTRAST = 40
# A drawing's background is plain: within so many levels of the border's
# median over half of the picture, and within twice as many over most of the
# border.  Screens and scans of drawings are; a camera's noise alone is wider.
PLAIN_LEVELS = 3
PLAIN_SHARE, PLAIN_EDGE_SHARE = 0.5, 0.9
# A blurred or bold digit leaves less than that; it meets the border in few places,
# where noise, lines and fog do in many.  In a thumbnail more of it may be cut off.
LEAST_PLAIN_SHARE, SMALL_PLAIN_EDGE_SHARE, MOST_PLACES = 0.25, 0.7, 3
# Smaller pictures are too small for lines that a digit could be told from.
MIN_PHOTOGRAPH_PX = 64


@dataclass(frozen=True)
class Extent:
    """The strongest ink of each row and of each column: all that a clean drawing has to be asked."""

    rows: Bytes
    columns: Bytes


def extent_of(ink: Bytes) -> Extent:
    """Look at every pixel, twice; a mask and its sums would be four looks."""
    return Extent(ink.max(axis=1), ink.max(axis=0))


def find_ink(grey: Bytes) -> Bytes | None:
    """Distance from the background, in the direction of the ink.

    (H, W) uint8 -> the same, ink bright on 0; None where nothing stands out.
    The background is the median of the border.
    """
    background = median_of(border_of(grey))
    darkest, lightest = int(grey.min()), int(grey.max())
    if max(background - darkest, lightest - background) < MIN_CONTRAST:
        return None
    # Most drawings have ink on one side only, which spares them two sums.
    if darkest == background:
        return grey - np.uint8(background) if background else grey
    if lightest == background:
        return np.uint8(background) - grey
    lighter = np.maximum(grey, background) - np.uint8(background)
    darker = np.uint8(background) - np.minimum(grey, background)
    ink = lighter if int(lighter.sum(dtype=np.int64)) >= int(darker.sum(dtype=np.int64)) else darker
    return ink if ink.max() >= MIN_CONTRAST else None


def median_of(levels: Bytes) -> int:
    """The median, rounded down; of one and the same level, as a canvas has it, at once."""
    first = int(levels[0])
    return first if (levels == first).all() else int(np.median(levels))


def needs_flattening(grey: Bytes, extent: Extent | None) -> bool:
    """Whether a picture is no drawing on a plain background, but paper, shadows, lines; `extent` is that of its ink."""
    if not has_plain_background(grey):
        return True
    if min(grey.shape) < MIN_PHOTOGRAPH_PX:
        return False  # too small for lines that a digit could be told from
    return (
        not _near(_sample(grey), median_of(border_of(grey)), PLAIN_LEVELS).all() if extent is None else crosses(extent)
    )


def has_plain_background(grey: Bytes) -> bool:
    """Whether what is drawn has one and the same level around it."""
    border, sample = border_of(grey), _sample(grey)
    background = median_of(border)
    is_plain, is_plain_edge = _near(sample, background, PLAIN_LEVELS), _near(border, background, 2 * PLAIN_LEVELS)
    plain, plain_edge = np.count_nonzero(is_plain), np.count_nonzero(is_plain_edge)
    if plain >= PLAIN_SHARE * is_plain.size and plain_edge >= PLAIN_EDGE_SHARE * border.size:
        return True
    least_edge = SMALL_PLAIN_EDGE_SHARE if min(grey.shape) < MIN_PHOTOGRAPH_PX else PLAIN_EDGE_SHARE
    places = np.count_nonzero(is_plain_edge & ~np.roll(is_plain_edge, 1))
    enough = plain >= LEAST_PLAIN_SHARE * is_plain.size and plain_edge >= least_edge * border.size
    return bool(enough and places <= MOST_PLACES)


def _sample(grey: Bytes) -> Bytes:
    return grey[:: max(1, grey.shape[0] // 64), :: max(1, grey.shape[1] // 64)]


def _near(levels: Bytes, level: int, distance: int) -> Mask:
    """Which are within so many levels of one."""
    low, high = max(level - distance, 0), min(level + distance, 255)
    return levels - np.uint8(low) <= np.uint8(high - low)  # what lies below wraps around to the top


def crosses(extent: Extent) -> bool:
    """Whether ink goes from one edge to the opposite one at some place."""
    faintest = extent.rows.max() * BOX_LEVEL
    top, bottom = extent.rows[0] >= faintest, extent.rows[-1] >= faintest
    left, right = extent.columns[0] >= faintest, extent.columns[-1] >= faintest
    return bool((top and bottom) or (left and right))
