"""Aliases: movable names for model versions, and the history of their moves."""

from __future__ import annotations

import sqlalchemy as sa

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import AliasMoved, VersionMissing
from mnist_classifier.core.records import LONGEST_NOTE, Promotion
from mnist_classifier.core.tables import aliases, model_versions, promotions

PRODUCTION = "production"
CHALLENGER = "challenger"
# The number of the model in the box.
BOX = 0

# A condition for queries: the version was not deleted.
PRESENT = model_versions.c.deleted_at.is_(None)


class Aliases:
    """The aliases of one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, int]:
        """Every alias with its version; `production` is always among them."""
        with self._store.reading() as connection:
            return read_aliases(connection)

    def production(self) -> int:
        """The version that answers requests: the model in the box if no other was promoted."""
        return self.all()[PRODUCTION]

    def previous(self) -> int | None:
        """The version that a rollback would put into production: the latest earlier one that still exists, if any."""
        with self._store.reading() as connection:
            present = {BOX, *connection.scalars(sa.select(model_versions.c.version).where(PRESENT))}
            stack, current = earlier_in_production(connection), read_aliases(connection)[PRODUCTION]
        return next((version for version in reversed(stack) if version in present and version != current), None)

    def history(self, *, alias: str | None = None, limit: int = 50) -> list[Promotion]:
        """The latest moves of one alias or of all, newest first."""
        query = sa.select(promotions).order_by(promotions.c.id.desc()).limit(limit)
        if alias is not None:
            query = query.where(promotions.c.alias == alias)
        with self._store.reading() as connection:
            return [Promotion(**row) for row in connection.execute(query).mappings()]

    def move(
        self,
        alias: str,
        version: int,
        *,
        actor: str = "",
        reason: str = "",
        instead_of: int | None = None,
        is_rollback: bool = False,
    ) -> None:
        """Let an alias name a version, and record the move in the same transaction.

        Nothing happens if the alias already names that version.  Version 0
        removes the alias.  A version that goes into production stops being the
        challenger.  Raises VersionMissing, and AliasMoved if the alias does not
        name `instead_of`.
        """
        with self._store.writing() as connection:
            lock_aliases(connection)
            is_version = PRESENT & (model_versions.c.version == version)
            if version != BOX and connection.scalar(sa.select(model_versions.c.version).where(is_version)) is None:
                raise VersionMissing.numbered(version)
            previous = read_aliases(connection).get(alias, BOX)
            check_unmoved(alias, previous, instead_of)
            if alias == PRODUCTION:
                connection.execute(aliases.delete().where(aliases.c.name == CHALLENGER, aliases.c.version == version))
            if previous == version:
                return
            moved_at = now()
            connection.execute(aliases.delete().where(aliases.c.name == alias))
            if version != BOX:
                connection.execute(aliases.insert().values(name=alias, version=version, moved_at=moved_at))
            move = {
                "alias": alias,
                "version": version,
                "previous": previous,
                "at": moved_at,
                "is_rollback": is_rollback,
            }
            connection.execute(promotions.insert().values(**move, actor=actor, reason=reason[:LONGEST_NOTE]))


def check_unmoved(alias: str, version: int, expected: int | None) -> None:
    """Raise AliasMoved unless an alias names the version that the caller expects; None skips the check."""
    if expected not in (None, version):
        raise AliasMoved(f"{alias} is now version {version}, not {expected}; reload and try again")


def lock_aliases(connection: sa.Connection) -> None:
    """Keep others from moving an alias until this transaction ends.  SQLite has only one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE aliases IN SHARE ROW EXCLUSIVE MODE"))


def read_aliases(connection: sa.Connection) -> dict[str, int]:
    """Read every alias with its version; without a row, `production` is the model in the box."""
    rows = connection.execute(sa.select(aliases.c.name, aliases.c.version))
    return {PRODUCTION: BOX, **{name: int(version) for name, version in rows}}


def earlier_in_production(connection: sa.Connection) -> list[int]:
    """Replay the history: the versions that were in production before, latest last.

    They form a stack: a promotion pushes the new version, a rollback pops.
    """
    columns = promotions.c.previous, promotions.c.version, promotions.c.is_rollback
    moves = connection.execute(sa.select(*columns).where(promotions.c.alias == PRODUCTION).order_by(promotions.c.id))
    stack = [BOX]
    for previous, version, is_rollback in moves:
        if stack[-1] != previous:  # the history may begin after the first moves
            stack.append(previous)
        if is_rollback and version in stack:
            while stack[-1] != version:
                stack.pop()
        else:
            stack.append(version)
    return stack[:-1] if stack[-1] == read_aliases(connection)[PRODUCTION] else stack
