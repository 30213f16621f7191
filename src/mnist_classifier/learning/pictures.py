"""Make corrections from pictures: the glyph for training, and a small copy for people."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import Box
from mnist_classifier.recognition.imaging.decode import MIN_SIDE_PX, decode_with_scale
from mnist_classifier.recognition.imaging.preprocess import prepare
from mnist_classifier.recognition.numbers.looks import NUMBER_SIDE_PX
from mnist_classifier.recognition.numbers.one_digit import cut, glyph_in_box
from mnist_classifier.recognition.numbers.pen_strokes import Points

# The copy of a picture: its longer side, and its file.
LONGEST_SIDE_PX, LARGEST_BYTES = 280, 256_000
# Some surroundings of a digit, so that people see where it comes from; a share of its longer side.
MARGIN = 0.15


def glyph_and_image(
    data: bytes, *, max_pixels: int, box: Box | None = None, strokes: Sequence[Points] = ()
) -> tuple[Bytes | None, bytes]:
    """Make the glyph of a digit as a reading makes it, and a small PNG of it.

    data: the file of a picture.  box: of a digit in a picture of a number.  box, strokes: in px of the file.
    The glyph is None if nothing is drawn.  Raises InvalidImage, ImageTooLarge; InvalidInput for a wrong box.
    """
    if box is None:
        pixels, _ = decode_with_scale(data, max_pixels=max_pixels)
        return prepare(pixels).glyph, small_png(pixels)
    pixels, scale = decode_with_scale(data, max_pixels=max_pixels, side_px=NUMBER_SIDE_PX)
    inside = _inside(box, scale, pixels)
    glyph = glyph_in_box(pixels, inside, [stroke / scale for stroke in strokes])
    return glyph, small_png(cut(pixels, inside, MARGIN))


def small_png(pixels: Bytes) -> bytes:
    """Reduce a picture to LONGEST_SIDE_PX and LARGEST_BYTES, as a PNG file.  pixels: as `decode_image` returns them."""
    image = Image.fromarray(pixels)
    side_px = LONGEST_SIDE_PX
    while True:
        image.thumbnail((side_px, side_px), Image.Resampling.BOX)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        if buffer.tell() <= LARGEST_BYTES:
            return buffer.getvalue()
        side_px //= 2


def _inside(box: Box, scale: float, pixels: Bytes) -> Box:
    """A box in px of the file as one in px of the decoded picture, inside it.  Raises InvalidInput."""
    edges = box[0], box[1], box[0] + box[2], box[1] + box[3]
    height, width = pixels.shape[:2]
    left, top = (max(0, math.floor(edge / scale)) for edge in edges[:2])
    right, bottom = (min(side, math.ceil(edge / scale)) for edge, side in zip(edges[2:], (width, height), strict=True))
    if right <= left or bottom <= top or min(box[2:]) < 1 or max(right - left, bottom - top) < MIN_SIDE_PX:
        raise InvalidInput(
            f"box must be x, y, width and height of at least {MIN_SIDE_PX} pixels inside the picture", field="box"
        )
    return left, top, right - left, bottom - top
