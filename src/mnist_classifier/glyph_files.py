"""Files of many glyphs, IDX or .npy, plain or gzip, read piece by piece: any number of them fits into memory.

for glyphs in blocks(Path("t10k-images-idx3-ubyte.gz")):
    recogniser.opinions(glyphs)
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.dataset import SIDE_PX, parse_header
from mnist_classifier.errors import DataCorrupt

if TYPE_CHECKING:
    from io import BufferedReader

File: TypeAlias = "gzip.GzipFile | BufferedReader"
Glyphs: TypeAlias = "npt.NDArray[np.uint8]"

GLYPHS_AT_ONCE = 256
GLYPH_BYTES = SIDE_PX * SIDE_PX
GZIP_MAGIC, NPY_MAGIC = b"\x1f\x8b", b"\x93NUMPY"
# IDX begins with two zeros, the type of its values and the number of dimensions; ours are bytes.
IDX_MAGIC, IDX_DIMENSIONS = b"\0\0\x08", 3
# Shapes of one glyph in an array of several.
GLYPH_SHAPES = ((SIDE_PX, SIDE_PX), (GLYPH_BYTES,), (SIDE_PX, SIDE_PX, 1), (1, SIDE_PX, SIDE_PX))


def is_glyph_file(path: Path) -> bool:
    """Whether the file begins as one does, whatever its name; False for one that cannot be read."""
    try:
        with _opened(path) as file:
            return file.read(6).startswith((NPY_MAGIC, IDX_MAGIC))
    except (OSError, EOFError, ValueError, zlib.error):
        return False


def blocks(path: Path) -> Iterator[Glyphs]:
    """(N, 28, 28) uint8 pieces of the file, in order, N at most GLYPHS_AT_ONCE.

    What is wrong at the end of a file shows when the rest has been given.
    Raises DataCorrupt.
    """
    with _clear_failures(path), _opened(path) as file:
        start = file.peek(len(NPY_MAGIC))
        count = _npy_count(path, file) if start.startswith(NPY_MAGIC) else _idx_count(path, file)
        for first in range(0, count, GLYPHS_AT_ONCE):
            wanted = min(GLYPHS_AT_ONCE, count - first)
            data = file.read(wanted * GLYPH_BYTES)
            whole = len(data) // GLYPH_BYTES
            if whole:
                yield np.frombuffer(data, np.uint8, whole * GLYPH_BYTES).reshape(-1, SIDE_PX, SIDE_PX)
            if whole < wanted:
                raise DataCorrupt(f"{path} is cut short: expected {count} glyphs, found {first + whole}")
        if file.read(1):
            raise DataCorrupt(f"{path} is too long: there is more behind its {count} glyphs")


def _opened(path: Path) -> File:
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    return gzip.open(path) if zipped else path.open("rb")


def _idx_count(path: Path, file: File) -> int:
    return parse_header(path, file.read(4 + 4 * IDX_DIMENSIONS), IDX_DIMENSIONS)[0]


def _npy_count(path: Path, file: File) -> int:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DataCorrupt(f"{path} is of the .npy version {version}; expected 1.0 or 2.0")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if shape == GLYPH_SHAPES[0]:
        shape = (1, *shape)
    if dtype != np.uint8 or shape[1:] not in GLYPH_SHAPES or (fortran_order and len(shape) > 1):
        raise DataCorrupt(
            f"{path} holds an array {shape} of {dtype}{' in Fortran order' if fortran_order else ''}; "
            "expected glyphs of uint8, (N, 28, 28), ink = 255: np.ascontiguousarray(..., np.uint8)"
        )
    return int(shape[0])


@contextmanager
def _clear_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise DataCorrupt(f"{path} is cut short: the gzip data stops before its end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataCorrupt(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise DataCorrupt(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataCorrupt(f"{path} has no header that can be read: {error}") from None
