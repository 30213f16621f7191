"""Model versions on disk, and the aliases that name them.

A version is an immutable folder `models/<number>/`.  The folder is the truth;
the database lists it and holds the aliases.  Version 0 is the model in the
box, which is part of the package and needs neither.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mnist_classifier.config import PRETRAINED_DIR
from mnist_classifier.errors import ModelCorrupt, ModelError, ModelMissing, StorageFull
from mnist_classifier.manifest import (
    CARD_FILE,
    ROBUSTNESS_FILE,
    flush_folder,
    read_manifest,
    read_robustness,
    verify,
    write_manifest,
    write_robustness,
)
from mnist_classifier.records import ModelVersion
from mnist_classifier.store import Store, aliases, model_versions, now

PRODUCTION = "production"
BOX = 0
BOX_NAME = "pretrained"

# How often a number is tried anew when another process takes it first.
NUMBER_ATTEMPTS = 20


class Registry:
    """The model versions of one MNIST_HOME."""

    def __init__(self, models_dir: Path, store: Store, *, box_dir: Path = PRETRAINED_DIR) -> None:
        self.models_dir = models_dir
        self.box_dir = box_dir
        self.store = store

    def folder(self, version: int) -> Path:
        """Where the files of a version are."""
        return self.box_dir if version == BOX else self.models_dir / str(version)

    def save(self, manifest: dict[str, Any], write_files: Callable[[Path], None]) -> ModelVersion:
        """Store a new version; `write_files` fills the folder that it is given.

        The folder is written beside its place, flushed, renamed, then
        recorded: whatever fails, there is a whole version or none.
        Raises StorageFull.
        """
        self.models_dir.mkdir(parents=True, exist_ok=True)
        with _clear_disk_errors(), tempfile.TemporaryDirectory(prefix=".new-", dir=self.models_dir) as name:
            folder = Path(name) / "version"
            folder.mkdir()
            write_files(folder)
            number = self._place(folder, manifest)
        return self._record(number)

    def _place(self, folder: Path, manifest: dict[str, Any]) -> int:
        for _ in range(NUMBER_ATTEMPTS):
            number = self._next_number()
            write_manifest(folder, {**manifest, "version": number})
            try:
                os.rename(folder, self.models_dir / str(number))
            except OSError as error:
                # Another process was quicker; POSIX and Windows say so differently.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                    raise
                continue
            flush_folder(self.models_dir)
            return number
        raise ModelError(f"no free version number was found in {self.models_dir}; check its permissions")

    def _next_number(self) -> int:
        with self.store.reading() as connection:
            recorded = connection.scalar(sa.select(sa.func.max(model_versions.c.version))) or 0
        return int(max([recorded, *self._numbers_on_disk()])) + 1

    def _numbers_on_disk(self) -> list[int]:
        if not self.models_dir.is_dir():
            return []
        return sorted(int(p.name) for p in self.models_dir.iterdir() if p.name.isdecimal() and p.is_dir())

    def _record(self, number: int) -> ModelVersion:
        version = _from_folder(number, self.folder(number))
        with self.store.writing() as connection:
            known = sa.select(model_versions.c.version).where(model_versions.c.version == number)
            if connection.scalar(known) is None:
                connection.execute(
                    model_versions.insert().values(
                        version=number,
                        name=version.name,
                        created_at=version.created_at,
                        manifest=version.manifest,
                    )
                )
        return version

    def adopt(self) -> list[int]:
        """Record whole versions that the database does not know; returns their numbers.

        They are left by a crash between renaming and recording, or by a
        database that was lost.
        """
        with self.store.reading() as connection:
            known = set(connection.scalars(sa.select(model_versions.c.version)))
        adopted = []
        for number in self._numbers_on_disk():
            if number not in known and self._is_whole(number):
                self._record(number)
                adopted.append(number)
        return adopted

    def _is_whole(self, number: int) -> bool:
        try:
            verify(self.folder(number))
        except ModelError:
            return False
        return True

    def versions(self) -> list[ModelVersion]:
        """Every version, newest first; the model in the box last."""
        with self.store.reading() as connection:
            present = model_versions.c.deleted_at.is_(None)
            columns = [column for column in model_versions.c if column.name != "deleted_at"]
            rows = connection.execute(sa.select(*columns).where(present).order_by(model_versions.c.version.desc()))
            found = [ModelVersion(**row) for row in rows.mappings()]
        return [*found, *self._box()]

    def _box(self) -> list[ModelVersion]:
        try:
            return [_from_folder(BOX, self.box_dir)]
        except ModelMissing:
            return []

    def get(self, version: int) -> ModelVersion:
        """One version.  Raises ModelMissing."""
        for candidate in self.versions():
            if candidate.version == version:
                return candidate
        raise ModelMissing(f"there is no model version {version}; `mnist models` lists them")

    def robustness(self, version: ModelVersion) -> dict[str, Any] | None:
        """The robustness table that was measured of a version (docs/evaluation.md), if it was."""
        return read_robustness(self.folder(version.version), version.manifest)

    def record_robustness(self, version: ModelVersion, table: Mapping[str, Any]) -> bool:
        """Keep a robustness table with a version; returns whether it was.

        One that leaves out more than the table that is there, or says the
        same, is not.  Raises ModelError where nothing can be written.
        """
        known = self.robustness(version)
        if known is not None:
            says_less = len(table["left_out"]) > len(known["left_out"])
            if says_less or all(table[part] == known[part] for part in ("rows", "left_out")):
                return False
        write_robustness(self.folder(version.version), table)
        return True

    def alias(self, name: str) -> int | None:
        """The version that an alias names."""
        with self.store.reading() as connection:
            version = connection.scalar(sa.select(aliases.c.version).where(aliases.c.name == name))
        return None if version is None else int(version)

    def production(self) -> int:
        """The version to serve: the alias `production`, else the model in the box."""
        version = self.alias(PRODUCTION)
        return BOX if version is None else version

    def promote(self, version: int, *, alias: str = PRODUCTION) -> None:
        """Let an alias name a version, once every file of it has been checked.

        Version 0 takes the alias away, so that the model in the box serves.
        Raises ModelMissing, ModelCorrupt; the alias has not moved then.
        """
        self.get(version)
        verify(self.folder(version))
        with self.store.writing() as connection:
            connection.execute(aliases.delete().where(aliases.c.name == alias))
            if version != BOX:
                connection.execute(aliases.insert().values(name=alias, version=version, moved_at=now()))

    def copy_to_box(self, version: int) -> None:
        """Make a version the model in the box of this checkout (for maintainers)."""
        source = self.folder(version)
        manifest = verify(source)
        for path in self.box_dir.glob("*"):
            path.unlink()
        measured = [ROBUSTNESS_FILE] if (source / ROBUSTNESS_FILE).is_file() else []
        for name in [*manifest["files"], *measured]:
            shutil.copyfile(source / name, self.box_dir / name)
        card = self.box_dir / CARD_FILE
        card.write_text(card.read_text("utf-8").replace(f"# {manifest['name']}", f"# {BOX_NAME}", 1), "utf-8")
        write_manifest(self.box_dir, {**manifest, "version": BOX, "name": BOX_NAME, "run_id": None})


def _from_folder(number: int, folder: Path) -> ModelVersion:
    manifest = read_manifest(folder)
    try:
        created_at = datetime.fromisoformat(manifest["created_at"])
    except (TypeError, ValueError):
        raise ModelCorrupt(f"{folder}: created_at is no ISO 8601 date") from None
    return ModelVersion(number, str(manifest["name"]), created_at, manifest)


@contextmanager
def _clear_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(
                "the disk is full, so the model was not saved; free some space and train again"
            ) from error
        raise
