"""Queries of corrections; nothing here changes the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Integers, Mask
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import CorrectionMissing
from mnist_classifier.core.tables import corrections as table

# SQLite takes 32,766 values in one statement; PostgreSQL 65,535.
ROWS_AT_ONCE = 1000

_HAS_IMAGE = table.c.image.is_not(None).label("has_image")
_COLUMNS = [column for column in table.c if column.name not in ("image", "strokes")]


@dataclass(frozen=True)
class Correction:
    """A stored correction.

    label: 0 to 9, or NOT_A_DIGIT.  times: how often it was sent.  glyph: 784 bytes.
    changed_at: when it was last sent or relabelled.
    """

    id: int
    label: int
    writer: str
    source: str
    created_at: datetime
    changed_at: datetime
    times: int
    glyph_sha256: str
    glyph: bytes
    has_image: bool
    reading: dict[str, Any] | None
    model_version: int | None


@dataclass(frozen=True)
class Filters:
    """Which corrections to find; None for any.  contradictions: only those that another one contradicts."""

    label: int | None = None
    writer: str | None = None
    source: str | None = None
    contradictions: bool = False


@dataclass(frozen=True)
class Totals:
    """Numbers of all corrections: by label, writer and source, and of those that contradict each other."""

    count: int
    labels: dict[int, int] = field(default_factory=dict)
    writers: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    contradictions: int = 0


@dataclass(frozen=True, eq=False)
class Examples:
    """Corrections as arrays, in the order of their numbers.

    ids, labels: (N,) int64.  glyphs: (N, 28, 28) uint8.  writers, glyph_sha256: N texts each.
    """

    ids: Integers
    labels: Integers
    glyphs: Bytes
    writers: list[str]
    glyph_sha256: list[str]

    def chosen(self, mask: Mask) -> Examples:
        """Those where the (N,) mask is true."""
        return Examples(
            self.ids[mask],
            self.labels[mask],
            self.glyphs[mask],
            [writer for writer, kept in zip(self.writers, mask, strict=True) if kept],
            [sha256 for sha256, kept in zip(self.glyph_sha256, mask, strict=True) if kept],
        )

    def agreed(self) -> Examples:
        """Those whose glyph has one label alone: nobody can say which of two labels is right."""
        labels: dict[str, set[int]] = defaultdict(set)
        for sha256, label in zip(self.glyph_sha256, self.labels.tolist(), strict=True):
            labels[sha256].add(label)
        return self.chosen(np.array([len(labels[sha256]) == 1 for sha256 in self.glyph_sha256], bool))

    def by_number(self) -> dict[int, tuple[str, int, str]]:
        """As `names_of` returns it."""
        rows = zip(self.ids.tolist(), self.glyph_sha256, self.labels.tolist(), self.writers, strict=True)
        return {number: (sha256, label, writer) for number, sha256, label, writer in rows}

    def names(self) -> list[list[Any]]:
        """What names each of them in a manifest: number, hash of the glyph, label."""
        numbers = zip(self.ids.tolist(), self.glyph_sha256, self.labels.tolist(), strict=True)
        return [list(each) for each in numbers]


class CorrectionQueries:
    """Reads the corrections of one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, correction_id: int) -> Correction:
        """One correction.  Raises CorrectionMissing."""
        with self._store.reading() as connection:
            return get_one(connection, correction_id)

    def image(self, correction_id: int) -> bytes | None:
        """The picture as a PNG file; None if only a glyph was sent.  Raises CorrectionMissing."""
        image: bytes | None = self._value(correction_id, table.c.image)
        return image

    def strokes(self, correction_id: int) -> list[Any] | None:
        """The pen strokes; None if there are none.  Raises CorrectionMissing."""
        strokes: list[Any] | None = self._value(correction_id, table.c.strokes)
        return strokes

    def find(self, filters: Filters | None = None, *, after: int | None = None, limit: int = 100) -> list[Correction]:
        """A page of corrections, newest first.  after: the number of the last one on the page before."""
        conditions = _conditions(filters)
        if after is not None:
            conditions.append(table.c.id < after)
        # The index alone answers the inner query; the outer one reads the pictures of one page.
        page = sa.select(table.c.id).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        with self._store.reading() as connection:
            return _found(connection, table.c.id.in_(page), newest_first=True)

    def count(self, filters: Filters | None = None) -> int:
        """The number of corrections."""
        with self._store.reading() as connection:
            return int(connection.scalar(count_all().where(*_conditions(filters))) or 0)

    def count_newer(self, correction_id: int, at: datetime) -> int:
        """The number of corrections that came after this one, or were sent or changed at a time or later."""
        is_newer = sa.or_(table.c.id > correction_id, table.c.changed_at >= at)
        with self._store.reading() as connection:
            return int(connection.scalar(count_all().where(is_newer)) or 0)

    def totals(self) -> Totals:
        """The numbers of all corrections, by label, writer and source."""
        with self._store.reading() as connection:
            counts: list[dict[Any, int]] = []
            for column in (table.c.label, table.c.writer, table.c.source):
                rows = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
                counts.append({value: int(count) for value, count in rows})
            contradictions = connection.scalar(count_all().where(_contradicted())) or 0
        labels, writers, sources = counts
        return Totals(sum(labels.values()), labels, writers, sources, int(contradictions))

    def contradictions(self, found: Sequence[Correction]) -> dict[int, list[int]]:
        """The numbers of the corrections that contradict each of these; those without any are left out."""
        with self._store.reading() as connection:
            return contradictions(connection, found)

    def examples(self, filters: Filters | None = None, *, ids: Sequence[int] | None = None) -> Examples:
        """Corrections as arrays, for training.  ids: only these, as far as they still exist."""
        columns = (table.c.id, table.c.label, table.c.glyph, table.c.writer, table.c.glyph_sha256)
        query = sa.select(*columns).where(*_conditions(filters)).order_by(table.c.id)
        with self._store.reading() as connection:
            if ids is None:
                rows = connection.execute(query).all()
            else:
                several = parts(sorted(ids))
                rows = [row for part in several for row in connection.execute(query.where(table.c.id.in_(part)))]
        pixels = np.frombuffer(b"".join(row.glyph for row in rows), np.uint8)
        return Examples(
            ids=np.array([row.id for row in rows], np.int64),
            labels=np.array([row.label for row in rows], np.int64),
            glyphs=pixels.reshape(-1, SIDE_PX, SIDE_PX),
            writers=[row.writer for row in rows],
            glyph_sha256=[row.glyph_sha256 for row in rows],
        )

    def _value(self, correction_id: int, column: sa.Column[Any]) -> Any:
        with self._store.reading() as connection:
            row = connection.execute(sa.select(column).where(table.c.id == correction_id)).one_or_none()
        if row is None:
            raise missing(correction_id)
        return row[0]


