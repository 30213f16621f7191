"""Unpack zip and tar files that strangers may have made, within limits, in memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from mnist_classifier.core.errors import InvalidArchive

MB = 1_000_000
LARGEST_ARCHIVE, LARGEST_UNPACKED = 100 * MB, 200 * MB
MOST_FILES = 20_100
# Archives of macOS have a second, hidden file for each file.
HIDDEN_FOLDER = "__MACOSX"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1
# First bytes of a compressed tar file -> the module that unpacks it.
COMPRESSED = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
FAILURES = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, LookupError, OverflowError),
)


def unpack(data: bytes) -> dict[str, bytes]:
    """Name -> contents of each plain file of an archive, without folders and hidden files.  Raises InvalidArchive."""
    if len(data) > LARGEST_ARCHIVE:
        raise InvalidArchive(f"the file has {len(data) / MB:.0f} MB; the limit is {LARGEST_ARCHIVE / MB:.0f} MB")
    found: dict[str, bytes] = {}
    left = LARGEST_UNPACKED
    try:
        for name, contents in _from_zip(data) if data.startswith(b"PK") else _from_tar(data):
            left -= len(contents)
            if left < 0:
                raise _too_large()
            if name in found:
                raise InvalidArchive(f"the archive has the file {name[:100]!r} twice")
            found[name] = contents
    except FAILURES as error:
        raise InvalidArchive(f"this is no zip, tar or Parquet file, or it is damaged: {error}") from error
    return found


def _from_zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        _check_count(len(entries))
        for entry in entries:
            name = entry.filename
            if entry.is_dir() or _is_hidden(name):
                continue
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
                raise InvalidArchive(f"{name[:100]} is not a plain file in the archive")
            if entry.flag_bits & ENCRYPTED or entry.compress_type not in METHODS:
                raise InvalidArchive(f"{name[:100]} is encrypted, or its compression is not deflate")
            with archive.open(entry) as packed:
                yield name, packed.read(LARGEST_UNPACKED + 1)


def _from_tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    count = 0
    file: IO[bytes] = io.BytesIO(data)
    for magic, module in COMPRESSED.items():
        if data.startswith(magic):
            file = module.open(file)
    # "r|" only reads.
    with tarfile.open(fileobj=_Limited(file), mode="r|") as archive:  # type: ignore[call-overload]
        for entry in archive:
            count += 1
            _check_count(count)
            if entry.isdir() or _is_hidden(entry.name):
                continue
            if not entry.isreg():
                raise InvalidArchive(f"{entry.name[:100]} is not a plain file in the archive")
            packed = archive.extractfile(entry)
            assert packed is not None
            yield entry.name, packed.read(LARGEST_UNPACKED + 1)


class _Limited:
    """A tar file that is read up to LARGEST_UNPACKED.

    tarfile itself has no limit for headers and for what is skipped.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, LARGEST_UNPACKED

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes.  Raises InvalidArchive."""
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large()
        return data


def _too_large() -> InvalidArchive:
    return InvalidArchive(f"the archive unpacks to more than {LARGEST_UNPACKED / MB:.0f} MB")


def _is_hidden(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name.startswith(".") or HIDDEN_FOLDER in path.parts


def _check_count(files: int) -> None:
    if files > MOST_FILES:
        raise InvalidArchive(f"the archive has more than {MOST_FILES:,} files; send it in parts")
