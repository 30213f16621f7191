"""The folders of model versions: added whole, taken away whole.

Nothing here knows the database; `registry` does.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_classifier.errors import ModelError, StorageFull
from mnist_classifier.manifest import flush_folder, write_manifest

# How often a number is tried anew when another process takes it first.
NUMBER_ATTEMPTS = 20
# A folder that is being written looks like one that a killed process left; after so long it is one.
# A day: a clock that is set an hour forward or back must not remove what another process is saving.
ABANDONED_AFTER_S = 86_400
NEW, DELETED = ".new-", ".deleted-"


class Shelf:
    """The folder `models/`."""

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir

    def folder(self, number: int) -> Path:
        """Where a version is."""
        return self.models_dir / str(number)

    def numbers(self) -> list[int]:
        """The versions on the disk."""
        if not self.models_dir.is_dir():
            return []
        return sorted(int(p.name) for p in self.models_dir.iterdir() if p.name.isdecimal() and p.is_dir())

    def add(self, manifest: dict[str, Any], write_files: Callable[[Path], None], last_used: Callable[[], int]) -> int:
        """Write a version under the next free number; returns it.

        The folder is written beside its place, flushed, renamed: whatever
        fails, there is a whole version or none.  `last_used` is the highest
        number that was ever given.  Raises StorageFull.
        """
        self.models_dir.mkdir(parents=True, exist_ok=True)
        with _clear_disk_errors(), tempfile.TemporaryDirectory(prefix=NEW, dir=self.models_dir) as name:
            folder = Path(name) / "version"
            folder.mkdir()
            write_files(folder)
            return self._place(folder, manifest, last_used)

    def _place(self, folder: Path, manifest: dict[str, Any], last_used: Callable[[], int]) -> int:
        for _ in range(NUMBER_ATTEMPTS):
            number = max([last_used(), *self.numbers()]) + 1
            write_manifest(folder, {**manifest, "version": number})
            try:
                os.rename(folder, self.folder(number))
            except OSError as error:
                # Another process was quicker; POSIX and Windows say so differently.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                    raise
                continue
            flush_folder(self.models_dir)
            return number
        raise ModelError(f"no free version number was found in {self.models_dir}; check its permissions")

    def remove(self, number: int) -> None:
        """Take a folder away whole, then piece by piece; what is in use (Windows) goes at the next start."""
        grave = self.models_dir / f"{DELETED}{number}-{os.getpid()}"
        try:
            os.rename(self.folder(number), grave)
        except OSError:
            return
        shutil.rmtree(grave, ignore_errors=True)

    def sweep(self, deleted: Iterable[int]) -> None:
        """Remove these versions, and what killed processes left half done."""
        for number in deleted:
            self.remove(number)
        for path in self.models_dir.glob(f"{DELETED}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.models_dir.glob(f"{NEW}*"):
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _clear_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull("the disk is full, so the model was not saved; free some space and try again") from error
        raise
