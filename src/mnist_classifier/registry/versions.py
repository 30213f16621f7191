"""Model versions, and their rows in the database.

A version is an immutable folder `<number>/`, on this machine or in a model
store.  The folder is the truth; the database lists it and holds its name, its
note and the aliases.  Version 0 is the model in the box: it is part of the
package and is not in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import (
    ClaimLost,
    InvalidInput,
    ModelCorrupt,
    ModelError,
    ModelInUse,
    ModelMissing,
    StorageFull,
    StoreUnreachable,
    VersionMissing,
)
from mnist_classifier.core.records import LARGEST_ID, LONGEST_NAME, LONGEST_NOTE, ModelVersion
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.core.tables import model_versions
from mnist_classifier.registry.aliases import BOX, PRESENT, Aliases, lock_aliases, read_aliases
from mnist_classifier.registry.manifest import (
    check_files,
    parse_robustness,
    read_manifest,
    read_stored_robustness,
    robustness_file,
    verify,
    write_robustness,
)
from mnist_classifier.registry.manifest_types import parse_date
from mnist_classifier.registry.rows import VersionRows
from mnist_classifier.registry.stores import version_store

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


class Registry:
    """The model versions of one installation: those in MNIST_HOME, or in the model store that the settings name."""

    def __init__(
        self,
        models_dir: Path,
        store: Store,
        *,
        box_dir: Path = PRETRAINED_DIR,
        models_url: str = "",
    ) -> None:
        self.rows = VersionRows(store)
        self.folders = version_store(models_dir, models_url, self.rows)
        self.aliases = Aliases(store)
        self.box_dir = box_dir
        self.store = store

    @classmethod
    def of(cls, settings: Settings, store: Store) -> Registry:
        """The registry of an installation.  Raises InvalidConfig if its model store cannot be used."""
        if settings.models_url:
            return cls(settings.models_cache_dir, store, models_url=settings.models_url)
        return cls(settings.models_dir, store)

    @property
    def models_dir(self) -> Path:
        """The folder that holds the versions, or copies of those in a model store."""
        return self.folders.models_dir

    def folder(self, version: int) -> Path:
        """The folder of a version's files; a model store copies them there.

        Raises StoreUnreachable, ModelMissing, ModelCorrupt, StorageFull for versions in a model store.
        """
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
        written = self.folders.add(manifest, write_files)
        version = _version(written["version"], written)
        try:
            return self._record(version)
        except BaseException as error:
            # Without a claim the version must go too, or the next start would record it.
            if not keep_unrecorded or isinstance(error, ClaimLost):
                self.folders.remove(version.version)
            raise

    def _record(self, version: ModelVersion) -> ModelVersion:
        self.rows.record(version)
        return version

    def adopt(self) -> list[int]:
        """Make the database and the folders agree after a crash; returns the versions that it recorded.

        Records complete versions that are not in the database, because a crash
        came between writing and recording, or the database was lost.  Removes
        the folders of deleted versions and of unfinished saves.
        """
        try:
            deleted = self.rows.deleted()
            self.folders.sweep(deleted)
            faults = self.set_aside()
            adopted = [n for n in self.folders.numbers() if n not in deleted and str(n) not in faults]
            for number in adopted:
                self._record(_from_folder(number, self.folder(number)))
        except (StoreUnreachable, StorageFull) as error:  # the server starts without them
            log.warning("%s", error.message)
            return []
        for name, reason in faults.items():
            log.warning("model version %s is set aside: %s", name, reason)
        return adopted

    def set_aside(self, *, names_hosts: bool = False) -> dict[str, str]:
        """Check every version: folder name -> reason, for those that cannot be used.

        names_hosts: whether a reason may name hosts and buckets, for those who run the program.
        Checks the hashes of versions that are new or have an alias, and only
        the file sizes of all others.
        """
        deleted, in_use = self.rows.deleted(), set(self.aliases.all().values())
        try:
            found = {name: f"versions are numbered from 1 to {LARGEST_ID}" for name in self.folders.strays()}
            numbers = {*self.folders.numbers(), *deleted}
        except StoreUnreachable as error:
            found, numbers = {"store": error.message if names_hosts else error.public}, set()
        for number in sorted({BOX, *numbers}):
            if deleted.get(number):
                continue
            try:
                self._check(number, thorough=number in in_use or number not in {BOX, *deleted})
            except (ModelError, StorageFull) as error:
                found[str(number)] = error.message
        return found

    def _check(self, number: int, *, thorough: bool) -> None:
        if number != BOX:
            self.folders.check(number, thorough=thorough)
        elif thorough:
            verify(self.box_dir)
        else:
            check_files(self.box_dir)

    def versions(self) -> list[ModelVersion]:
        """Every version, newest first; the model in the box last."""
        return [*self.rows.present(), *self._box()]

    def _box(self) -> list[ModelVersion]:
        try:
            return [_from_folder(BOX, self.box_dir)]
        except ModelError:
            return []  # `set_aside` says why

    def get(self, version: int) -> ModelVersion:
        """One version.  Raises VersionMissing."""
        if version != BOX:
            return self.rows.get(version)
        for box in self._box():
            return box
        raise VersionMissing.numbered(BOX)

    def robustness(self, version: ModelVersion, *, strict: bool = False) -> dict[str, Any] | None:
        """The robustness table of a version (docs/evaluation.md), or None if it was not measured.

        strict: raise StoreUnreachable, instead of returning None, if the model store does not answer.
        """
        try:
            return parse_robustness(self.stored_robustness(version.version), version.manifest)
        except StoreUnreachable:
            if strict:
                raise
            return None

    def stored_robustness(self, version: int) -> bytes | None:
        """The file with the robustness table of a version, unchecked."""
        return read_stored_robustness(self.box_dir) if version == BOX else self.folders.robustness(version)

    def record_robustness(self, version: ModelVersion, table: Mapping[str, Any]) -> bool:
        """Store the robustness table of a version; returns whether it did.

        A table with the same rows stays, and so does one that leaves out fewer
        measures.  Raises ModelError if the table cannot be written.
        """
        known = self.robustness(version, strict=True)
        if known is not None:
            has_fewer = len(table["left_out"]) > len(known["left_out"])
            if has_fewer or all(table[part] == known[part] for part in ("rows", "left_out")):
                return False
        data = robustness_file(version.manifest, table)
        if version.version == BOX:
            write_robustness(self.box_dir, data)
        else:
            self.folders.write_robustness(version.version, data)
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
        yield Registry.of(settings, store)


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
    return _version(number, read_manifest(folder))


def _version(number: int, manifest: dict[str, Any]) -> ModelVersion:
    return ModelVersion(number, manifest["name"], parse_date(manifest["created_at"]), manifest)
