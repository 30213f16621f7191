"""Claims: which process has a run in hand.

A claim has a random name, and a file of that name that its process keeps
locked.  The kernel holds the lock for as long as the process exists, busy or
suspended, and frees it however the process ends.  So no clock decides, no
process number that may be used again, and no boundary of a container.

Locks need `fcntl` (not on Windows) and a disk that supports them.  Without
either there is no file, and `is_alive` does not know.
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

# The locked files of this process.  A descriptor that is closed gives up its lock, unless a child has inherited it.
_descriptors: dict[str, int] = {}


@contextmanager
def new_claim(folder: Path) -> Iterator[str]:
    """Name a claim that the block may `lock`; if the block fails, the lock is given up again."""
    claim = uuid.uuid4().hex
    try:
        yield claim
    except BaseException:
        release(folder, claim)
        raise


def lock(folder: Path, claim: str) -> None:
    """Lock the file of a new claim.  Raises StorageFull, MnistError where it cannot be made."""
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
    """Whether the process of a claim exists; None where its file is not here, or cannot be asked."""
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
    """The descriptors that a child must inherit (`pass_fds`) to hold the claim's lock."""
    return (_descriptors[claim],) if claim in _descriptors else ()


def hand_over(claim: str | None) -> None:
    """Leave the lock to the child that inherited it."""
    if claim in _descriptors:
        os.close(_descriptors.pop(claim))


def release(folder: Path, claim: str | None) -> None:
    """Remove the file of a claim that is over, and give up its lock."""
    hand_over(claim)
    if claim is not None:
        with suppress(OSError):
            (folder / claim).unlink(missing_ok=True)
