"""Read files of many glyphs (28x28 images): IDX or .npy, plain or gzip, from a path or as bytes.

for glyphs in blocks(Path("t10k-images-idx3-ubyte.gz")):
    recogniser.opinions(glyphs)

Files are read block by block, so they may be larger than memory.  Arrays in
Fortran order may not: their first glyph is complete only at the end of the file.
"""

from __future__ import annotations

import contextlib
import io
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from mnist_classifier.core.arrays import PIXELS, SIDE_PX, Bytes
from mnist_classifier.core.errors import DataCorrupt
from mnist_classifier.data.mnist import parse_header
from mnist_classifier.data.packed_files import GZIP_MAGIC, File, open_packed

# Endings of files of glyphs.
ENDINGS = (".npy", "idx3-ubyte", ".npy.gz", "idx3-ubyte.gz")
GLYPHS_AT_ONCE = 256
GLYPH_BYTES = PIXELS  # uint8
# The first bytes of each format.  No picture file begins with them.
NPY_MAGIC, IDX_MAGIC = b"\x93NUMPY", b"\0\0"
IDX_DIMENSIONS = 3  # images, rows, columns
# Shapes of one glyph in an array of many; a (28, 28) array is a single glyph.
GLYPH_SHAPES = ((SIDE_PX, SIDE_PX), (GLYPH_BYTES,), (SIDE_PX, SIDE_PX, 1), (1, SIDE_PX, SIDE_PX))
# Arrays in Fortran order must fit into memory; this many glyphs take 0.8 GB.
MOST_FORTRAN_GLYPHS = 1_000_000
LONGEST_HEADER = 10_000  # bytes; NumPy has the same limit, but checks it after reading the header
# NumPy raises any of these for an invalid header, because it parses the header as Python.
HEADER_FAILURES = (
    ValueError,
    TypeError,
    SyntaxError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)
# NumPy and Python's parser warn of unusual headers; an uploaded file must not fill the log.
warnings.filterwarnings("ignore", message=r"Reading `\.npy`")
warnings.filterwarnings("ignore", category=SyntaxWarning, module="<unknown>")


def is_glyphs(start: bytes) -> bool:
    """Whether a file with these first bytes may hold glyphs: IDX, .npy or gzip."""
    return start.startswith((NPY_MAGIC, GZIP_MAGIC, IDX_MAGIC))


