"""Subtract a plain background, and recognise pictures whose background is not plain (photographs)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes, Mask
from mnist_classifier.recognition.imaging.components import find_components
from mnist_classifier.recognition.imaging.filters import border_of
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL

# A pixel that differs from the background by less (of 255, before stretching) is noise.
MIN_CONTRAST = 40
# On a background without noise, such as a screen's, fainter ink is visible too.
FAINT_CONTRAST = 8
# The background of a drawing is plain: half of the picture is within PLAIN_LEVELS of the border's median, and most
# of the border within twice as many.  Screens and scans are like that; the noise of a camera alone is stronger.
PLAIN_LEVELS = 3
PLAIN_SHARE, PLAIN_EDGE_SHARE = 0.5, 0.9
# With a blurred or bold digit, less of the picture is plain.  Ink then touches the border in few places; noise, lines
# and fog touch it in many.  In a thumbnail, more of the border may be ink.
LEAST_PLAIN_SHARE, SMALL_PLAIN_EDGE_SHARE, MOST_PLACES = 0.25, 0.7, 3
# A digit that fills a drawing: nearly all pixels have the level of the background or of the ink, and the ink meets the
# border in few places.  A part that joins the top and the bottom edge has most of the ink.  See docs/experiments.md.
TWO_LEVELS_SHARE, MAIN_SHARE, MOST_MEETINGS = 0.9, 0.85, 6
# Separate ink at the top and the bottom edge is not of one digit if it covers this much of an edge.
LEAST_RULE_SHARE = 0.6
# In smaller pictures, ruled lines look like digits.
MIN_PHOTOGRAPH_PX = 64


@dataclass(frozen=True)
class Extent:
    """Where the ink is: its strongest level in each row and in each column."""

    rows: Bytes
    columns: Bytes


def extent_of(ink: Bytes) -> Extent:
    """Find the strongest ink of each row and column of (H, W) ink."""
    # Two passes over the pixels.  A mask and its sums would take four.
    return Extent(ink.max(axis=1), ink.max(axis=0))


def find_ink(grey: Bytes) -> Bytes | None:
    """Subtract the background: (H, W) uint8 -> (H, W) uint8 with bright ink on 0, or None without ink.

    The background is the median of the border.
    """
    background = median_of(border_of(grey))
    darkest, lightest = int(grey.min()), int(grey.max())
    least, contrast = MIN_CONTRAST, max(background - darkest, lightest - background)
    if contrast < MIN_CONTRAST:
        if contrast < FAINT_CONTRAST or not _is_clean(grey, background):
            return None
        # A few specks of dust are no faint ink.
        if _near(grey, background, FAINT_CONTRAST - 1).mean() > 0.998:
            return None
        least = FAINT_CONTRAST
    # The ink of most drawings is only darker or only lighter than the background, so no sums are needed.
    if darkest == background:
        return grey - np.uint8(background) if background else grey
    if lightest == background:
        return np.uint8(background) - grey
    lighter = np.maximum(grey, background) - np.uint8(background)
    darker = np.uint8(background) - np.minimum(grey, background)
    ink = lighter if int(lighter.sum(dtype=np.int64)) >= int(darker.sum(dtype=np.int64)) else darker
    return ink if ink.max() >= least else None


def _is_clean(grey: Bytes, background: int) -> bool:
    """Whether a background has no noise that could be taken for faint ink."""
    return bool(_near(border_of(grey), background, 1).mean() > 0.98 and _near(grey, background, 1).mean() > 0.5)


def median_of(levels: Bytes) -> int:
    """The median, rounded down.  Takes a short cut if all levels are equal, as on the border of a canvas."""
    first = int(levels[0])
    return first if (levels == first).all() else int(np.median(levels))


def needs_flattening(grey: Bytes, extent: Extent | None) -> bool:
    """Whether the background has shadows or lines, which must be subtracted as for a photograph.

    extent: that of the ink; None if none was found.
    """
    if not has_plain_background(grey):
        return True
    if min(grey.shape) < MIN_PHOTOGRAPH_PX:
        return False
    return (
        not _near(_sample(grey), median_of(border_of(grey)), PLAIN_LEVELS).all()
        if extent is None
        else touches_opposite_edges(extent)
    )


def has_plain_background(grey: Bytes) -> bool:
    """Whether the background has the same level everywhere."""
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


def fills_picture(grey: Bytes, ink: Bytes, extent: Extent) -> bool:
    """Whether a drawing in two levels shows one digit from the top edge to the bottom edge, not ruled lines.

    ink, extent: of the whole picture, as `find_ink` and `extent_of` return them.
    """
    faintest = extent.rows.max() * BOX_LEVEL
    reaches = extent.rows[0] >= faintest and extent.rows[-1] >= faintest
    if min(grey.shape) < MIN_PHOTOGRAPH_PX or not reaches or not _has_two_levels(grey):
        return False
    mask = ink >= faintest
    border = border_of(mask)
    if np.count_nonzero(border & ~np.roll(border, 1)) > MOST_MEETINGS:
        return False
    found = find_components(mask, ink)
    joins = set(found.labels[0].tolist()) & set(found.labels[-1].tolist()) - {0}
    if joins:
        return bool(found.masses.max() >= MAIN_SHARE * found.masses.sum())
    return bool(max(mask[0].mean(), mask[-1].mean()) < LEAST_RULE_SHARE)


def _has_two_levels(grey: Bytes) -> bool:
    """Whether nearly all pixels have the level of the background or the one farthest from it, as on a screen."""
    sample, background = _sample(grey), median_of(border_of(grey))
    darkest, lightest = int(sample.min()), int(sample.max())
    strongest = darkest if background - darkest > lightest - background else lightest
    plain, inked = _near(sample, background, PLAIN_LEVELS), _near(sample, strongest, PLAIN_LEVELS)
    enough = np.count_nonzero(plain | inked) >= TWO_LEVELS_SHARE * sample.size
    return bool(enough and np.count_nonzero(plain) >= PLAIN_SHARE * sample.size)


def _sample(grey: Bytes) -> Bytes:
    """About 64 by 64 of the pixels, evenly spaced: enough to judge the background."""
    return grey[:: max(1, grey.shape[0] // 64), :: max(1, grey.shape[1] // 64)]


def _near(levels: Bytes, level: int, distance: int) -> Mask:
    """Which levels differ from `level` by at most `distance`."""
    low, high = max(level - distance, 0), min(level + distance, 255)
    return levels - np.uint8(low) <= np.uint8(high - low)  # lower levels wrap around to the top


def touches_opposite_edges(extent: Extent) -> bool:
    """Whether ink touches the top and the bottom, or the left and the right edge."""
    faintest = extent.rows.max() * BOX_LEVEL
    top, bottom = extent.rows[0] >= faintest, extent.rows[-1] >= faintest
    left, right = extent.columns[0] >= faintest, extent.columns[-1] >= faintest
    return bool((top and bottom) or (left and right))
