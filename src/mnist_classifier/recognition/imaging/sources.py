"""Accept pictures in every form that callers pass: paths, bytes, arrays and Pillow images."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage
from mnist_classifier.core.records import Box
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.crops import Crop, cut_file, cut_image
from mnist_classifier.recognition.imaging.decode import WORKING_SIDE_PX, decode_with_scale, unpack_image

# A path; the bytes of a file; uint8 pixels, (H, W) or (H, W, channels); a Pillow image.
Picture: TypeAlias = "str | os.PathLike[str] | bytes | npt.NDArray[Any] | Image.Image"

# Endings of the pictures to read in a folder; a file that the user names may have any.
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
MAX_PIXELS: int = Settings.max_image_pixels
# Modes of Pillow that a PNG file can store unchanged.
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def as_pixels(
    picture: Picture, *, max_pixels: int = MAX_PIXELS, side_px: int = WORKING_SIDE_PX
) -> tuple[npt.NDArray[np.uint8], float]:
    """Convert a picture to pixels for preprocessing; sides over `side_px` are reduced.

    Also returns the scale: px of the original for each px of the result.
    Raises InvalidImage, ImageTooLarge.
    """
    if isinstance(picture, np.ndarray):
        pixels = _checked(picture)
        # A server reduces large pictures when it decodes them; do the same, so that both read alike.
        is_large = max(pixels.shape[:2]) > side_px
        if not is_large:
            return pixels, 1.0
        return unpack_image(Image.fromarray(pixels), max_pixels=max_pixels, side_px=side_px)
    if isinstance(picture, Image.Image):
        return unpack_image(picture, max_pixels=max_pixels, side_px=side_px)
    if isinstance(picture, bytes):
        return decode_with_scale(picture, max_pixels=max_pixels, side_px=side_px)
    with _named(_path(picture)):
        return decode_with_scale(read_file(picture), max_pixels=max_pixels, side_px=side_px)


def as_crops(picture: Picture, boxes: Sequence[Box], *, max_pixels: int = MAX_PIXELS) -> list[Crop]:
    """Cut boxes out of a picture, each at full size; a large box is reduced.

    Raises InvalidImage, ImageTooLarge; InvalidInput with the field `fields[2].box` if that box cannot be used.
    """
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(_checked(picture))
    if isinstance(picture, Image.Image):
        return cut_image(picture, boxes, max_pixels=max_pixels)
    if isinstance(picture, bytes):
        return cut_file(picture, boxes, max_pixels=max_pixels)
    with _named(_path(picture)):
        return cut_file(read_file(picture), boxes, max_pixels=max_pixels)


def as_file(picture: Picture) -> bytes:
    """Convert a picture to a file for a server: files stay as they are, the rest becomes PNG.  Raises InvalidImage."""
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, np.ndarray | Image.Image):
        with _named(_path(picture)):
            return read_file(picture)
    image = Image.fromarray(_checked(picture)) if isinstance(picture, np.ndarray) else picture
    buffer = io.BytesIO()
    (image if image.mode in PNG_MODES else image.convert("RGB")).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a file.  Raises InvalidImage with the reason, without the file name."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise InvalidImage(f"cannot be opened: {getattr(error, 'strerror', error)}", field="image") from error


def _path(picture: object) -> str:
    if not isinstance(picture, str | os.PathLike):
        kinds = "a path, bytes, a NumPy array or an image of Pillow"
        raise InvalidImage(f"a picture is {kinds}, not {type(picture).__name__}", field="image")
    return os.fspath(picture)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Add the file name to errors."""
    try:
        yield
    except (InvalidImage, ImageTooLarge) as error:
        raise type(error)(f"{path}: {error.message}", field=error.field) from error


def _checked(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        raise InvalidImage(
            f"pixels must be uint8, 0 to 255, not {pixels.dtype}; from 0 to 1 it is (pixels * 255).astype('uint8')",
            field="image",
        )
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (2,), (3,), (4,)) or 0 in pixels.shape:
        raise InvalidImage(
            f"pixels must have the shape (height, width), or that with 2 to 4 channels, not {pixels.shape}",
            field="image",
        )
    return pixels
