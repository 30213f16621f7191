"""Write a file whole or not at all, and say in words what the disk refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_classifier.core.errors import StorageFull

# Windows knows no quota.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def is_disk_full(error: BaseException) -> bool:
    """Whether the disk is full, or the quota of whoever runs this process."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def disk_errors(outcome: str, otherwise: Callable[[str], Exception]) -> Iterator[None]:
    """Turn an OSError of the block into a message that begins with `outcome`.

    Raises StorageFull where the disk is full, and `otherwise(message)` for any other reason.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise StorageFull(f"the disk is full, so {outcome}; free some space and try again") from error
        raise otherwise(f"{outcome}: {error.strerror or error}") from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends well, its file takes the place of `path`.

    The file is on the disk before it does.  If the block fails, the old file stays.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        flush(part)
        os.replace(part, path)
        flush_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file's contents are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make renames inside a folder durable; Windows neither needs nor allows it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
