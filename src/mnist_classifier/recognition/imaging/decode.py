"""Decode the bytes of a picture file to pixels.

Handles hostile files: unknown formats, truncated files, decompression bombs,
animations, files of a billion tiny parts.  bench/fuzz.py looks for more.
"""

from __future__ import annotations

import binascii
import contextlib
import io
import string
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pybase64
from kornia_rs import io as png
from PIL import Image

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage

# Pillow's warnings of harmless damage quote the file: strangers could write to the log, and Python keeps every text.
warnings.filterwarnings("ignore", module=r"PIL\.")

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MIN_SIDE_PX = 8

# Larger pictures are reduced to this side: a digit needs no more detail, and a 12-megapixel photograph takes little
# more time than a drawing.
WORKING_SIDE_PX = 1024

# The header of a PNG.  Plain ones have 8 bits a channel, no interlacing, and no chunks that change the pixels.
PNG_HEAD = struct.Struct(">16sIIBBBBB")
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
PLAIN_PNG = {(8, 0, 0, 0, 0): "mono", (8, 2, 0, 0, 0): "rgb", (8, 6, 0, 0, 0): "rgba"}
PNG_EXTRAS = (b"tRNS", b"acTL", b"eXIf", b"tEXt", b"zTXt", b"iTXt")

# Pillow reads PNG chunks, JPEG markers, GIF blocks and BMP runs in Python: 10 MB of empty ones took 5 to 7 s.  A
# photograph of 10 MB takes some thousand reads, a GIF 80,000.
MAX_READS = 100_000
# A scan of a progressive JPEG may have 60 bytes, but decoding it takes 24 ms for 40 million pixels.  Encoders write
# about ten scans; previews and second pictures in the same file have their own.
MAX_JPEG_SCANS = 100
JPEG_SCAN = b"\xff\xda"
# Pillow decodes these in Python, at most 10 million pixels a second.
BMP_RUN_LENGTHS = (1, 2)
# Decoding takes up to 20 bytes a pixel, so pictures larger than this are decoded one at a time.
LARGE_PIXELS = 4_000_000
large_picture_lock = threading.Lock()

