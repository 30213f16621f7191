"""Aliases: movable names for model versions, and the history of their moves.

Functions of a connection, so that a move, its record and what else belongs to
it are one transaction of the caller's.
"""

from __future__ import annotations

import sqlalchemy as sa

from mnist_classifier.core.database import aliases, now, promotions
from mnist_classifier.core.records import Promotion

PRODUCTION = "production"
CHALLENGER = "challenger"
BOX = 0

# A reason is a sentence or two.
LONGEST_REASON = 2000


def named_by(connection: sa.Connection, alias: str) -> int | None:
    """The version that an alias names."""
    version = connection.scalar(sa.select(aliases.c.version).where(aliases.c.name == alias))
    return None if version is None else int(version)


def lock(connection: sa.Connection) -> None:
    """Let nobody else move an alias until this transaction ends; on SQLite nobody can anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE aliases IN SHARE ROW EXCLUSIVE MODE"))


def aliases_of(connection: sa.Connection) -> dict[str, int]:
    """Every alias and the version that it names; without `production` the model in the box serves."""
    return {name: int(version) for name, version in connection.execute(sa.select(aliases.c.name, aliases.c.version))}


def move(
    connection: sa.Connection, alias: str, version: int, *, actor: str, reason: str, is_rollback: bool = False
) -> None:
    """Let an alias name a version, and write it down; what it names already changes nothing.

    The caller holds the `lock`.  Version 0 takes the alias away, so that the
    model in the box serves.  A challenger that is put into production is no challenger any more.
    """
    previous = named_by(connection, alias) or BOX
    if alias == PRODUCTION:
        connection.execute(aliases.delete().where(aliases.c.name == CHALLENGER, aliases.c.version == version))
    if previous == version:
        return
    moment = now()
    connection.execute(aliases.delete().where(aliases.c.name == alias))
    if version != BOX:
        connection.execute(aliases.insert().values(name=alias, version=version, moved_at=moment))
    connection.execute(
        promotions.insert().values(
            alias=alias,
            version=version,
            previous=previous,
            at=moment,
            actor=actor,
            reason=reason[:LONGEST_REASON],
            is_rollback=is_rollback,
        )
    )


def earlier(connection: sa.Connection, alias: str) -> list[int]:
    """What an alias named before, oldest first, as a stack: a promotion pushes, a rollback pops."""
    columns = promotions.c.previous, promotions.c.version, promotions.c.is_rollback
    moves = connection.execute(sa.select(*columns).where(promotions.c.alias == alias).order_by(promotions.c.id))
    stack = [BOX]
    for previous, version, is_rollback in moves:
        if stack[-1] != previous:  # the history may begin after the first moves
            stack.append(previous)
        if is_rollback and version in stack:
            while stack[-1] != version:
                stack.pop()
        else:
            stack.append(version)
    current = named_by(connection, alias) or BOX
    return stack[:-1] if stack[-1] == current else stack


def history(connection: sa.Connection, *, alias: str | None = None, limit: int = 50) -> list[Promotion]:
    """The latest moves, newest first; of one alias, or of all."""
    query = sa.select(promotions).order_by(promotions.c.id.desc()).limit(limit)
    if alias is not None:
        query = query.where(promotions.c.alias == alias)
    return [Promotion(**row) for row in connection.execute(query).mappings()]
