"""Claims: which process carries out a run.

A claim has a random name and a file of that name, which its process keeps
locked.  The kernel holds the lock while the process exists, busy or
suspended, and frees it however the process ends.  That is safer than a timeout,
which a suspended process exceeds, and than a process id, which may be reused or
belong to another container.

Locks need `fcntl` (not on Windows) and a disk that supports them.  Without
either there is no file, and `is_alive` returns None.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist_classifier.core import files
from mnist_classifier.core.errors import MnistError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# The locked files of this process.  Closing a descriptor releases its lock, unless a child has inherited it.
_descriptors: dict[str, int] = {}


@contextmanager
def new_claim(folder: Path) -> Iterator[str]:
    """Make the name of a claim for a block that may `lock` it; release the lock if the block fails."""
    claim = uuid.uuid4().hex
    try:
        yield claim
    except BaseException:
        release(folder, claim)
        raise


def lock(folder: Path, claim: str) -> None:
    """Create and lock the file of a new claim.  Raises StorageFull, MnistError."""
    if fcntl is None:
        return
    with files.disk_errors(f"no training can start: {folder} cannot be written to", MnistError):
        folder.mkdir(parents=True, exist_ok=True)
        _descriptors[claim] = os.open(folder / claim, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        fcntl.flock(_descriptors[claim], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a network disk without locks
        release(folder, claim)


def is_alive(folder: Path, claim: str | None) -> bool | None:
    """Whether the process of a claim exists; None if its file is missing or cannot be checked."""
    if fcntl is None or claim is None:
        return None
    try:
        descriptor = os.open(folder / claim, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def inherited(claim: str | None) -> tuple[int, ...]:
    """The file descriptors that a child must inherit (`pass_fds`) to hold the lock of a claim."""
    return (_descriptors[claim],) if claim in _descriptors else ()


def hand_over(claim: str | None) -> None:
    """Leave the lock to the child that inherited it."""
    if claim in _descriptors:
        os.close(_descriptors.pop(claim))


def release(folder: Path, claim: str | None) -> None:
    """Release the lock of a claim and remove its file."""
    hand_over(claim)
    if claim is not None:
        with suppress(OSError):
            (folder / claim).unlink(missing_ok=True)