# EXIF orientation -> the operation that turns the picture upright.
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Exceptions of Pillow's decoders for damaged files.
DECODER_FAILURES = (
    OSError,  # UnidentifiedImageError is one
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


def decode_base64(text: str) -> bytes:
    """Decode base64, with or without a `data:...;base64,` prefix.  Raises InvalidImage."""
    if text.startswith("data:"):
        header, comma, text = text.partition(",")
        if not comma or not header.endswith(";base64"):
            raise InvalidImage("a data: URL must look like data:image/png;base64,...", field="image")
    try:
        data = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Line breaks and missing padding are common and harmless.
        data = _decode_untidy(text)
    if not data:
        raise InvalidImage("the image is empty (0 bytes)", field="image")
    return data


def _decode_untidy(text: str) -> bytes:
    try:
        compact = text.encode("ascii").translate(None, string.whitespace.encode())
        return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidImage("the image is not valid base64", field="image") from None


def decode_image(data: bytes, *, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Decode one still picture.

    data: a PNG, JPEG, WebP, GIF or BMP file.
    Returns uint8: (H, W) luminance, or (H, W, 3) RGB if there is colour; with
    alpha as an additional channel if there is transparency.
    Raises InvalidImage, ImageTooLarge.
    """
    return decode_with_scale(data, max_pixels=max_pixels)[0]


def decode_with_scale(
    data: bytes, *, max_pixels: int, side_px: int = WORKING_SIDE_PX
) -> tuple[npt.NDArray[np.uint8], float]:
    """Decode one still picture; also return how many px of the file each px stands for.

    That is 1 unless it was larger than `side_px`.
    """
    plain = _decode_plain_png(data, max_pixels, side_px)
    if plain is not None:
        return plain, 1.0
    with opened(data, max_pixels) as image:
        sent_side_px = max(image.size)
        with large_picture_lock if _is_large(image) else contextlib.nullcontext():
            # For JPEG only: decode at a half, quarter or eighth of the size.
            image.draft(None, (side_px, side_px))
            return _scaled(channels(upright(image), side_px), sent_side_px)


@contextmanager
def opened(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """Open the file of a picture and check it, but do not decode it yet.  Raises InvalidImage, ImageTooLarge."""
    if not data:
        raise InvalidImage("the image is empty (0 bytes)", field="image")
    with clear_failures(max_pixels), Image.open(_LimitedFile(data), formats=FORMATS) as image:
        check_size(image, max_pixels)
        _check_scans(image, data)
        yield image


def unpack_image(
    image: Image.Image, *, max_pixels: int, side_px: int = WORKING_SIDE_PX
) -> tuple[npt.NDArray[np.uint8], float]:
    """Turn a Pillow image into pixels and a scale, as `decode_with_scale` does for a file; does not change it."""
    with clear_failures(max_pixels):
        check_size(image, max_pixels)
        return _scaled(channels(upright(image), side_px), max(image.size))


def _scaled(pixels: npt.NDArray[np.uint8], sent_side_px: int) -> tuple[npt.NDArray[np.uint8], float]:
    # Rotation does not change the length of the longer side.
    return pixels, sent_side_px / max(pixels.shape[:2])


@contextmanager
def clear_failures(max_pixels: int) -> Iterator[None]:
    """Turn the exceptions of Pillow into InvalidImage or ImageTooLarge, with a message for people."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(max_pixels) from None
    except DECODER_FAILURES:
        accepted = ", ".join(FORMATS)
        raise InvalidImage(f"this is no picture that can be read; accepted are {accepted}", field="image") from None


class _LimitedFile(io.BytesIO):
    """The bytes of a file; limits how often Pillow may read, because many tiny parts take seconds."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file.  Raises OSError after MAX_READS reads."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("too many parts")
        return super().read(size)


def _decode_plain_png(data: bytes, max_pixels: int, side_px: int = WORKING_SIDE_PX) -> npt.NDArray[np.uint8] | None:
    """Decode a PNG of a canvas in a fraction of Pillow's time; None if it needs Pillow, which may refuse it."""
    if len(data) < PNG_HEAD.size:
        return None
    start, width, height, *kind = PNG_HEAD.unpack_from(data)
    mode = PLAIN_PNG.get(tuple(kind))
    if start != PNG_START or mode is None or any(tag in data for tag in PNG_EXTRAS):
        return None
    if min(width, height) < MIN_SIDE_PX or max(width, height) > side_px or width * height > max_pixels:
        return None
    try:
        pixels: npt.NDArray[np.uint8] = png.decode_image_png_u8(data, (height, width), mode)
    except Exception:  # kornia-rs raises no specific class
        return None
    return pixels[..., 0] if mode == "mono" else _fewestchannels(pixels)


def _fewestchannels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Drop the alpha channel if all pixels are opaque, and two colours if all are grey.  pixels: (H, W, 3 or 4)."""
    drawing = _grey_drawing(pixels) if pixels.shape[2] == 4 else None
    if drawing is not None:
        return drawing
    has_alpha = pixels.shape[2] == 4 and pixels[..., 3].min() < 255
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return pixels if has_alpha else pixels[..., :3]
    return pixels[..., [0, 3]] if has_alpha else np.ascontiguousarray(pixels[..., 0])


def _grey_drawing(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """Reduce (H, W, 4) to (H, W) if all pixels are grey and opaque, as on most canvases, or return None."""
    whole = pixels.view("<u4")[..., 0]
    grey = whole.astype(np.uint8)  # the lowest byte is red
    expected = grey.astype(np.uint32)
    expected *= np.uint32(0x010101)
    expected |= np.uint32(0xFF000000)
    return grey if (whole == expected).all() else None


def check_size(image: Image.Image, max_pixels: int) -> None:
    """Raise ImageTooLarge or InvalidImage if a picture is too large, too small, slow to decode or animated."""
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(max_pixels)
    if min(width, height) < MIN_SIDE_PX:
        raise InvalidImage(
            f"the image is too small to hold a digit: {width}x{height} pixels, both sides need {MIN_SIDE_PX}",
            field="image",
        )
    if image.info.get("compression") in BMP_RUN_LENGTHS and width * height > LARGE_PIXELS:
        raise InvalidImage("the BMP file is large and run-length encoded; save it plain or as PNG", field="image")
    # Phones store a second picture or a brightness map after the photograph (MPO); the first one is read.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise InvalidImage("the image is animated; send one still picture", field="image")


def _check_scans(image: Image.Image, data: bytes) -> None:
    if image.format in ("JPEG", "MPO") and data.count(JPEG_SCAN) > MAX_JPEG_SCANS:
        raise InvalidImage(f"the JPEG file has more than {MAX_JPEG_SCANS} scans; save it as a plain one", field="image")


def _is_large(image: Image.Image) -> bool:
    """Whether decoding takes much memory; a JPEG is reduced while decoding, unless it is progressive."""
    is_plain_jpeg = image.format in ("JPEG", "MPO") and "progressive" not in image.info
    return image.width * image.height > LARGE_PIXELS and not is_plain_jpeg


def upright(image: Image.Image) -> Image.Image:
    """Rotate a picture by its EXIF orientation; ImageOps.exif_transpose would also encode the EXIF data again."""
    image.load()  # a PNG may have its EXIF data after the pixels
    method = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    return image if method is None else image.transpose(method)


def _too_large(max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"the image has more than {max_pixels / 1e6:g} million pixels; send a smaller one", field="image"
    )


def channels(image: Image.Image, side_px: int = WORKING_SIDE_PX) -> npt.NDArray[np.uint8]:
    """Convert any mode to (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), with sides of at most `side_px`."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = Image.fromarray(_upper_bytes(np.asarray(image)))
    has_alpha = image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info
    is_grey = image.mode in ("L", "LA")
    wanted = ("LA" if is_grey else "RGBA") if has_alpha else ("L" if is_grey else "RGB")
    if image.mode != wanted or "transparency" in image.info:  # otherwise Pillow would make a copy
        image = image.convert(wanted)
    factor = -(-max(image.size) // side_px)
    if factor > 1:
        image = image.reduce(factor)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 2:
        return pixels if pixels[..., 1].min() < 255 else np.ascontiguousarray(pixels[..., 0])
    return _fewestchannels(pixels)


def _upper_bytes(wide: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Convert levels of 16 bits to 8 bits."""
    if wide.dtype.itemsize > 2:  # Pillow uses signed 32 bits for some files
        wide = wide.clip(0, 65535)
    return (wide >> 8).astype(np.uint8)


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W) uint8 as a grey PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def to_data_url(data: bytes) -> str:
    """Encode a PNG file as `data:image/png;base64,...`."""
    return "data:image/png;base64," + pybase64.b64encode(data).decode("ascii")
