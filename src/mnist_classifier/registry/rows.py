"""The rows of model versions in the database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import ModelError, VersionMissing
from mnist_classifier.core.records import LARGEST_ID, ModelVersion
from mnist_classifier.core.tables import model_versions
from mnist_classifier.registry.aliases import PRESENT

COLUMNS = [column for column in model_versions.c if column.name != "deleted_at"]
# A number that somebody took for a version whose files are not complete yet.  Real names are not empty.
RESERVED = model_versions.c.name == ""


class VersionRows:
    """The model versions that one database knows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def last(self) -> int:
        """The highest number that was ever used; 0 if there is none."""
        with self._store.reading() as connection:
            return _last(connection)

    def reserve(self, above: int) -> int:
        """Take the next number over all that were used, and over `above`; no other machine gets it.

        Raises ModelError after the largest number.
        """
        with self._store.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has only one writer anyway
                connection.execute(sa.text("LOCK TABLE model_versions IN SHARE ROW EXCLUSIVE MODE"))
            number = max(_last(connection), above) + 1
            if number > LARGEST_ID:
                raise ModelError(f"version {LARGEST_ID} is the last possible one; use another database and model store")
            row = {"version": number, "name": "", "manifest": {}, "created_at": now(), "deleted_at": now()}
            connection.execute(model_versions.insert().values(**row))
        return number

    def record(self, version: ModelVersion) -> None:
        """Record a complete version, unless it is recorded or deleted."""
        values = {name: getattr(version, name) for name in ("version", "name", "created_at", "manifest")}
        chosen = model_versions.c.version == version.version
        with self._store.writing() as connection:
            connection.execute(model_versions.update().where(chosen, RESERVED).values(**values, deleted_at=None))
            if connection.scalar(sa.select(model_versions.c.version).where(chosen)) is None:
                connection.execute(model_versions.insert().values(**values))

    def deleted(self) -> dict[int, bool]:
        """Every number that was recorded, and whether it was deleted."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(model_versions.c.version, ~PRESENT).where(~RESERVED))
            return {int(version): bool(is_deleted) for version, is_deleted in rows}

    def present(self, *conditions: sa.ColumnElement[bool]) -> list[ModelVersion]:
        """The versions that are not deleted, newest first."""
        query = sa.select(*COLUMNS).where(PRESENT, *conditions).order_by(model_versions.c.version.desc())
        with self._store.reading() as connection:
            return [ModelVersion(**row) for row in connection.execute(query).mappings()]

    def ever(self) -> dict[int, ModelVersion]:
        """Every version that was recorded, also deleted ones, by its number, oldest first."""
        query = sa.select(*COLUMNS).where(~RESERVED).order_by(model_versions.c.version)
        with self._store.reading() as connection:
            return {row["version"]: ModelVersion(**row) for row in connection.execute(query).mappings()}

    def get(self, number: int) -> ModelVersion:
        """One version.  Raises VersionMissing."""
        found = self.present(model_versions.c.version == number)
        if not found:
            raise VersionMissing.numbered(number)
        return found[0]

    def manifest(self, number: int) -> dict[str, Any] | None:
        """The manifest of a version as it was recorded; None if it is not recorded."""
        found = self.present(model_versions.c.version == number)
        return found[0].manifest if found else None


def _last(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.max(model_versions.c.version))) or 0)
