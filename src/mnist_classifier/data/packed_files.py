"""Open files that may be compressed with gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from mnist_classifier.core.errors import DataCorrupt, DataUnreadable
from mnist_classifier.core.files import is_storage_trouble

File: TypeAlias = "gzip.GzipFile | io.BufferedReader"

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_packed(source: Path | bytes | BinaryIO, name: str) -> Iterator[File]:
    """Open a file, given by path, by contents or opened, for reading; unpack it if its first bytes say gzip.

    name: what messages call the file.  Raises DataCorrupt if the file is damaged, DataUnreadable if the disk
    or the network fails, also for errors inside the `with` block.
    """
    try:
        raw: Any = _opened(source)
        with io.BufferedReader(raw) as file:
            if file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked
            else:
                yield file
    except EOFError:
        raise DataCorrupt(f"{name} is cut short: the gzip data stops before its end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataCorrupt(f"{name} is damaged: {error}") from None
    except OSError as error:
        kind = DataUnreadable if is_storage_trouble(error) else DataCorrupt
        raise kind(f"{name} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a null byte in the name
        raise DataCorrupt(f"{name} cannot be read: {error}") from None


def _opened(source: Path | bytes | BinaryIO) -> Any:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return source.open("rb", buffering=0) if isinstance(source, Path) else source
