"""Glyphs as they are sent, many or one: .npy, IDX, lists of numbers, raw bytes -> (N, 28, 28) uint8.

No format is guessed at: ink is 255 on 0, 28 by 28, one byte a pixel.  Nothing
is unpickled, and nothing larger than the limit is unpacked.
"""

from __future__ import annotations

import io
import re
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from mnist_classifier.core.arrays import PIXELS, SIDE_PX, Bytes
from mnist_classifier.core.errors import DataCorrupt, InvalidImage, InvalidInput
from mnist_classifier.data import glyph_files

# One glyph, row by row: a media type of our own, since 784 bytes may also be a small picture file.
RAW_GLYPH = "application/x-mnist-glyph"
# Parsing holds up all other threads: 2,000 glyphs 25 ms, 10 MB of them 75.
MOST_JSON_GLYPHS = 2000
# In JSON: one digit for each pixel and the commas between; a list, or a list of rows.
SHORTEST_GLYPH, LISTS_OF_A_GLYPH = 2 * PIXELS - 1, 1 + SIDE_PX
Pixel = Annotated[int, msgspec.Meta(ge=0, le=255)]
_glyphs = msgspec.json.Decoder(list[list[Pixel | list[Pixel]]])
_pixels = msgspec.json.Decoder(list[Pixel | list[Pixel | list[Pixel]]])


def is_raw_glyph(mimetype: str, data: bytes) -> bool:
    """Whether a body is one glyph rather than a picture file.

    Sent as plain bytes it must begin with a black pixel: no picture format
    begins with a zero byte, and every MNIST image has a black corner.
    """
    if mimetype == RAW_GLYPH:
        return True
    return mimetype == "application/octet-stream" and len(data) == PIXELS and data[0] == 0


def raw_glyph(data: bytes) -> Bytes:
    """784 bytes -> (28, 28).  Raises InvalidImage."""
    if len(data) != PIXELS:
        raise InvalidImage(f"a glyph must have {PIXELS} bytes (28 rows of 28 pixels), not {len(data)}", field="image")
    return np.frombuffer(data, np.uint8).reshape(SIDE_PX, SIDE_PX)


def read_file(data: bytes, *, limit: int, field: str | None = None) -> Bytes:
    """The contents of a file of glyphs, as the command line reads it -> (N, 28, 28).

    limit: bytes once unpacked.  Raises InvalidInput.
    """
    try:
        return glyph_files.read(data, "the file", limit=limit)
    except DataCorrupt as error:
        raise InvalidInput(error.message, field=field) from None


def from_json(data: bytes, field: str) -> Bytes:
    """JSON lists of 784 whole numbers from 0 to 255, or of 28 lists of 28 -> (N, 28, 28).  Raises InvalidInput."""
    rows = []
    for index, glyph in enumerate(_decode(data, _glyphs, field)):
        pixels = _flatten(glyph, f"{field}[{index}]")
        if len(pixels) != PIXELS:
            message = f"{field}[{index}] has {len(pixels)} numbers; a glyph has {PIXELS}, or 28 lists of 28"
            raise InvalidInput(message, field=f"{field}[{index}]")
        rows.append(pixels)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)


def parse_pixels(data: bytes) -> bytes:
    """A JSON list of whole numbers from 0 to 255, or lists of such lists, 3 deep -> their bytes.

    Raises InvalidInput.
    """
    return _flatten(_decode(data, _pixels, "data"), "data")


def _decode(data: bytes, reader: msgspec.json.Decoder[list[Any]], field: str) -> list[Any]:
    """Lists of numbers, unless there are too many numbers, or more lists than glyphs of this many bytes have."""
    if data.count(b",") >= MOST_JSON_GLYPHS * PIXELS:
        message = f"{field}: at most {MOST_JSON_GLYPHS:,} glyphs are read from JSON; send more as bytes"
        raise InvalidInput(message, field=field)
    if data.count(b"[") > 1 + LISTS_OF_A_GLYPH * (1 + len(data) // SHORTEST_GLYPH):
        raise InvalidInput(f"{field} has too many lists: a glyph has {PIXELS} numbers, or 28 lists of 28", field=field)
    try:
        return reader.decode(data)
    except msgspec.ValidationError as error:
        first = re.match(r".* - at `\$(\[\d+\])", str(error)) if reader is _glyphs else None
        raise _bad_pixels(field + first[1] if first else field) from None


def _flatten(value: list[Any], field: str, depth: int = 3) -> bytes:
    try:
        if depth > 1 and value and isinstance(value[0], list):
            return b"".join(_flatten(part, field, depth - 1) for part in value)
        # C's loop over the numbers; a list among them is a TypeError.
        return bytes(value)
    except TypeError:
        raise _bad_pixels(field) from None


def _bad_pixels(field: str) -> InvalidInput:
    return InvalidInput(f"{field}: pixels must be whole numbers from 0 to 255, in a list", field=field)


def to_npy(array: npt.NDArray[Any]) -> bytes:
    """An array without objects -> the bytes of a .npy file."""
    file = io.BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()
