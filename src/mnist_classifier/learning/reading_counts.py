"""Store how many readings there were in each hour, by model version and verdict.  No pictures.

Several processes add to the same rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.tables import reading_counts as table

# A little more than the longest time for which drift is shown, a year.
KEPT = timedelta(days=400)


class Key(NamedTuple):
    """A row: start of the hour in UTC, model version, verdict."""

    hour: datetime
    version: int
    verdict: Verdict


@dataclass
class Tally:
    """Readings of one key.

    low_confidence: those below LOW_CONFIDENCE.  ink_sum: of the mean ink, 0 to 1, of `ink_count` glyphs.
    """

    count: int = 0
    low_confidence: int = 0
    confidence_sum: float = 0.0
    ink_sum: float = 0.0
    ink_count: int = 0

    def add(self, other: Tally) -> None:
        """Add the readings of another tally."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class ReadingCounts:
    """The counts in one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, tallies: Mapping[Key, Tally]) -> None:
        """Add readings to what all processes have counted: all of them, or none if it fails.  Raises MnistError."""
        with self._store.writing() as connection:
            # Sorted, so that two processes never wait for each other.
            for key in sorted(tallies):
                _add(connection, key, tallies[key])

    def find(self, version: int, since: datetime) -> dict[Key, Tally]:
        """The counts of a version in the hours that began at `since` or later, in their order."""
        query = sa.select(table).where(table.c.model_version == version, table.c.hour >= since)
        with self._store.reading() as connection:
            rows = connection.execute(query.order_by(table.c.hour, table.c.verdict)).mappings().all()
        return {
            Key(row["hour"], row["model_version"], Verdict(row["verdict"])): Tally(
                **{each.name: row[each.name] for each in dataclasses.fields(Tally)}
            )
            for row in rows
        }

    def forget(self) -> None:
        """Delete counts that are older than KEPT."""
        with self._store.writing() as connection:
            connection.execute(table.delete().where(table.c.hour < now() - KEPT))


def _add(connection: sa.Connection, key: Key, tally: Tally) -> None:
    names = dict(zip(("hour", "model_version", "verdict"), (key.hour, key.version, key.verdict.value), strict=True))
    chosen = sa.and_(*(table.c[name] == value for name, value in names.items()))
    more = table.update().where(chosen).values({name: table.c[name] + value for name, value in vars(tally).items()})
    if connection.execute(more).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(**names, **vars(tally)))
    except sa.exc.IntegrityError:  # another process was quicker, which only a database server allows
        connection.execute(more)
