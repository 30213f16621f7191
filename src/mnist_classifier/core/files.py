"""Replace files atomically, flush them to the disk, and explain errors of the disk."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_classifier.core.errors import StorageFull

# Windows has no EDQUOT.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# How a disk says that it has no locks; many network disks have none.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def is_disk_full(error: BaseException) -> bool:
    """Whether the disk is full, or the user's quota is used up."""
    return isinstance(error, OSError) and error.errno in _FULL


def is_storage_trouble(error: BaseException) -> bool:
    """Whether the disk or the network failed; for damaged contents, libraries raise OSError without a number."""
    has_number = isinstance(error, OSError) and error.errno is not None
    return has_number or isinstance(error, TimeoutError | ConnectionError)


@contextmanager
def disk_errors(outcome: str, otherwise: Callable[[str], Exception]) -> Iterator[None]:
    """Turn an OSError of the block into a message that begins with `outcome`.

    Raises StorageFull if the disk is full, and `otherwise(message)` for any other reason.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise StorageFull(f"the disk is full, so {outcome}; free some space and try again") from error
        raise otherwise(f"{outcome}: {error.strerror or error}") from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; after the block, the file there replaces `path`.

    The file is flushed to the disk first.  If the block fails, the old file stays.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        flush(part)
        os.replace(part, path)
        flush_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, taken: Exception) -> Iterator[None]:
    """Lock a file during the block; raises `taken` while another process has locked it.

    On a disk without locks it does nothing.  Raises OSError.
    """
    # Imported here, because most commands lock nothing.
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise taken from None
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()


def flush(path: Path) -> None:
    """Wait until a file's contents are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make renames in a folder durable; Windows neither needs nor allows this."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
