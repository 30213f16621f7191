"""Look for the ink of a number at few pixels, and again at more if its digits turn out to be small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.core.records import Box, Caution, scaled
from mnist_classifier.recognition.imaging import components
from mnist_classifier.recognition.imaging.cautions import border_warnings, contrast_warnings
from mnist_classifier.recognition.imaging.decode import WORKING_SIDE_PX, large_picture_lock
from mnist_classifier.recognition.imaging.ink import separate_ink
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.imaging.photograph import WORKING_SIDE_PX as PHOTOGRAPH_PX
from mnist_classifier.recognition.numbers.segmentation import MAX_PARTS, median_height
from mnist_classifier.recognition.page.cells import CellPlace, find_cells
from mnist_classifier.recognition.page.sheet import Sheet

# Pictures of numbers are decoded at up to this side: a page has far smaller digits than a picture of one number.
NUMBER_SIDE_PX = 3072
# Digits smaller than this, px, are looked at again, at this size if the picture has the pixels.
SMALL_PX, WANTED_PX = 24, 28
# A second look needs at least so many times the pixels along each side.
LEAST_GAIN = 1.25
# A limit on its time and memory: 3072 px take 5 s and 430 MB, this side 3 s and 130 MB.
MOST_SIDE_PX = 2048
# Larger digits are reduced to this height, unless their strokes would become thinner, in px.
READ_PX, READ_STROKE_PX = 50, 2.5


@dataclass(frozen=True)
class Inked:
    """The ink of a picture, or of the sheet in it: (H, W) float32, 0 to 1.

    scale: px of those for each px of the ink.  height: of the digits, in px of
    the ink.  cells: the cells of tables and the boxes of forms.  outlines: bounding
    boxes of the frames and circles that were removed.  warnings: of faint ink, and of
    digits that the border of the picture cuts off.
    """

    ink: Floats
    scale: float
    height: float
    cells: tuple[CellPlace, ...] = ()
    outlines: tuple[Box, ...] = ()
    sheet: Sheet | None = None
    warnings: tuple[Caution, ...] = ()

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Find the place in the picture of a place in the ink; both are in px."""
        x, y = x * self.scale, y * self.scale
        return (x, y) if self.sheet is None else self.sheet.to_picture(x, y)


class Look(NamedTuple):
    """The ink, found in a picture of some shape; scale: px of the given picture for each px of that one."""

    inked: Inked
    shape: tuple[int, ...]
    scale: float


def look(pixels: Bytes) -> Look | None:
    """Find the ink of a number; None if nothing is drawn.  pixels: as `decode_image` returns them, of any size."""
    side_px = max(pixels.shape[:2])
    factor = -(-side_px // WORKING_SIDE_PX)
    reduced = pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))
    inked = read_ink(reduced)
    if inked is None:
        return None
    scale = side_px / max(reduced.shape[:2])
    wanted_px = _side_for_digits(inked, scale, side_px)
    if wanted_px is None:
        return Look(inked, reduced.shape, scale)
    # It takes up to 130 MB, so large pictures take turns.
    with large_picture_lock:
        closer = _look_closer(pixels, wanted_px)
    return closer or Look(inked, reduced.shape, scale)


def _side_for_digits(inked: Inked, scale: float, side_px: int) -> int | None:
    """The longer side, in px, of a picture whose digits are large enough; None if a closer look is of no use."""
    share = inked.scale * scale
    if inked.height >= SMALL_PX or share < LEAST_GAIN:
        return None
    # A picture of noise has thousands of parts.
    if components.label(inked.ink >= BOX_LEVEL)[1] > MAX_PARTS:
        return None
    wanted_px = round(side_px * min(1.0, max(WANTED_PX / inked.height, LEAST_GAIN) / share))
    return min(wanted_px, MOST_SIDE_PX)


def _look_closer(pixels: Bytes, side_px: int) -> Look | None:
    height, width = pixels.shape[:2]
    scale = max(height, width) / side_px
    if scale > 1:
        size = max(1, round(width / scale)), max(1, round(height / scale))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    inked = read_ink(pixels, side_px)
    return None if inked is None else Look(inked, pixels.shape, scale)


def read_ink(pixels: Bytes, photograph_px: int = PHOTOGRAPH_PX) -> Inked | None:
    """Find the ink of a number, as `separate_ink` does; None if nothing is drawn."""
    found = separate_ink(pixels, is_number=True, photograph_px=photograph_px)
    if found.levels is None:
        return None
    scale = min(full / reduced for full, reduced in zip(found.grey.shape, found.levels.shape, strict=True))
    ink = np.asarray(found.levels / np.float32(found.levels.max()), np.float32)
    mask = ink >= BOX_LEVEL
    parts = components.find_components(mask, ink)
    height = median_height(parts.boxes[:, 1] - parts.boxes[:, 0], parts.masses)
    factor = max(1, int(min(height / READ_PX, components.stroke_width(mask) / READ_STROKE_PX)))
    cells = [place._replace(box=scaled(place.box, 1 / factor)) for place in find_cells(found.outlines)]
    outlines = [
        scaled((left, top, right - left, bottom - top), 1 / factor)
        for top, bottom, left, right in (outline.box for outline in found.outlines)
    ]
    warnings = contrast_warnings(found.contrast)
    # The border of a sheet cuts nothing: nobody writes on the desk.
    if found.sheet is None:
        warnings = (*warnings, *border_warnings(found.dark))
    return Inked(
        _reduced(ink, factor), scale * factor, height / factor, tuple(cells), tuple(outlines), found.sheet, warnings
    )


def _reduced(ink: Floats, factor: int) -> Floats:
    """Average blocks of factor x factor px; digits need no more than READ_PX."""
    if factor == 1:
        return ink
    height, width = (-(-side // factor) for side in ink.shape)
    padded = np.pad(ink, ((0, height * factor - ink.shape[0]), (0, width * factor - ink.shape[1])))
    means = padded.reshape(height, factor, width, factor).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(means / means.max(), np.float32)
