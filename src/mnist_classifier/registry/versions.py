"""Model versions on disk, and their rows in the database.

A version is an immutable folder `models/<number>/`.  The folder is the truth;
the database lists it and holds its name, its note and the aliases.  Version 0
is the model in the box: it is part of the package and is not in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from mnist_classifier.core.database import Store, model_versions, now
from mnist_classifier.core.errors import (
    ClaimLost,
    InvalidInput,
    ModelCorrupt,
    ModelError,
    ModelInUse,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.core.records import LARGEST_ID, LONGEST_NAME, LONGEST_NOTE, ModelVersion
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.registry.aliases import BOX, PRESENT, Aliases, lock_aliases, read_aliases
from mnist_classifier.registry.folders import VersionFolders
from mnist_classifier.registry.manifest import check_files, read_manifest, read_robustness, verify, write_robustness
from mnist_classifier.registry.manifest_types import parse_date

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")

COLUMNS = [column for column in model_versions.c if column.name != "deleted_at"]


class Registry:
    """The model versions of one installation (MNIST_HOME)."""

    def __init__(self, models_dir: Path, store: Store, *, box_dir: Path = PRETRAINED_DIR) -> None:
        self.folders = VersionFolders(models_dir)
        self.aliases = Aliases(store)
        self.box_dir = box_dir
        self.store = store

    @property
    def models_dir(self) -> Path:
        """The folder that holds the versions."""
        return self.folders.models_dir

    def folder(self, version: int) -> Path:
        """The folder of a version's files."""
        return self.box_dir if version == BOX else self.folders.folder(version)

    def read(self, version: int, load: Callable[[Path], Loaded]) -> Loaded:
        """Call `load` with the folder of a version, and return its result.

        Raises VersionMissing, and ModelCorrupt if the version is known but its files are gone.
        """
        try:
            return load(self.folder(version))
        except ModelMissing as error:
            self.get(version)
            raise ModelCorrupt(error.message) from error

    def save(
        self, manifest: dict[str, Any], write_files: Callable[[Path], None], *, keep_unrecorded: bool = True
    ) -> ModelVersion:
        """Store a new version; `write_files` fills the folder that it is given.

        A failure leaves a complete version or none.  If the database cannot
        record the version, its files stay on the disk and the next start records
        them, because a training takes hours.  `keep_unrecorded=False` deletes
        them instead.  Raises StorageFull, ModelError, DatabaseBusy, and ClaimLost
        in a training process that no longer owns its run.
        """
        number = self.folders.add(manifest, write_files, self._last_recorded)
        try:
            return self._record(number)
        except BaseException as error:
            # Without a claim the version must go too, or the next start would record it.
            if not keep_unrecorded or isinstance(error, ClaimLost):
                self.folders.remove(number)
            raise

    def _last_recorded(self) -> int:
        with self.store.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.max(model_versions.c.version))) or 0)

    def _record(self, number: int) -> ModelVersion:
        version = _from_folder(number, self.folder(number))
        values = {name: getattr(version, name) for name in ("version", "name", "created_at", "manifest")}
        with self.store.writing() as connection:
            known = sa.select(model_versions.c.version).where(model_versions.c.version == number)
            if connection.scalar(known) is None:
                connection.execute(model_versions.insert().values(**values))
        return version

    def adopt(self) -> list[int]:
        """Make the database and the folders agree after a crash; returns the versions that it recorded.

        Records complete versions that are not in the database, because a crash
        came between writing and recording, or the database was lost.  Removes
        the folders of deleted versions and of unfinished saves.
        """
        deleted = self._deleted()
        self.folders.sweep([number for number in self.folders.numbers() if deleted.get(number)])
        faults = self.set_aside()
        for name, reason in faults.items():
            log.warning("model version %s is set aside: %s", name, reason)
        adopted = [number for number in self.folders.numbers() if number not in deleted and str(number) not in faults]
        for number in adopted:
            self._record(number)
        return adopted

    def _deleted(self) -> dict[int, bool]:
        """Every number that was ever recorded, and whether it was deleted."""
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(model_versions.c.version, ~PRESENT))
            return {int(version): bool(is_deleted) for version, is_deleted in rows}

    def set_aside(self) -> dict[str, str]:
        """Check every version: folder name -> reason, for those that cannot be used.

        Checks the hashes of versions that are new or have an alias, and only
        the file sizes of all others.
        """
        deleted, in_use = self._deleted(), set(self.aliases.all().values())
        found = {name: f"versions are numbered from 1 to {LARGEST_ID}" for name in self.folders.strays()}
        for number in sorted({BOX, *self.folders.numbers(), *deleted}):
            if deleted.get(number):
                continue
            check = verify if number in in_use or number not in {BOX, *deleted} else check_files
            try:
                check(self.folder(number))
            except ModelError as error:
                found[str(number)] = error.message
        return found

    def versions(self) -> list[ModelVersion]:
        """Every version, newest first; the model in the box last."""
        return [*self._recorded(), *self._box()]

    def _recorded(self, *conditions: sa.ColumnElement[bool]) -> list[ModelVersion]:
        query = sa.select(*COLUMNS).where(PRESENT, *conditions).order_by(model_versions.c.version.desc())
        with self.store.reading() as connection:
            return [ModelVersion(**row) for row in connection.execute(query).mappings()]

    def _box(self) -> list[ModelVersion]:
        try:
            return [_from_folder(BOX, self.box_dir)]
        except ModelError:
            return []  # `set_aside` says why

    def get(self, version: int) -> ModelVersion:
        """One version.  Raises VersionMissing."""
        found = self._box() if version == BOX else self._recorded(model_versions.c.version == version)
        if not found:
            raise VersionMissing.numbered(version)
        return found[0]

    def robustness(self, version: ModelVersion) -> dict[str, Any] | None:
        """The robustness table of a version (docs/evaluation.md), or None if it was not measured."""
        return read_robustness(self.folder(version.version), version.manifest)

    def record_robustness(self, version: ModelVersion, table: Mapping[str, Any]) -> bool:
        """Store the robustness table of a version; returns whether it did.

        A table with the same rows stays, and so does one that leaves out fewer
        measures.  Raises ModelError if the table cannot be written.
        """
        known = self.robustness(version)
        if known is not None:
            has_fewer = len(table["left_out"]) > len(known["left_out"])
            if has_fewer or all(table[part] == known[part] for part in ("rows", "left_out")):
                return False
        write_robustness(self.folder(version.version), table)
        return True

    def edit(self, version: int, *, name: str | None = None, note: str | None = None) -> ModelVersion:
        """Change the name or note of a version; its files stay as they are.

        Raises InvalidInput, VersionMissing, ModelInUse for the model in the box.
        """
        self._check_not_box(version)
        values = {}
        if name is not None:
            values["name"] = _checked_name(name)
        if note is not None:
            values["note"] = _checked_note(note)
        if values:
            with self.store.writing() as connection:
                connection.execute(model_versions.update().where(model_versions.c.version == version).values(**values))
        return self.get(version)

    def delete(self, version: int) -> None:
        """Delete a version that has no alias; its number is never used again.

        Its row is marked first, then its folder is removed; `adopt` finishes
        what a crash interrupts.  Raises VersionMissing, ModelInUse.
        """
        self._check_not_box(version)
        with self.store.writing() as connection:
            lock_aliases(connection)
            in_use = [name for name, number in read_aliases(connection).items() if number == version]
            if in_use:
                raise ModelInUse(
                    f"version {version} is {' and '.join(in_use)}; promote another one first, then delete it"
                )
            chosen = model_versions.c.version == version
            connection.execute(model_versions.update().where(chosen, PRESENT).values(deleted_at=now()))
        self.folders.remove(version)

    def _check_not_box(self, version: int) -> None:
        self.get(version)
        if version == BOX:
            raise ModelInUse("the model in the box is part of the program; it cannot be renamed or deleted")


@contextmanager
def opened_registry(settings: Settings) -> Iterator[Registry]:
    """Open the registry of an installation (MNIST_HOME); closes its database afterwards."""
    with closing(Store(settings.resolved_database_url)) as store:
        yield Registry(settings.models_dir, store)


def version_folder(version: int | None, settings: Settings) -> Path:
    """The folder of a model version of an installation, by default of the one in production.

    As long as no version was promoted, production is version 0, the model in the box.
    Raises ModelMissing.
    """
    with opened_registry(settings) as registry:
        return registry.folder(registry.aliases.production() if version is None else version)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"a name has 1 to {LONGEST_NAME} characters on one line", field="name")
    return name


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidInput(f"a note has at most {LONGEST_NOTE} characters, not {len(note)}", field="note")
    return note


def _from_folder(number: int, folder: Path) -> ModelVersion:
    manifest = read_manifest(folder)
    return ModelVersion(number, manifest["name"], parse_date(manifest["created_at"]), manifest)
