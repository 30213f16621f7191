"""The contents of a part: pictures or blocks of glyphs, one after the other.

Nothing is kept: a tar archive is read as a stream, a Parquet file in batches of rows.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_classifier.cluster.parts import Part
from mnist_classifier.cluster.storage import Place, described
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import (
    DataCorrupt,
    DataUnreadable,
    ImageTooLarge,
    InvalidImage,
    MnistError,
    StorageUnreachable,
)
from mnist_classifier.core.files import is_storage_trouble
from mnist_classifier.data import glyph_files
from mnist_classifier.data.packed_files import GZIP_MAGIC
from mnist_classifier.recognition.imaging.sources import ENDINGS as PICTURES

# A larger file is no picture of a digit, and would have to be held in memory.
LARGEST_PICTURE_BYTES = 100_000_000
ROWS_AT_ONCE = 64
READ_AT_ONCE = 1 << 16
# Names of the column that holds the pictures, if none is given.
COLUMNS = ("image", "bytes", "png", "jpg", "content")
# PyArrow and gzip raise OSError without a number for a damaged file.
DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, OSError)


@dataclass(frozen=True)
class Picture:
    """A picture, or the reason why there is none.  member: its name in the archive.  index: its number in the file."""

    source: str
    content: bytes | MnistError
    member: str | None = None
    index: int | None = None


def pictures(part: Part, column: str | None) -> Iterator[Picture]:
    """The pictures of a part.

    Damage to an archive ends it with an error; the pictures before it are read.
    """
    if part.kind == "pictures":
        for url in part.urls:
            yield Picture(url, _picture(url))
        return
    (url,) = part.urls
    found = _tar(url) if part.kind == "tar" else _rows(part, column)
    try:
        yield from found
    except DataCorrupt as error:
        yield Picture(url, error)
    except Exception as error:  # file systems have no common class of exceptions
        is_damaged = isinstance(error, DAMAGE) and not is_storage_trouble(error)
        kind, what = (DataCorrupt, "is damaged or cut short") if is_damaged else (StorageUnreachable, "cannot be read")
        yield Picture(url, kind(f"{url} {what}: {described(error)}"))


def glyphs(part: Part) -> Iterator[Bytes]:
    """The glyphs of a part, in (N, 28, 28) blocks.  Raises DataCorrupt at the damage, StorageUnreachable."""
    (url,) = part.urls
    try:
        yield from glyph_files.blocks(Place.of(url).open(), url, first=part.first, stop=part.stop)
    except DataUnreadable as error:
        raise StorageUnreachable(error.message) from error
    except DataCorrupt:
        raise
    except Exception as error:  # file systems have no common class of exceptions
        raise StorageUnreachable(f"{url} cannot be read: {described(error)}") from error


def _picture(url: str) -> bytes | MnistError:
    try:
        with Place.of(url).open() as file:
            return _bounded(file.read(LARGEST_PICTURE_BYTES + 1))
    except Exception as error:  # file systems have no common class of exceptions
        return StorageUnreachable(f"{url} cannot be read: {described(error)}")


def _bounded(data: bytes) -> bytes | MnistError:
    if len(data) > LARGEST_PICTURE_BYTES:
        return ImageTooLarge(f"the picture has more than {LARGEST_PICTURE_BYTES // 1_000_000} MB; send a smaller one")
    return data


# --- tar archives -------------------------------------------------------------------------------------


class _Header(tarfile.TarInfo):
    """Refuses a missing, incomplete or damaged header, which tarfile takes for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Any:
        """Parse a header.  Raises ReadError."""
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("the mark at its end is missing")
        if not any(buf):
            return super().frombuf(buf, encoding, errors)  # raises the error that means the end
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"one of its headers is damaged ({error})") from error

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Any:
        """Read a header and what belongs to it.  Raises ReadError."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            while rest := archive.fileobj.read(READ_AT_ONCE):
                if any(rest):
                    raise tarfile.ReadError("more data follows the mark at its end") from None
            raise


def _tar(url: str) -> Iterator[Picture]:
    """The pictures of a tar archive, plain or compressed."""
    index = 0
    with _unpacked(Place.of(url)) as file, tarfile.open(fileobj=file, mode="r|*", tarinfo=_Header) as archive:
        for member in archive:
            name = member.name
            if not member.isfile() or not name.lower().endswith(PICTURES) or name.rpartition("/")[2].startswith("."):
                continue
            opened = archive.extractfile(member)
            data = opened.read(LARGEST_PICTURE_BYTES + 1) if opened is not None else b""
            yield Picture(url, _bounded(data), name, index)
            index += 1
            vars(archive)["members"] = []  # tarfile keeps every header otherwise


@contextlib.contextmanager
def _unpacked(place: Place) -> Iterator[BinaryIO]:
    """The archive without its gzip, because tarfile would ignore the checksum and everything after the first stream."""
    with place.open() as file, io.BufferedReader(cast("Any", file)) as buffered:
        if buffered.peek(2).startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=buffered) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield buffered


# --- Parquet ------------------------------------------------------------------------------------------


def _rows(part: Part, column: str | None) -> Iterator[Picture]:
    (url,) = part.urls
    index = part.first_row
    with Place.of(url).open() as file, pq.ParquetFile(file, pre_buffer=False) as opened:
        chosen = _column(url, opened.schema_arrow, column)
        groups = range(part.first, opened.num_row_groups if part.stop is None else part.stop)
        for batch in opened.iter_batches(ROWS_AT_ONCE, row_groups=list(groups), columns=[chosen]):
            for value in batch.column(0).to_pylist():
                yield _row(url, value, index)
                index += 1


def _row(url: str, value: Any, index: int) -> Picture:
    """A row of bytes, or of Hugging Face's {bytes, path}."""
    member = value.get("path") if isinstance(value, dict) else None
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None:
        return Picture(url, InvalidImage("this row holds no picture", field="image"), member, index)
    return Picture(url, _bounded(data), member, index)


def _column(url: str, schema: pa.Schema, wanted: str | None) -> str:
    names: Sequence[str] = schema.names
    found = wanted if wanted in names else None if wanted else next((each for each in COLUMNS if each in names), None)
    if found is None:
        missing = f"no column {wanted}" if wanted else f"none of the columns {', '.join(COLUMNS)}"
        raise DataCorrupt(f"{url} has {missing}; name one of {', '.join(names)[:200]} with --column")
    kind = schema.field(found).type
    content = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(content) or pa.types.is_large_binary(content)):
        raise DataCorrupt(f"{url}: the column {found} holds {kind}, not the bytes of pictures; choose another --column")
    return found
