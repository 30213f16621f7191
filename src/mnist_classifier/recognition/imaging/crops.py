"""Cut the fields of a form out of a picture.

A large picture is reduced before it is read, and then its fields would be tiny.
So fields are cut out at full size, and only those that are large themselves are reduced.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import Box
from mnist_classifier.recognition.imaging.decode import (
    LARGE_PIXELS,
    MIN_SIDE_PX,
    WORKING_SIDE_PX,
    channels,
    check_size,
    clear_failures,
    large_picture_lock,
    opened,
    upright,
)

# All fields of one picture together, once reduced: 200 fields of 80,000 pixels, or 64 MB with four channels.
MOST_PIXELS = 16_000_000


@dataclass(frozen=True)
class Crop:
    """A part of a picture: uint8 pixels, its corner in px of the picture, and px of the picture for each of its px."""

    pixels: Bytes
    left_px: int
    top_px: int
    scale: float

    def in_picture(self, x: int, y: int) -> tuple[int, int]:
        """A point of the crop in px of the picture."""
        return self.left_px + math.floor(x * self.scale), self.top_px + math.floor(y * self.scale)


def cut_file(data: bytes, boxes: Sequence[Box], *, max_pixels: int) -> list[Crop]:
    """Cut boxes out of the file of a picture.

    Raises InvalidImage, ImageTooLarge; InvalidInput with the field `fields[2].box` if that box cannot be used.
    """
    with opened(data, max_pixels) as image:
        is_large = image.width * image.height > LARGE_PIXELS
        with large_picture_lock if is_large else contextlib.nullcontext():
            return _cut(upright(image), boxes)


def cut_image(image: Image.Image, boxes: Sequence[Box], *, max_pixels: int) -> list[Crop]:
    """Cut boxes out of a Pillow image, as `cut_file` does."""
    with clear_failures(max_pixels):
        check_size(image, max_pixels)
        return _cut(upright(image), boxes)


def _cut(image: Image.Image, boxes: Sequence[Box]) -> list[Crop]:
    edges = [_edges(image, number, box) for number, box in enumerate(boxes)]
    pixels = sum(_reduced_pixels(right - left, bottom - top) for left, top, right, bottom in edges)
    if pixels > MOST_PIXELS:
        raise InvalidInput(
            f"the fields have {pixels / 1e6:.1f} million pixels together, and at most {MOST_PIXELS / 1e6:g} million "
            "are read; send fewer fields at a time, or a smaller picture",
            field="fields",
        )
    return [_crop(image, each) for each in edges]


def _edges(image: Image.Image, number: int, box: Box) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of a box that lies inside the picture."""
    x, y, width, height = box
    left, top, right, bottom = max(0, x), max(0, y), min(image.width, x + width), min(image.height, y + height)
    if min(right - left, bottom - top) < MIN_SIDE_PX:
        raise InvalidInput(
            f"fields[{number}].box has {max(0, right - left)}x{max(0, bottom - top)} pixels inside the picture of "
            f"{image.width}x{image.height} pixels; both sides need {MIN_SIDE_PX}",
            field=f"fields[{number}].box",
        )
    return left, top, right, bottom


def _reduced_pixels(width: int, height: int) -> int:
    return width * height // _reduction(width, height) ** 2


def _reduction(width: int, height: int) -> int:
    return -(-max(width, height) // WORKING_SIDE_PX)


def _crop(image: Image.Image, edges: tuple[int, int, int, int]) -> Crop:
    part = image.crop(edges)
    pixels = channels(part)
    return Crop(pixels, edges[0], edges[1], max(part.size) / max(pixels.shape[:2]))
