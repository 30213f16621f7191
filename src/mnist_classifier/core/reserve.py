"""A file that holds disk space, so that people can delete what they gave when the disk is full."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# The log of one deletion takes up to 0.5 MB, for the largest picture.
ROOM_BYTES = 4 * 2**20


class Reserve:
    """The file, and who needs its space.  Threads may share it.

    Other programs may take the space while it is in use.  Then the file is missing until there is room again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._users = 0

    def keep(self) -> None:
        """Make the file if it is missing and the disk has the space."""
        with suppress(OSError):
            if self._path.exists() and self._path.stat().st_size == ROOM_BYTES:
                return
            try:
                # Some file systems store zeros in no space at all.
                self._path.write_bytes(os.urandom(ROOM_BYTES))
            except OSError:
                self._path.unlink(missing_ok=True)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the block use the space, if the disk has less than that."""
        if shutil.disk_usage(self._path.parent).free >= ROOM_BYTES:
            yield
            return
        with self._lock:
            self._users += 1
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self.keep()