def is_glyph_file(path: Path) -> bool:
    """Whether a file may hold glyphs, judged by its first bytes; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return is_glyphs(file.read(len(NPY_MAGIC)))
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return False


def count(path: Path) -> int:
    """The number of glyphs that a file says it holds; 0 if it cannot be read."""
    with contextlib.suppress(DataCorrupt), open_packed(path, str(path)) as file:
        return _layout(str(path), file)[0][0]
    return 0


def read(data: bytes, name: str, *, limit: int) -> Bytes:
    """Convert the contents of a file to (N, 28, 28) uint8 glyphs.

    name: what messages call the file.  limit: the most bytes of glyphs, once unpacked.
    Raises DataCorrupt.
    """
    found = list(blocks(data, name, limit=limit))
    return np.concatenate(found) if found else np.empty((0, SIDE_PX, SIDE_PX), np.uint8)


def sliceable_count(file: BinaryIO, name: str) -> int:
    """The number of glyphs of an opened file if `blocks` can begin anywhere in it; else 0.

    It cannot in gzip, in Fortran order, or if the length of the file contradicts its header.  Raises DataCorrupt.
    """
    with open_packed(file, name) as opened:
        if not isinstance(opened, io.BufferedReader):
            return 0
        (count, *_), is_fortran = _layout(name, opened)
        first_byte = opened.tell()
        is_complete = opened.seek(0, io.SEEK_END) - first_byte == count * GLYPH_BYTES
    return count if is_complete and not is_fortran else 0


def blocks(
    source: Path | bytes | BinaryIO,
    name: str = "",
    *,
    limit: int | None = None,
    first: int = 0,
    stop: int | None = None,
) -> Iterator[Bytes]:
    """Yield the glyphs of a file, given by path, contents or opened, in (N, 28, 28) uint8 blocks.

    A block has at most GLYPHS_AT_ONCE.  If a file is damaged, the glyphs before the damage are yielded first.
    name, limit: as for `read`.  first, stop: only these glyphs; see `sliceable_count`.  Raises DataCorrupt.
    """
    name = name or str(source)
    with open_packed(source, name) as file:
        shape, is_fortran = _layout(name, file)
        if stop is not None:
            file.seek(first * GLYPH_BYTES, io.SEEK_CUR)
        count = shape[0] if stop is None else stop - first
        if limit is not None and count * GLYPH_BYTES > limit:
            raise DataCorrupt(f"{name} is too long: it holds more than {limit} bytes once unpacked")
        parts = _fortran_blocks(name, file, shape) if is_fortran else _read_blocks(file, count)
        found = 0
        for glyphs in parts:
            found += len(glyphs)
            yield glyphs
        _check_count(name, count, found)
        if stop is None and file.read(1):
            raise DataCorrupt(f"{name} is too long: there is more data after its {count} glyphs")


def _layout(name: str, file: File) -> tuple[tuple[int, ...], bool]:
    """Read the header: the shape of the array, glyphs first, and whether it is in Fortran order."""
    if file.peek(len(NPY_MAGIC)).startswith(NPY_MAGIC):
        return _npy_layout(name, file)
    return _idx_shape(name, file), False


def _read_blocks(file: File, count: int) -> Iterator[Bytes]:
    """Yield blocks of `count` glyphs in total, or of fewer if the file ends too early."""
    for first in range(0, count, GLYPHS_AT_ONCE):
        wanted = min(GLYPHS_AT_ONCE, count - first)
        data = file.read(wanted * GLYPH_BYTES)
        whole = len(data) // GLYPH_BYTES
        if whole:
            yield np.frombuffer(data, np.uint8, whole * GLYPH_BYTES).reshape(-1, SIDE_PX, SIDE_PX)
        if whole < wanted:
            return


def _fortran_blocks(name: str, file: File, shape: tuple[int, ...]) -> Iterator[Bytes]:
    """Yield the glyphs of an array in Fortran order, after reading all of it."""
    if shape[0] > MOST_FORTRAN_GLYPHS:
        raise DataCorrupt(
            f"{name} holds more than {MOST_FORTRAN_GLYPHS:,} glyphs in Fortran order; save np.ascontiguousarray(...)"
        )
    # Read block by block: a header may claim more glyphs than there are, and memory must not be allocated for them.
    parts = list(_read_blocks(file, shape[0]))
    _check_count(name, shape[0], sum(map(len, parts)))
    if parts:
        array = np.concatenate(parts).reshape(-1).reshape(shape, order="F")
        glyphs = np.ascontiguousarray(array).reshape(-1, SIDE_PX, SIDE_PX)
        yield from (glyphs[first : first + GLYPHS_AT_ONCE] for first in range(0, len(glyphs), GLYPHS_AT_ONCE))


def _check_count(name: str, wanted: int, found: int) -> None:
    if found < wanted:
        raise DataCorrupt(f"{name} is cut short: expected {wanted} glyphs, found {found}")


def _idx_shape(name: str, file: File) -> tuple[int, ...]:
    return tuple(parse_header(name, file.read(4 + 4 * IDX_DIMENSIONS), IDX_DIMENSIONS))


def _npy_layout(name: str, file: File) -> tuple[tuple[int, ...], bool]:
    header = _LimitedHeader(file)
    try:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(header)]
        shape, is_fortran, dtype = read_header(header, max_header_size=LONGEST_HEADER)
    except HEADER_FAILURES:
        raise DataCorrupt(f"{name} is damaged: its .npy header cannot be read (versions 1.0 and 2.0 can)") from None
    if shape == GLYPH_SHAPES[0]:
        shape = (1, *shape)
    if dtype != np.uint8 or shape[1:] not in GLYPH_SHAPES or shape[0] < 0:
        found = f"an array of {dtype}, shape {shape}"
        raise DataCorrupt(
            f"{name} holds {found[:100]}; expected glyphs of uint8, shape (N, 28, 28) or (N, 784), ink = 255"
        )
    return shape, bool(is_fortran)


class _LimitedHeader:
    """Limits how much NumPy's header reader may read from a file at once."""

    def __init__(self, file: File) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """Read like a file.  Raises ValueError for more than LONGEST_HEADER bytes."""
        if not 0 <= size <= LONGEST_HEADER:
            raise ValueError("the header is too long")
        return self._file.read(size)
