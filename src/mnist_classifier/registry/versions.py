"""Model versions on disk, and the aliases that name them.

A version is an immutable folder `models/<number>/`.  The folder is the truth;
the database lists it, holds its name and note, and the aliases.  Version 0 is
the model in the box, which is part of the package and needs neither.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from mnist_classifier.core.database import Store, model_versions, now
from mnist_classifier.core.errors import (
    AliasMoved,
    ClaimLost,
    InvalidInput,
    ModelCorrupt,
    ModelError,
    ModelInUse,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.core.records import ModelVersion, Promotion
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.registry import aliases as promotions
from mnist_classifier.registry.aliases import BOX as BOX  # callers know them as the registry's
from mnist_classifier.registry.aliases import CHALLENGER as CHALLENGER
from mnist_classifier.registry.aliases import PRODUCTION as PRODUCTION
from mnist_classifier.registry.folders import Shelf
from mnist_classifier.registry.manifest import (
    CARD_FILE,
    ROBUSTNESS_FILE,
    check_files,
    read_manifest,
    read_robustness,
    verify,
    write_manifest,
    write_robustness,
)
from mnist_classifier.registry.manifest_types import LARGEST_VERSION, moment

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")

BOX_NAME = "pretrained"

LONGEST_NAME = 100
LONGEST_NOTE = 2000
COLUMNS = [column for column in model_versions.c if column.name != "deleted_at"]
PRESENT = model_versions.c.deleted_at.is_(None)


class Registry:
    """The model versions of one MNIST_HOME."""

    def __init__(self, models_dir: Path, store: Store, *, box_dir: Path = PRETRAINED_DIR) -> None:
        self.shelf = Shelf(models_dir)
        self.box_dir = box_dir
        self.store = store

    @property
    def models_dir(self) -> Path:
        """The folder that holds the versions."""
        return self.shelf.models_dir

    def folder(self, version: int) -> Path:
        """Where the files of a version are."""
        return self.box_dir if version == BOX else self.shelf.folder(version)

    def read(self, version: int, load: Callable[[Path], Loaded]) -> Loaded:
        """What `load` makes of a version's folder.

        Raises VersionMissing; ModelCorrupt, also where the files of a version are gone.
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

        The folder is written beside its place, flushed, renamed, then
        recorded: whatever fails, there is a whole version or none.  A training
        is worth hours, so a version that the database cannot record stays
        for the next start, unless `keep_unrecorded` is false.  Raises
        StorageFull, ModelError, DatabaseBusy, and ClaimLost in a worker
        that may not save any more.
        """
        number = self.shelf.add(manifest, write_files, self._last_recorded)
        try:
            return self._record(number)
        except BaseException as error:
            # What a worker saved without a claim must go too, else the next start would adopt it.
            if not keep_unrecorded or isinstance(error, ClaimLost):
                self.shelf.remove(number)
            raise

    def _last_recorded(self) -> int:
        with self.store.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.max(model_versions.c.version))) or 0)

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
        """Put in order what a crash left behind; returns the numbers of the versions that were found.

        Whole versions that the database does not know are recorded: they are
        left by a crash between renaming and recording, or by a database that
        was lost.  Folders of deleted versions, and of saves that were broken
        off, are removed.
        """
        deleted = self._deleted()
        self.shelf.sweep([number for number in self.shelf.numbers() if deleted.get(number)])
        faults = self.set_aside()
        for name, reason in faults.items():
            log.warning("model version %s is set aside: %s", name, reason)
        adopted = []
        for number in self.shelf.numbers():
            if number not in deleted and str(number) not in faults:
                self._record(number)
                adopted.append(number)
        return adopted

    def _deleted(self) -> dict[int, bool]:
        """Every number that was ever recorded, and whether it was deleted."""
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(model_versions.c.version, model_versions.c.deleted_at))
            return {int(version): moment is not None for version, moment in rows}

    def set_aside(self) -> dict[str, str]:
        """Versions that cannot be read, by the names of their folders, and why.

        Of recorded versions that no alias names the files are looked at, but not read.
        """
        deleted, named = self._deleted(), set(self.aliases().values())
        found = {name: f"a version is numbered from 1 to {LARGEST_VERSION}" for name in self.shelf.strays()}
        for number in sorted({BOX, *self.shelf.numbers(), *deleted}):
            if deleted.get(number):
                continue
            check = verify if number in named or number not in {BOX, *deleted} else check_files
            try:
                check(self.folder(number))
            except ModelError as error:
                found[str(number)] = error.message
        return found

    def versions(self) -> list[ModelVersion]:
        """Every version, newest first; the model in the box last."""
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(*COLUMNS).where(PRESENT).order_by(model_versions.c.version.desc()))
            found = [ModelVersion(**row) for row in rows.mappings()]
        return [*found, *self._box()]

    def _box(self) -> list[ModelVersion]:
        try:
            return [_from_folder(BOX, self.box_dir)]
        except ModelError:
            return []  # `set_aside` says why

    def get(self, version: int) -> ModelVersion:
        """One version.  Raises VersionMissing."""
        if version == BOX:
            found = next(iter(self._box()), None)
        else:
            with self.store.reading() as connection:
                chosen = sa.select(*COLUMNS).where(PRESENT, model_versions.c.version == version)
                row = connection.execute(chosen).mappings().first()
            found = None if row is None else ModelVersion(**row)
        if found is None:
            raise _missing(version)
        return found

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
            return promotions.named_by(connection, name)

    def aliases(self) -> dict[str, int]:
        """Every alias and its version; `production` is always among them."""
        with self.store.reading() as connection:
            return {PRODUCTION: BOX, **promotions.aliases_of(connection)}

    def production(self) -> int:
        """The version to serve: the alias `production`, else the model in the box."""
        return self.alias(PRODUCTION) or BOX

    def history(self, *, alias: str | None = None, limit: int = 50) -> list[Promotion]:
        """The latest moves of the aliases, newest first."""
        with self.store.reading() as connection:
            return promotions.history(connection, alias=alias, limit=limit)

    def promote(
        self,
        version: int,
        *,
        alias: str = PRODUCTION,
        load: Callable[[Path], object] = verify,
        actor: str = "",
        reason: str = "",
        instead_of: int | None = None,
        is_rollback: bool = False,
    ) -> None:
        """Let an alias name a version, once every file of it has been checked and `load` has opened it.

        Version 0 takes the alias away, so that the model in the box serves.
        The move and its record are one transaction.  Raises VersionMissing,
        ModelCorrupt, and AliasMoved when the alias does not name `instead_of`
        any more; the alias has not moved then.
        """
        self.get(version)
        self.read(version, verify)
        self.read(version, load)
        with self.store.writing() as connection:
            promotions.lock(connection)
            # It may have been deleted, and the alias may have moved, while the files were read.
            if version != BOX and connection.scalar(_still_there(version)) is None:
                raise _missing(version)
            named = promotions.named_by(connection, alias) or BOX
            if instead_of is not None and named != instead_of:
                raise AliasMoved(f"{alias} is version {named} by now, not {instead_of}; look again")
            promotions.move(connection, alias, version, actor=actor, reason=reason, is_rollback=is_rollback)

    def before(self) -> int | None:
        """The version that a rollback puts into production: the latest earlier one that still exists, if any."""
        with self.store.reading() as connection:
            current = promotions.named_by(connection, PRODUCTION) or BOX
            present = {BOX, *connection.scalars(sa.select(model_versions.c.version).where(PRESENT))}
            stack = promotions.earlier(connection, PRODUCTION)
        return next((version for version in reversed(stack) if version in present and version != current), None)

    def edit(self, version: int, *, name: str | None = None, note: str | None = None) -> ModelVersion:
        """Give a version another name or note; its files stay as they are.

        Raises InvalidInput, VersionMissing, ModelInUse for the model in the box.
        """
        self.get(version)
        if version == BOX:
            raise ModelInUse("the model in the box is part of the program and keeps its name")
        values = {}
        if name is not None:
            values["name"] = _one_line(name)
        if note is not None:
            values["note"] = _checked_note(note)
        if values:
            with self.store.writing() as connection:
                connection.execute(model_versions.update().where(model_versions.c.version == version).values(**values))
        return self.get(version)

    def delete(self, version: int) -> None:
        """Delete a version that no alias names.

        First its row is marked, so that nobody finds it any more, then its
        folder goes; a crash between the two is put in order by `adopt`.  Its
        number is never used again.  Raises VersionMissing, ModelInUse.
        """
        self.get(version)
        if version == BOX:
            raise ModelInUse("the model in the box is part of the program and cannot be deleted")
        with self.store.writing() as connection:
            promotions.lock(connection)
            chosen = model_versions.c.version == version
            connection.execute(model_versions.update().where(chosen, PRESENT).values(deleted_at=now()))
            naming = [name for name, named in promotions.aliases_of(connection).items() if named == version]
            if naming:
                raise ModelInUse(
                    f"version {version} is {' and '.join(naming)}; promote another one first, then delete it"
                )
        self.shelf.remove(version)

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


@contextmanager
def opened_registry(settings: Settings) -> Iterator[Registry]:
    """The model versions of an installation; its database is closed afterwards."""
    with closing(Store(settings.resolved_database_url)) as store:
        yield Registry(settings.models_dir, store)


def _missing(version: int) -> VersionMissing:
    return VersionMissing(f"there is no model version {version}; `mnist models` lists them")


def _still_there(version: int) -> sa.Select[tuple[int]]:
    return sa.select(model_versions.c.version).where(PRESENT, model_versions.c.version == version)


def _one_line(name: str) -> str:
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
    return ModelVersion(number, manifest["name"], moment(manifest["created_at"]), manifest)
