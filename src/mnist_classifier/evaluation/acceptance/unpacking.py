"""Unpack zip and tar files that strangers may have made, within limits."""

from __future__ import annotations

import gzip
import io
import itertools
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

from mnist_classifier.core.errors import InvalidArchive, MnistError

MB = 1_000_000
LARGEST_ARCHIVE, LARGEST_UNPACKED = 100 * MB, 200 * MB
MOST_FILES = 20_100
# Archives of macOS have a second, hidden file for each file; folders of Windows have files for its views.
HIDDEN_FOLDER, HIDDEN_FILES = "__MACOSX", ("thumbs.db", "desktop.ini")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Bits of an entry's flags: encrypted, a patch, strongly encrypted.
ENCRYPTED = 1 | 1 << 5 | 1 << 6
# The start of each entry in the directory of a zip.
ENTRY = b"PK\1\2"
# The start of a compressed tar file.  An .xz file is not read: it says itself how much memory it takes.
GZIP = b"\x1f\x8b"
FAILURES = (
    *(tarfile.TarError, zlib.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, LookupError, OverflowError),
)


def check_size(count: int) -> None:
    """Refuse an archive of so many bytes if they are too many.  Raises InvalidArchive."""
    if count > LARGEST_ARCHIVE:
        raise InvalidArchive(f"the file has {count / MB:.0f} MB; the limit is {LARGEST_ARCHIVE / MB:.0f} MB")


@contextmanager
def opened_zip(data: bytes, *, most_files: int) -> Iterator[zipfile.ZipFile]:
    """Open a zip file; what is wrong with it, also within the block, raises InvalidArchive.  OSError is the disk's."""
    check_size(len(data))
    # Before zipfile makes an object of each.  Compressed bytes hold ENTRY by chance once in 4 GB.
    if data.count(ENTRY) > most_files:
        raise InvalidArchive(f"the archive has more than {most_files:,} files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield archive
    except (OSError, MnistError):
        raise
    except Exception as error:  # zipfile and zlib have no common class of errors
        raise InvalidArchive(f"this is no zip archive, or it is damaged: {error}") from error


def check_entries(entries: Sequence[zipfile.ZipInfo]) -> None:
    """Raise InvalidArchive unless each is a folder or a plain file that `zipfile` unpacks, and none shares bytes."""
    for entry in entries:
        name = entry.filename[:100]
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG) and not entry.is_dir():
            raise InvalidArchive(f"{name} is not a plain file in the archive")
        if entry.flag_bits & ENCRYPTED:
            raise InvalidArchive("the archive is encrypted")
        if entry.compress_type not in METHODS:
            raise InvalidArchive(f"{name} is compressed by a method other than deflate")
    if len({entry.filename for entry in entries}) < len(entries):
        raise InvalidArchive("the archive has the same file twice")
    places = sorted((entry.header_offset, entry.header_offset + entry.compress_size) for entry in entries)
    if any(end > start for (_, end), (start, _) in itertools.pairwise(places)):
        raise InvalidArchive("the archive has files that overlap")


def unpack(data: bytes) -> dict[str, bytes]:
    """Name -> contents of each plain file of a zip or tar file, without folders and hidden files, in memory.

    Raises InvalidArchive.
    """
    check_size(len(data))
    return _from_zip(data) if data.startswith(b"PK") else _from_tar(data)


def _from_zip(data: bytes) -> dict[str, bytes]:
    found, left = dict[str, bytes](), LARGEST_UNPACKED
    with opened_zip(data, most_files=MOST_FILES) as archive:
        check_entries(archive.infolist())
        for entry in archive.infolist():
            if entry.is_dir() or _is_hidden(entry.filename):
                continue
            with archive.open(entry) as packed:
                found[entry.filename] = contents = packed.read(left + 1)
            left -= len(contents)
            if left < 0:
                raise _too_large()
    return found


def _from_tar(data: bytes) -> dict[str, bytes]:
    found, left = dict[str, bytes](), LARGEST_UNPACKED
    try:
        with tarfile.open(fileobj=_Bounded(data), mode="r|") as archive:
            for count, entry in enumerate(archive, start=1):
                if count > MOST_FILES:
                    raise InvalidArchive(f"the archive has more than {MOST_FILES:,} files")
                if entry.isdir() or _is_hidden(entry.name):
                    continue
                if not entry.isreg():
                    raise InvalidArchive(f"{entry.name[:100]} is not a plain file in the archive")
                if entry.name in found:
                    raise InvalidArchive("the archive has the same file twice")
                left -= entry.size
                if left < 0:
                    raise _too_large()
                packed = archive.extractfile(entry)
                assert packed is not None
                found[entry.name] = packed.read()
    except FAILURES as error:
        raise InvalidArchive(f"this is no zip, .tar, .tar.gz or Parquet file, or it is damaged: {error}") from error
    return found


class _Bounded(io.RawIOBase):
    """A tar file whose every byte is counted: tarfile also reads what it skips, and headers of any size."""

    def __init__(self, data: bytes) -> None:
        packed = io.BytesIO(data)
        self._file = gzip.GzipFile(fileobj=packed) if data.startswith(GZIP) else packed
        # Each file has a header of 512 bytes, and is filled up to a multiple of that.
        self._left = LARGEST_UNPACKED + MOST_FILES * 1024

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes.  Raises InvalidArchive beyond the limit."""
        found = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(found)
        if self._left < 0:
            raise _too_large()
        return found


def _too_large() -> InvalidArchive:
    return InvalidArchive(f"the archive unpacks to more than {LARGEST_UNPACKED / MB:.0f} MB")


def _is_hidden(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name.startswith(".") or path.name.lower() in HIDDEN_FILES or HIDDEN_FOLDER in path.parts
