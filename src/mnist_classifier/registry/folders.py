"""The folders of model versions on this machine, created and removed atomically."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mnist_classifier.core import files
from mnist_classifier.core.errors import ModelError
from mnist_classifier.core.records import LARGEST_ID
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.manifest import (
    CARD_FILE,
    ROBUSTNESS_FILE,
    check_files,
    plain_files,
    read_manifest,
    read_stored_robustness,
    verify,
    write_manifest,
    write_robustness,
)
from mnist_classifier.registry.rows import VersionRows

BOX_NAME = "pretrained"
# Attempts to find a free number while other processes take numbers too.
NUMBER_ATTEMPTS = 20
# An unfinished folder older than this was left by a killed process.  A day is safe even if somebody sets the clock
# an hour forward while another process is saving.
ABANDONED_AFTER_S = 86_400
# Prefixes of the names of unfinished folders and of folders that are being deleted.
NEW, DELETED = ".new-", ".deleted-"


class VersionFolders:
    """The folder `models/`."""

    def __init__(self, models_dir: Path, rows: VersionRows) -> None:
        self.models_dir = models_dir
        self._rows = rows

    def folder(self, number: int) -> Path:
        """The folder of a version."""
        return self.models_dir / str(number)

    def numbers(self) -> list[int]:
        """The numbers of the versions on the disk."""
        return sorted(int(name) for name in self._names() if is_version(name))

    def strays(self) -> list[str]:
        """Folders with a number that no version can have: 0, 007 or 99999999999."""
        return sorted(name for name in self._names() if name.isdecimal() and not is_version(name))

    def _names(self) -> list[str]:
        if not self.models_dir.is_dir():
            return []
        return [path.name for path in self.models_dir.iterdir() if path.is_dir()]

    def check(self, number: int, *, thorough: bool) -> None:
        """Check the files of a version: their sizes, and with `thorough` also their hashes.

        Raises ModelMissing, ModelCorrupt.
        """
        (verify if thorough else check_files)(self.folder(number))

    def add(self, manifest: dict[str, Any], write_files: Callable[[Path], None]) -> dict[str, Any]:
        """Write a version under the next free number, and return its manifest.

        The folder is written under another name, flushed and renamed, so a
        failure leaves a complete version or none.  Raises StorageFull, ModelError.
        """
        with self.new_folder() as folder:
            write_files(folder)
            return self._place(folder, manifest)

    @contextmanager
    def new_folder(self, outcome: str = "the model was not saved") -> Iterator[Path]:
        """A temporary folder on the same disk as the versions.

        outcome: what a full disk means, for the message.  Raises StorageFull, ModelError.
        """
        with files.disk_errors(outcome, ModelError):
            self.models_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=NEW, dir=self.models_dir) as name:
                folder = Path(name) / "version"
                folder.mkdir()
                yield folder

    def _place(self, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
        for _ in range(NUMBER_ATTEMPTS):
            number = next(n for n in itertools.count(self._rows.last() + 1) if not os.path.lexists(self.folder(n)))
            if number > LARGEST_ID:
                raise ModelError(f"version {LARGEST_ID} is the last possible one; use another MNIST_HOME")
            write_manifest(folder, {**manifest, "version": number})
            written = read_manifest(folder)
            try:
                os.rename(folder, self.folder(number))
            except OSError as error:
                # Another process was quicker; POSIX and Windows report it differently.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                    raise
                continue
            files.flush_folder(self.models_dir)
            return written
        raise ModelError(f"no free version number was found in {self.models_dir}; check its permissions")

    def remove(self, number: int) -> None:
        """Rename a folder, then delete its files; on Windows, files in use stay until the next start."""
        renamed = self.models_dir / f"{DELETED}{number}-{os.getpid()}"
        try:
            os.rename(self.folder(number), renamed)
        except OSError:
            return
        shutil.rmtree(renamed, ignore_errors=True)

    def sweep(self, deleted: Mapping[int, bool]) -> None:
        """Remove deleted versions, and unfinished folders of killed processes.  deleted: see `VersionRows.deleted`."""
        for number in self.numbers():
            if deleted.get(number):
                self.remove(number)
        for path in self.models_dir.glob(f"{DELETED}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.models_dir.glob(f"{NEW}*"):
            with suppress(FileNotFoundError):  # another process has just finished
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(path, ignore_errors=True)

    def robustness(self, number: int) -> bytes | None:
        """The robustness table of a version as it was stored, if there is one."""
        return read_stored_robustness(self.folder(number))

    def write_robustness(self, number: int, table: bytes) -> None:
        """Store the robustness table of a version, or replace it.  Raises StorageFull, ModelError."""
        write_robustness(self.folder(number), table)


def is_version(name: str) -> bool:
    """Whether a folder name is the number of a version."""
    return re.fullmatch("[1-9][0-9]{0,8}", name) is not None  # 1 to LARGEST_ID


def copy_to_box(source: Path, box_dir: Path, robustness: bytes | None = None) -> None:
    """Make the version in `source` the model in the box of this checkout (for maintainers)."""
    manifest = verify(source)
    for path in plain_files(box_dir):
        path.unlink()
    for name in manifest["files"]:
        shutil.copyfile(source / name, box_dir / name)
    if robustness is not None:
        (box_dir / ROBUSTNESS_FILE).write_bytes(robustness)
    card = box_dir / CARD_FILE
    card.write_text(card.read_text("utf-8").replace(f"# {manifest['name']}", f"# {BOX_NAME}", 1), "utf-8")
    write_manifest(box_dir, {**manifest, "version": BOX, "name": BOX_NAME, "run_id": None})