def get_one(connection: sa.Connection, correction_id: int) -> Correction:
    """One correction.  Raises CorrectionMissing."""
    found = _found(connection, table.c.id == correction_id)
    if not found:
        raise missing(correction_id)
    return found[0]


def get_many(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, Correction]:
    """Corrections by their numbers."""
    return {each.id: each for part in parts(numbers) for each in _found(connection, table.c.id.in_(part))}


def names_of(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, tuple[str, int, str]]:
    """Hash of the glyph, label and writer of those corrections that are still stored, by their numbers."""
    query = sa.select(table.c.id, table.c.glyph_sha256, table.c.label, table.c.writer)
    found = (connection.execute(query.where(table.c.id.in_(part))) for part in parts(numbers))
    return {int(number): (sha256, label, writer) for rows in found for number, sha256, label, writer in rows}


def _found(
    connection: sa.Connection, condition: sa.ColumnElement[bool], *, newest_first: bool = False
) -> list[Correction]:
    order = table.c.id.desc() if newest_first else table.c.id
    rows = connection.execute(sa.select(*_COLUMNS, _HAS_IMAGE).where(condition).order_by(order))
    return [Correction(**row) for row in rows.mappings()]


def _conditions(filters: Filters | None) -> list[sa.ColumnElement[bool]]:
    if filters is None:
        return []
    wanted = {table.c.label: filters.label, table.c.writer: filters.writer, table.c.source: filters.source}
    found = [column == value for column, value in wanted.items() if value is not None]
    return [*found, _contradicted()] if filters.contradictions else found


def _contradicted() -> sa.ColumnElement[bool]:
    """Whether the glyph also has another label."""
    labels = sa.select(table.c.glyph_sha256).group_by(table.c.glyph_sha256)
    return table.c.glyph_sha256.in_(labels.having(sa.func.min(table.c.label) != sa.func.max(table.c.label)))


def contradictions(connection: sa.Connection, found: Sequence[Correction]) -> dict[int, list[int]]:
    """The numbers of the corrections that contradict each of these; those without any are left out."""
    labels: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for part in parts(sorted({each.glyph_sha256 for each in found})):
        columns = (table.c.glyph_sha256, table.c.id, table.c.label)
        query = sa.select(*columns).where(table.c.glyph_sha256.in_(part)).order_by(table.c.id)
        for sha256, correction_id, label in connection.execute(query):
            labels[sha256].append((correction_id, label))
    others = {each.id: [other for other, label in labels[each.glyph_sha256] if label != each.label] for each in found}
    return {correction_id: ids for correction_id, ids in others.items() if ids}


def count_all() -> sa.Select[Any]:
    """Count corrections."""
    return sa.select(sa.func.count()).select_from(table)


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Divide values into as many as one statement takes."""
    return (values[first : first + ROWS_AT_ONCE] for first in range(0, len(values), ROWS_AT_ONCE))


def missing(correction_id: int) -> CorrectionMissing:
    """The error for a correction that does not exist."""
    return CorrectionMissing(f"there is no correction {correction_id}; it may have been deleted")
