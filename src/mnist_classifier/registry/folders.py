"""The folders of model versions: added whole, taken away whole.

Nothing here knows the database; `registry` does.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_classifier.core import files
from mnist_classifier.core.errors import ModelError
from mnist_classifier.registry.manifest import write_manifest
from mnist_classifier.registry.manifest_types import LARGEST_VERSION

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
        return sorted(int(name) for name in self._names() if _is_version(name))

    def strays(self) -> list[str]:
        """Folders named by a number that is no version's: 0, 007 or 99999999999."""
        return sorted(name for name in self._names() if name.isdecimal() and not _is_version(name))

    def _names(self) -> list[str]:
        if not self.models_dir.is_dir():
            return []
        return [path.name for path in self.models_dir.iterdir() if path.is_dir()]

    def add(self, manifest: dict[str, Any], write_files: Callable[[Path], None], last_used: Callable[[], int]) -> int:
        """Write a version under the next free number; returns it.

        The folder is written beside its place, flushed, renamed: whatever
        fails, there is a whole version or none.  `last_used` is the highest
        number that was ever given.  Raises StorageFull.
        """
        with self.new_folder() as folder:
            write_files(folder)
            return self._place(folder, manifest, last_used)

    @contextmanager
    def new_folder(self) -> Iterator[Path]:
        """A folder on the disk of the versions that is gone afterwards.  Raises StorageFull, ModelError."""
        with files.disk_errors("the model was not saved", ModelError):
            self.models_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=NEW, dir=self.models_dir) as name:
                folder = Path(name) / "version"
                folder.mkdir()
                yield folder

    def _place(self, folder: Path, manifest: dict[str, Any], last_used: Callable[[], int]) -> int:
        for _ in range(NUMBER_ATTEMPTS):
            number = next(n for n in itertools.count(last_used() + 1) if not os.path.lexists(self.folder(n)))
            if number > LARGEST_VERSION:
                raise ModelError(f"version {LARGEST_VERSION} is the last that can be; use another MNIST_HOME")
            write_manifest(folder, {**manifest, "version": number})
            try:
                os.rename(folder, self.folder(number))
            except OSError as error:
                # Another process was quicker; POSIX and Windows say so differently.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                    raise
                continue
            files.flush_folder(self.models_dir)
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


def _is_version(name: str) -> bool:
    return re.fullmatch("[1-9][0-9]{0,8}", name) is not None
