"""Read glyphs from .npy, IDX, JSON lists or raw bytes: (N, 28, 28) uint8, ink = 255 on 0.

Nothing is unpickled, and nothing larger than the limit is decompressed.
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

# A media type of our own for one glyph, row by row, because 784 bytes can also be a small picture file.
RAW_GLYPH = "application/x-mnist-glyph"
# Parsing blocks all other threads: 25 ms for 2,000 glyphs, 75 ms for 10 MB.
MOST_JSON_GLYPHS = 2000
# In JSON, the shortest glyph has one digit and a comma for each pixel; a glyph sent as rows has 1 + 28 lists.
SHORTEST_GLYPH, LISTS_OF_A_GLYPH = 2 * PIXELS - 1, 1 + SIDE_PX
Pixel = Annotated[int, msgspec.Meta(ge=0, le=255)]
_glyphs = msgspec.json.Decoder(list[list[Pixel | list[Pixel]]])
_pixels = msgspec.json.Decoder(list[Pixel | list[Pixel | list[Pixel]]])


def is_raw_glyph(mimetype: str, data: bytes) -> bool:
    """Whether a body is one glyph, not a picture file.

    A glyph without its own media type must begin with a black pixel.  Every
    MNIST image does, and no picture format begins with a zero byte.
    """
    if mimetype == RAW_GLYPH:
        return True
    return mimetype == "application/octet-stream" and len(data) == PIXELS and data[0] == 0


def raw_glyph(data: bytes) -> Bytes:
    """Turn 784 bytes into a (28, 28) glyph.  Raises InvalidImage."""
    if len(data) != PIXELS:
        raise InvalidImage(f"a glyph must have {PIXELS} bytes (28 rows of 28 pixels), not {len(data)}", field="image")
    return np.frombuffer(data, np.uint8).reshape(SIDE_PX, SIDE_PX)


def read_file(data: bytes, *, limit: int, field: str | None = None) -> Bytes:
    """The glyphs of a file: (N, 28, 28).

    limit: bytes after decompression.  Raises InvalidInput.
    """
    try:
        return glyph_files.read(data, "the file", limit=limit)
    except DataCorrupt as error:
        raise InvalidInput(error.message, field=field) from None


def from_json(data: bytes, field: str) -> Bytes:
    """Glyphs as JSON, each 784 whole numbers from 0 to 255 or 28 lists of 28: (N, 28, 28).  Raises InvalidInput."""
    rows = []
    for index, glyph in enumerate(_decode(data, _glyphs, field)):
        pixels = _flatten(glyph, f"{field}[{index}]")
        if len(pixels) != PIXELS:
            message = f"{field}[{index}] has {len(pixels)} numbers; a glyph has {PIXELS}, or 28 lists of 28"
            raise InvalidInput(message, field=f"{field}[{index}]")
        rows.append(pixels)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)


def parse_pixels(data: bytes) -> bytes:
    """The bytes of a JSON list of whole numbers from 0 to 255, nested up to 3 deep.  Raises InvalidInput."""
    return _flatten(_decode(data, _pixels, "data"), "data")


def _decode(data: bytes, reader: msgspec.json.Decoder[list[Any]], field: str) -> list[Any]:
    """Parse lists of numbers, after counting commas and brackets.  Raises InvalidInput."""
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
        # Fast, because C loops over the numbers; a list among them raises TypeError.
        return bytes(value)
    except TypeError:
        raise _bad_pixels(field) from None


def _bad_pixels(field: str) -> InvalidInput:
    return InvalidInput(f"{field}: pixels must be whole numbers from 0 to 255, in a list", field=field)


def to_npy(array: npt.NDArray[Any]) -> bytes:
    """An array of numbers as the bytes of a .npy file."""
    file = io.BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()
