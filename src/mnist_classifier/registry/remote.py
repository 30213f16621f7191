"""Model versions in a model store that several machines share, with a cache on each machine.

Object stores cannot rename, so the manifest of a version is written last and
deleted first: a folder without one is no version.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any

from mnist_classifier.core import files
from mnist_classifier.core.errors import MnistError, ModelCorrupt, ModelError, ModelMissing
from mnist_classifier.registry.bucket import Bucket
from mnist_classifier.registry.folders import ABANDONED_AFTER_S, VersionFolders, is_version
from mnist_classifier.registry.manifest import (
    LARGEST_BYTES,
    MANIFEST_FILE,
    MB,
    ROBUSTNESS_FILE,
    plain_files,
    read_manifest,
    verify,
    write_manifest,
)
from mnist_classifier.registry.rows import VersionRows

log = logging.getLogger(__name__)


class RemoteStore:
    """The versions in a model store.  Thread-safe.  cache_dir: the folder for copies on this machine.

    Every method raises StoreUnreachable if the store does not answer.
    """

    def __init__(self, url: str, cache_dir: Path, rows: VersionRows) -> None:
        self._bucket = Bucket(url)
        self._rows = rows
        # A cache of another store must not answer for this one.
        self._cache = VersionFolders(cache_dir / hashlib.sha256(url.encode()).hexdigest()[:16], rows)
        self._lock = Lock()
        # Robustness tables by number, with the mark of the file that they were read from.
        self._tables: dict[int, tuple[object, bytes]] = {}

    @property
    def models_dir(self) -> Path:
        """The folder of the copies on this machine."""
        return self._cache.models_dir

    def folder(self, number: int) -> Path:
        """The copy of a version on this machine; fetches it if it is not there, or not as it was recorded.

        Raises ModelMissing, ModelCorrupt, StorageFull.
        """
        recorded = self._rows.manifest(number)
        folder = self._cache.folder(number)
        with self._lock:
            if recorded is None or not _holds(folder, recorded):
                self._cache.remove(number)
                self._fetch(number, recorded)
        return folder

    def numbers(self) -> list[int]:
        """The numbers of the complete versions in the store now."""
        names = (path.split("/") for path in self._bucket.list(fresh=True))
        return sorted(int(number) for number, name in names if name == MANIFEST_FILE and is_version(number))

    def strays(self) -> list[str]:
        """Folders with a number that no version can have."""
        names = {path.split("/")[0] for path in self._bucket.list()}
        return sorted(name for name in names if name.isdecimal() and not is_version(name))

    def check(self, number: int, *, thorough: bool) -> None:
        """Check a version.  Compares sizes only, unless it is not recorded: folder() compares the hashes.

        Raises ModelMissing, ModelCorrupt.
        """
        recorded = self._rows.manifest(number)
        if recorded is None:
            self.folder(number)
            return
        listing = self._bucket.list()
        if f"{number}/{MANIFEST_FILE}" not in listing:
            raise ModelMissing(f"the model store has no version {number}: {MANIFEST_FILE} is missing")
        for name, expected in recorded["files"].items():
            found = listing.get(f"{number}/{name}", {}).get("size")
            if found != expected["bytes"]:
                raise ModelCorrupt(f"{number}/{name} has {found} bytes in the model store, not {expected['bytes']}")

    def new_folder(self) -> AbstractContextManager[Path]:
        """A temporary folder on this machine."""
        return self._cache.new_folder()

    def add(self, manifest: dict[str, Any], write_files: Callable[[Path], None]) -> dict[str, Any]:
        """Write a version under a number of its own, and return its manifest.

        A failure leaves a complete version or none.  Raises StorageFull, ModelError.
        """
        with self.new_folder() as folder:
            write_files(folder)
            number = self._rows.reserve(max(self._used(), default=0))
            write_manifest(folder, {**manifest, "version": number})
            written = read_manifest(folder)
            names = sorted((path.name for path in plain_files(folder)), key=lambda name: name == MANIFEST_FILE)
            for name in names:  # the manifest last
                self._bucket.write(f"{number}/{name}", (folder / name).read_bytes())
            self._cache.remove(number)  # a version of this number that another database knew
            self._keep(folder, number)
        return written

    def remove(self, number: int) -> None:
        """Delete a version here and in the store; what cannot be reached now, the next start deletes."""
        self._cache.remove(number)
        try:
            self._remove_from_store(number)
        except MnistError as error:
            log.warning("version %s was not deleted from the model store: %s", number, error.message)

    def sweep(self, deleted: Mapping[int, bool]) -> None:
        """Remove deleted versions here and in the store, and what killed processes left unfinished."""
        self._cache.sweep(deleted)
        complete = set(self.numbers())
        for number in self._used():
            if deleted.get(number) or (number not in complete and self._is_abandoned(number)):
                self.remove(number)

    def robustness(self, number: int) -> bytes | None:
        """The robustness table of a version as it was stored, if there is one."""
        try:
            info = self._bucket.list().get(f"{number}/{ROBUSTNESS_FILE}")
            if info is None:
                return None
            mark = info.get("ETag"), info.get("mtime"), info["size"]
            known = self._tables.get(number)
            if known is None or known[0] != mark:
                known = self._tables[number] = mark, self._read(number, ROBUSTNESS_FILE, LARGEST_BYTES[ROBUSTNESS_FILE])
        except (ModelMissing, ModelCorrupt):
            return None  # a model can be used without it
        return known[1]

    def write_robustness(self, number: int, table: bytes) -> None:
        """Store the robustness table of a version, or replace it."""
        self._bucket.write(f"{number}/{ROBUSTNESS_FILE}", table)

    def _fetch(self, number: int, recorded: Mapping[str, Any] | None) -> None:
        with self._cache.new_folder(f"version {number} was not copied from the model store") as folder:
            (folder / MANIFEST_FILE).write_bytes(self._read(number, MANIFEST_FILE, LARGEST_BYTES[MANIFEST_FILE]))
            with _told_of_the_store(number, folder):
                manifest = read_manifest(folder)
            if recorded is not None and manifest["files"] != recorded["files"]:
                raise ModelCorrupt(
                    f"version {number} in the model store is not the one that was recorded; restore its files"
                )
            for name, expected in manifest["files"].items():
                largest = min(expected["bytes"], LARGEST_BYTES.get(name, MB))
                (folder / name).write_bytes(self._read(number, name, largest))
                files.flush(folder / name)
            with _told_of_the_store(number, folder):
                verify(folder)
            files.flush(folder / MANIFEST_FILE)
            self._keep(folder, number)

    def _keep(self, folder: Path, number: int) -> None:
        """Move a complete folder into the cache."""
        try:
            os.rename(folder, self._cache.folder(number))
        except OSError:
            # Another process was quicker.
            if not _holds(self._cache.folder(number), read_manifest(folder)):
                raise

    def _remove_from_store(self, number: int) -> None:
        for path in sorted(
            self._paths(number), key=lambda path: not path.endswith(MANIFEST_FILE)
        ):  # the manifest first
            self._bucket.remove(path)

    def _is_abandoned(self, number: int) -> bool:
        """Whether a process that died left this folder: nobody wrote to it for a day."""
        moments = [self._bucket.modified(path) for path in self._paths(number)]
        # Another server may be removing the files at this moment.
        newest = max((moment for moment in moments if moment is not None), default=datetime.now(timezone.utc))
        return (datetime.now(timezone.utc) - newest).total_seconds() > ABANDONED_AFTER_S

    def _paths(self, number: int) -> list[str]:
        return [path for path in self._bucket.list(fresh=True) if path.startswith(f"{number}/")]

    def _used(self) -> set[int]:
        """Every number in the store, also of unfinished versions."""
        names = {path.split("/")[0] for path in self._bucket.list(fresh=True)}
        return {int(name) for name in names if is_version(name)}

    def _read(self, number: int, name: str, largest_bytes: int) -> bytes:
        try:
            return self._bucket.read(f"{number}/{name}", largest_bytes)
        except FileNotFoundError:
            kind = ModelMissing if name == MANIFEST_FILE else ModelCorrupt
            raise kind(f"{number}/{name} is not in the model store") from None


@contextmanager
def _told_of_the_store(number: int, folder: Path) -> Iterator[None]:
    """Let an error name the version in the store, not the temporary folder that it was copied to."""
    try:
        yield
    except ModelCorrupt as error:
        reason = error.message.replace(f"{folder}{os.sep}", "")
        raise ModelCorrupt(f"version {number} is damaged in the model store: {reason}") from error


def _holds(folder: Path, recorded: Mapping[str, Any]) -> bool:
    """Whether a folder has exactly the files that were recorded."""
    try:
        return bool(verify(folder)["files"] == recorded["files"])
    except ModelError:
        return False
