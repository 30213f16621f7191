"""Separate ink from background: the first steps of reading a digit or a number."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Mask
from mnist_classifier.recognition.imaging.background import (
    MIN_CONTRAST,
    Extent,
    extent_of,
    fills_picture,
    find_ink,
    has_plain_background,
    needs_flattening,
)
from mnist_classifier.recognition.imaging.cautions import LOW_CONTRAST, LOW_DENSITY
from mnist_classifier.recognition.imaging.colour import composite, luminance, pick_channel
from mnist_classifier.recognition.imaging.components import label
from mnist_classifier.recognition.imaging.normalise import (
    BOX_LEVEL,
    as_strong_as_mnist,
    ink_box,
    is_glyph,
    resampling_matrix,
)
from mnist_classifier.recognition.imaging.parts import digit_parts, number_parts
from mnist_classifier.recognition.imaging.patterned import above_pattern
from mnist_classifier.recognition.imaging.photograph import WORKING_SIDE_PX, Photograph, read_photograph, to_ink
from mnist_classifier.recognition.page.outlines import Outline, may_enclose, remove_outlines
from mnist_classifier.recognition.page.sheet import Sheet, find_sheet, straighten
from mnist_classifier.recognition.page.underlines import without_line_below

# Smaller photographs are enlarged, because lines and light are found in windows
# of several px.  Measurements: docs/experiments.md, "Thumbnails are enlarged".
ENLARGED_PX, MOST_ENLARGED_PX = 140, 1024
# If the ink of a photograph is smaller than this share of its longer side, it is dirt on blank paper.
MIN_PART_OF_PHOTOGRAPH = 0.03
# Less ink on a plain background is no sheet; few drawings have more.  A sheet is wider than a quarter of the shorter
# side, from which so many samples are taken; few strokes are.
LEAST_COVERED, SAMPLES = 0.12, 16
# Printed frames have at least this share of the density of the ink.
FAINTEST_OUTLINE = 0.1


@dataclass(frozen=True)
class Ink:
    """The ink of a picture.

    grey: (H, W) uint8, the channel that shows the ink best.  levels: bright
    ink on 0, None for a blank; (H, W) uint8 for a drawing, float32 from 0 to
    255 at the photograph's own size for a photograph.  outlines: the frames and
    circles that were removed from it.  sheet: the part of the picture that all of
    these show, straightened; None for the whole picture.
    """

    grey: Bytes
    levels: npt.NDArray[Any] | None
    extent: Extent | None = None
    photograph: Photograph | None = None
    is_glyph: bool = False
    outlines: tuple[Outline, ...] = ()
    sheet: Sheet | None = None

    @property
    def contrast(self) -> float:
        """That of the ink with its background, in units of the lowest contrast without a warning."""
        if self.levels is None:
            return 0.0
        if self.photograph is not None:
            return self.photograph.typical / LOW_DENSITY
        return float(self.levels.max()) / LOW_CONTRAST

    @property
    def dark(self) -> Mask:
        """(H, W) the pixels at least half as dark as the ink, with those at the border that `levels` leaves out."""
        if self.photograph is not None:
            return np.asarray(self.photograph.density >= self.photograph.typical / 2)
        assert self.levels is not None
        return np.asarray(self.levels >= self.levels.max() / 2)


def separate_ink(
    pixels: Bytes, *, is_number: bool = False, is_page: bool = False, photograph_px: int = WORKING_SIDE_PX
) -> Ink:
    """Separate the ink of a digit, or of a number, from its background.

    pixels: as `decode_image` returns them.  is_page: look for no sheet.
    photograph_px: larger photographs are reduced to this.
    """
    opaque = composite(pixels)
    grey = pick_channel(opaque)
    levels = find_ink(grey)
    if not is_number and levels is not None and is_glyph(levels):
        return Ink(grey, as_strong_as_mnist(levels), is_glyph=True)
    extent = None if levels is None else extent_of(levels)
    is_photograph = needs_flattening(grey, extent)
    if is_photograph and not is_number and levels is not None and extent is not None:
        is_photograph = not fills_picture(grey, levels, extent)
    if not is_page and levels is not None and (is_photograph or _covers_much(levels)):
        sheet = find_sheet(grey)
        if sheet is not None:
            straight = straighten(opaque, sheet)
            on_sheet = separate_ink(straight, is_number=is_number, is_page=True, photograph_px=photograph_px)
            return dataclasses.replace(on_sheet, sheet=sheet)
    if not is_photograph or (is_number and _is_cut_off(grey, levels)):
        return _drawing(grey, levels, extent, is_number=is_number)
    # Larger pictures are more often of whole pages, with shadows as wide as the strokes of a bold digit.
    may_be_cropped = not is_number and min(grey.shape) < ENLARGED_PX
    photograph = read_photograph(_enlarge(luminance(opaque)), may_be_cropped=may_be_cropped, side_px=photograph_px)
    if photograph is None:
        return Ink(grey, None)
    if not is_number:
        photograph = above_pattern(photograph)
    typical = np.float32(photograph.typical)
    # Printed frames are fainter than the ink.  Faint lines of ruled paper are removed already.
    is_ruled = bool((photograph.with_lines > photograph.density).any())
    faintest = 0.5 * photograph.threshold if is_ruled else photograph.noise_floor
    level = max(FAINTEST_OUTLINE, faintest / photograph.typical)
    rest, outlines = remove_outlines(np.asarray(photograph.with_lines / typical, np.float32), level)
    if outlines:
        photograph = dataclasses.replace(photograph, density=np.minimum(photograph.density, rest * typical))
        if not photograph.mask.any():
            return Ink(grey, None)
    mask, density = photograph.mask, photograph.density
    kept = number_parts(mask, density) if is_number else digit_parts(mask, density, drop_edges=True)
    return Ink(
        grey, None if _is_dirt(kept) else to_ink(photograph, kept), photograph=photograph, outlines=tuple(outlines)
    )


def _drawing(grey: Bytes, levels: Bytes | None, extent: Extent | None, *, is_number: bool) -> Ink:
    """The ink of a drawing without what is around the digits, or under the one digit."""
    if levels is None or extent is None:
        return Ink(grey, None)
    if is_number or may_enclose(levels, extent):
        strongest = np.float32(levels.max())
        rest, outlines = remove_outlines(np.asarray(levels / strongest, np.float32))
        if outlines and (rest >= BOX_LEVEL).any():
            levels = np.rint(rest * strongest).astype(np.uint8)
            return Ink(grey, levels, extent_of(levels), outlines=tuple(outlines))
    if not is_number:
        levels, extent = without_line_below(levels, extent)
    return Ink(grey, levels, extent)


def _covers_much(ink: Bytes) -> bool:
    """A quick look: whether the ink of a drawing covers as much as a sheet on a plain desk does, and is as wide."""
    step = max(1, min(ink.shape) // SAMPLES)
    wide = ink[::step, ::step] >= MIN_CONTRAST
    if np.count_nonzero(wide) < LEAST_COVERED * wide.size:
        return False
    for _ in range(2):
        wide = (wide[:-3] & wide[1:-2] & wide[2:-1] & wide[3:]).T
    return bool(wide.any())


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
