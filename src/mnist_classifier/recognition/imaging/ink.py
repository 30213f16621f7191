"""Separate ink from background: the first steps of reading a digit or a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Mask
from mnist_classifier.recognition.imaging.background import (
    Extent,
    extent_of,
    find_ink,
    has_plain_background,
    needs_flattening,
)
from mnist_classifier.recognition.imaging.colour import composite, luminance, pick_channel
from mnist_classifier.recognition.imaging.components import label
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, ink_box, is_glyph, resampling_matrix
from mnist_classifier.recognition.imaging.parts import digit_parts, number_parts
from mnist_classifier.recognition.imaging.photograph import Photograph, read_photograph, to_ink

# Smaller photographs are enlarged, because lines and light are found in windows
# of several px.  Measurements: docs/experiments.md, "Thumbnails are enlarged".
ENLARGED_PX, MOST_ENLARGED_PX = 140, 1024
# If the ink of a photograph is smaller than this share of its longer side, it is dirt on blank paper.
MIN_PART_OF_PHOTOGRAPH = 0.03


@dataclass(frozen=True)
class Ink:
    """The ink of a picture.

    grey: (H, W) uint8, the channel that shows the ink best.  levels: bright
    ink on 0, None for a blank; (H, W) uint8 for a drawing, float32 from 0 to
    255 at the photograph's own size for a photograph.
    """

    grey: Bytes
    levels: npt.NDArray[Any] | None
    extent: Extent | None = None
    photograph: Photograph | None = None
    is_glyph: bool = False


def separate_ink(pixels: Bytes, *, is_number: bool = False) -> Ink:
    """Separate the ink of a digit, or of a number, from its background.

    pixels: as `decode_image` returns them.
    """
    opaque = composite(pixels)
    grey = pick_channel(opaque)
    levels = find_ink(grey)
    if not is_number and levels is not None and is_glyph(levels):
        return Ink(grey, levels, is_glyph=True)
    extent = None if levels is None else extent_of(levels)
    if not needs_flattening(grey, extent) or (is_number and _is_cut_off(grey, levels)):
        return Ink(grey, levels, extent)
    # Larger pictures are more often of whole pages, with shadows as wide as the strokes of a bold digit.
    may_be_cropped = not is_number and min(grey.shape) < ENLARGED_PX
    photograph = read_photograph(_enlarge(luminance(opaque)), may_be_cropped=may_be_cropped)
    if photograph is None:
        return Ink(grey, None)
    mask, density = photograph.mask, photograph.density
    kept = number_parts(mask, density) if is_number else digit_parts(mask, density, drop_edges=True)
    return Ink(grey, None if _is_dirt(kept) else to_ink(photograph, kept), photograph=photograph)


def _is_cut_off(grey: Bytes, ink: Bytes | None) -> bool:
    """Whether different digits of a drawing touch opposite edges, rather than a line from one edge to the other."""
    if ink is None or not has_plain_background(grey):
        return False
    strongest = int(ink.max())
    labels, _ = label(ink >= strongest * BOX_LEVEL)
    sides = ((np.s_[0], np.s_[-1]), (np.s_[:, 0], np.s_[:, -1]))
    for one, other in sides:
        levels = min(int(ink[one].max()), int(ink[other].max()))
        # A faint line may be broken into pieces; digits are as dark as the rest.
        if levels >= strongest * BOX_LEVEL and levels < strongest / 2:
            return False
        if set(labels[one].tolist()) & set(labels[other].tolist()) - {0}:
            return False
    return True


def _enlarge(grey: Bytes) -> Bytes:
    """Interpolate a picture with a side under ENLARGED_PX, unless the result would be huge."""
    if min(grey.shape) >= ENLARGED_PX:
        return grey
    factor = min(-(-ENLARGED_PX // min(grey.shape)), max(1, MOST_ENLARGED_PX // max(grey.shape)))
    if factor == 1:
        return grey
    rows, columns = (resampling_matrix(size, size * factor) for size in grey.shape)
    enlarged: Bytes = np.rint(rows @ grey.astype(np.float32) @ columns.T).astype(np.uint8)
    return enlarged


def _is_dirt(kept: Mask) -> bool:
    """Whether the remaining ink of a photograph is too small for writing."""
    top, bottom, left, right = ink_box(kept)
    return bool(max(bottom - top, right - left) < MIN_PART_OF_PHOTOGRAPH * max(kept.shape))
