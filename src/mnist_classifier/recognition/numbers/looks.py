"""Look for the ink of a number at few pixels, and again at more if its digits turn out to be small."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.recognition.imaging.components import label
from mnist_classifier.recognition.imaging.decode import WORKING_SIDE_PX, large_picture_lock
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.numbers.segmentation import MAX_PARTS, Inked, read_ink

# Pictures of numbers are decoded at up to this side: a page has far smaller digits than a picture of one number.
NUMBER_SIDE_PX = 3072
# Digits smaller than this, px, are looked at again, at this size if the picture has the pixels.
SMALL_PX, READ_PX = 24, 28
# A second look needs at least so many times the pixels along each side.
LEAST_GAIN = 1.25
# A limit on its time and memory: 3072 px take 5 s and 430 MB, this side 3 s and 130 MB.
MOST_SIDE_PX = 2048


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
    if label(inked.ink >= BOX_LEVEL)[1] > MAX_PARTS:
        return None
    wanted_px = round(side_px * min(1.0, max(READ_PX / inked.height, LEAST_GAIN) / share))
    return min(wanted_px, MOST_SIDE_PX)


def _look_closer(pixels: Bytes, side_px: int) -> Look | None:
    height, width = pixels.shape[:2]
    scale = max(height, width) / side_px
    if scale > 1:
        size = max(1, round(width / scale)), max(1, round(height / scale))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    inked = read_ink(pixels, side_px)
    return None if inked is None else Look(inked, pixels.shape, scale)
