"""Store corrections: images with the label that a person gave.

    corrections = Corrections(store)
    added = corrections.add(NewCorrection(glyph, label=7, source="page", writer="Anna"))
    corrections.delete(added.correction.id)

The same glyph with the same label from the same writer is stored once.  The
same glyph with another label is a contradiction: both stay until a person decides.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import sqlalchemy as sa

from mnist_classifier.core.arrays import SIDE_PX, Bytes
from mnist_classifier.core.database import now
from mnist_classifier.core.errors import InvalidInput, StorageFull
from mnist_classifier.core.records import Reading, rounded
from mnist_classifier.core.tables import corrections as table
from mnist_classifier.core.tables import personal_models, readings_to_label
from mnist_classifier.learning.correction_queries import (
    Correction,
    CorrectionQueries,
    contradictions,
    count_all,
    get_many,
    get_one,
    parts,
)
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.imaging.preprocess import are_blank

# The label "not a digit": the eleventh class of the network, and its name outside the database.
NOT_A_DIGIT, NOT_A_DIGIT_NAME = 10, "not_a_digit"
LABELS = range(11)
# Where a correction came from.
SOURCES = ("page", "api", "cli", "sheet", "class", "import")
# With pictures of 2 kB, as drawings have, about 300 MB.
MOST_CORRECTIONS = 100_000
# What makes a correction the same as another: hash of the glyph, label, writer.
Key: TypeAlias = tuple[str, int, str]


@dataclass(frozen=True, eq=False)
class NewCorrection:
    """A correction to store.

    glyph: (28, 28) uint8, ink = 255.  label: 0 to 9, or NOT_A_DIGIT.  image: a PNG file.
    strokes: as JSON.  reading: what the model read, as JSON.
    """

    glyph: Bytes
    label: int
    source: str
    writer: str = ""
    image: bytes | None = None
    strokes: list[Any] | None = None
    reading: dict[str, Any] | None = None
    model_version: int | None = None


@dataclass(frozen=True)
class Added:
    """What became of a new correction: the stored one, whether it was there already, and which contradict it."""

    correction: Correction
    merged: bool
    contradicts: list[int]


class Corrections(CorrectionQueries):
    """The corrections in one database.  A method that changes them returns after the disk has the change."""

    def add(self, new: NewCorrection) -> Added:
        """Store a correction, or merge it with the same one.  Raises InvalidInput, StorageFull."""
        return self.add_many([new])[0]

    def add_many(self, new: Sequence[NewCorrection]) -> list[Added]:
        """Store several corrections in one transaction: all or none.  Raises InvalidInput, StorageFull."""
        keys, rows, merged = list[Key](), dict[Key, dict[str, Any]](), list[bool]()
        for each in new:
            row = _row(each)
            key = row["glyph_sha256"], row["label"], row["writer"]
            keys.append(key)
            merged.append(key in rows)
            rows.setdefault(key, row)["times"] += 1
        hashes = sorted({sha256 for sha256, _, _ in rows})
        with self._writing() as connection:
            known = _numbers(connection, hashes)
            if unknown := [row for key, row in rows.items() if key not in known]:
                connection.execute(table.insert(), unknown)
            if again := [{"known": known[key], "more": row["times"]} for key, row in rows.items() if key in known]:
                connection.execute(_sent_again(), again)
            if (connection.scalar(count_all()) or 0) > MOST_CORRECTIONS:
                raise StorageFull(f"at most {MOST_CORRECTIONS:,} corrections can be stored; export and delete some")
            # They need no label any more.
            for part in parts(hashes):
                connection.execute(readings_to_label.delete().where(readings_to_label.c.glyph_sha256.in_(part)))
            numbers = _numbers(connection, hashes)
            found = get_many(connection, [numbers[key] for key in rows])
            others = contradictions(connection, list(found.values()))
        return [
            Added(found[numbers[key]], is_merged or key in known, others.get(numbers[key], []))
            for key, is_merged in zip(keys, merged, strict=True)
        ]

    def edit(self, correction_id: int, *, label: int | None = None, writer: str | None = None) -> Added:
        """Relabel a correction, or give it to another writer.

        If that makes it the same as another one, the two are merged, under the number of the other.
        Raises CorrectionMissing, InvalidInput.
        """
        with self._erasing() as connection:
            old = get_one(connection, correction_id)
            label = old.label if label is None else checked_label(label)
            writer = old.writer if writer is None else checked_writer(writer)
            same = _numbers(connection, [old.glyph_sha256]).get((old.glyph_sha256, label, writer))
            is_merged = same is not None and same != correction_id
            if is_merged:
                connection.execute(table.delete().where(table.c.id == correction_id))
                connection.execute(_sent_again(), {"known": same, "more": old.times})
            elif same is None:
                changes = {"label": label, "writer": writer, "changed_at": now()}
                connection.execute(table.update().where(table.c.id == correction_id).values(changes))
            if same != correction_id:
                _outdate(connection, {old.writer: [correction_id]})
            found = get_one(connection, correction_id if same is None else same)
            return Added(found, is_merged, contradictions(connection, [found]).get(found.id, []))

    def delete(self, correction_id: int) -> None:
        """Delete a correction.  Raises CorrectionMissing."""
        with self._erasing() as connection:
            old = get_one(connection, correction_id)
            connection.execute(table.delete().where(table.c.id == correction_id))
            _outdate(connection, {old.writer: [correction_id]})

    def purge(self, writer: str | None = None) -> list[int]:
        """Delete everything of a writer, with the personal model; returns the numbers of the corrections.

        Without a writer, delete everything that people gave: also all personal models and readings to label.
        """
        deleted, most = list[int](), MOST_CORRECTIONS + 1
        while True:
            try:
                numbers = self._purge(writer, most)
            except StorageFull:
                # The log of fewer at once is shorter.
                if most == 1:
                    raise
                most = max(1, most // 8)
                continue
            deleted += numbers
            if len(numbers) < most:
                return deleted

    def _purge(self, writer: str | None, most: int) -> list[int]:
        with self._erasing() as connection:
            if writer is None:
                connection.execute(readings_to_label.delete())
            models, own = ([] if writer is None else [each.c.writer == writer] for each in (personal_models, table))
            connection.execute(personal_models.delete().where(*models))
            found = sa.select(table.c.id).where(*own).order_by(table.c.id).limit(most)
            numbers = [int(number) for number in connection.scalars(found)]
            for part in parts(numbers):
                connection.execute(table.delete().where(table.c.id.in_(part)))
            return numbers

    def expire(self, days: int) -> int:
        """Delete corrections last sent or changed more than `days` days ago, and readings to label as old.

        Returns how many corrections were deleted.  0 days: none expire.
        """
        if days == 0:
            return 0
        oldest = now() - timedelta(days=days)
        with self._erasing() as connection:
            connection.execute(readings_to_label.delete().where(readings_to_label.c.created_at < oldest))
            is_old, gone = table.c.changed_at < oldest, defaultdict[str, list[int]](list)
            for number, writer in connection.execute(sa.select(table.c.id, table.c.writer).where(is_old)):
                gone[writer].append(number)
            deleted = connection.execute(table.delete().where(is_old)).rowcount
            _outdate(connection, gone)
            return deleted

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._store.writing(durably=True) as connection:
            lock(connection)
            yield connection

    @contextmanager
    def _erasing(self) -> Iterator[sa.Connection]:
        with self._store.erasing() as connection:
            lock(connection)
            yield connection


def lock(connection: sa.Connection) -> None:
    """Let no other transaction change corrections until this one ends."""
    if connection.dialect.name == "postgresql":  # SQLite has only one writer anyway
        connection.execute(sa.text("LOCK TABLE corrections IN SHARE ROW EXCLUSIVE MODE"))


def _outdate(connection: sa.Connection, gone: Mapping[str, Iterable[int]]) -> None:
    """Erase the weights that learned from these corrections, by writer; PersonalModels makes them again when asked.

    The personal model of a writer without corrections is deleted, with the name.
    """
    columns = personal_models.c
    for writers in parts(sorted(gone)):
        left = set(connection.scalars(sa.select(table.c.writer).where(table.c.writer.in_(writers)).distinct()))
        query = sa.select(columns.writer, columns.corrections).where(columns.writer.in_(writers))
        for writer, learned in connection.execute(query).all():
            if writer not in left:
                connection.execute(personal_models.delete().where(columns.writer == writer))
            elif not set(learned).isdisjoint(gone[writer]):
                connection.execute(personal_models.update().where(columns.writer == writer).values(contents=None))


def checked_label(label: int) -> int:
    """A label that can be stored.  Raises InvalidInput."""
    if label not in LABELS:
        raise InvalidInput(f"label must be a digit from 0 to 9, or {NOT_A_DIGIT_NAME}", field="label")
    return label


def reading_facts(reading: Reading) -> dict[str, Any]:
    """The part of a reading that is stored."""
    return {
        "prediction": reading.prediction,
        "confidence": rounded(reading.confidence),
        "verdict": reading.verdict.value,
        "not_a_digit": rounded(reading.not_a_digit),
    }


def glyph_hash(glyph: Bytes) -> str:
    """The SHA-256 of a (28, 28) uint8 glyph, which names it."""
    return hashlib.sha256(glyph.tobytes()).hexdigest()


def _row(new: NewCorrection) -> dict[str, Any]:
    """The row of a new correction.  Raises InvalidInput."""
    if new.source not in SOURCES:
        raise InvalidInput(f"source must be one of {', '.join(SOURCES)}", field="source")
    assert new.glyph.shape == (SIDE_PX, SIDE_PX)
    assert new.glyph.dtype == np.uint8
    if are_blank(new.glyph)[0]:
        raise InvalidInput("the image is blank, so there is nothing to learn from it", field="image")
    at = now()
    return {
        "label": checked_label(new.label),
        "writer": checked_writer(new.writer),
        "source": new.source,
        "created_at": at,
        "changed_at": at,
        "times": 0,
        "glyph_sha256": glyph_hash(new.glyph),
        "glyph": new.glyph.tobytes(),
        "image": new.image,
        "strokes": new.strokes,
        "reading": new.reading,
        "model_version": new.model_version,
    }


def _numbers(connection: sa.Connection, hashes: Sequence[str]) -> dict[Key, int]:
    """The numbers of the stored corrections of these glyphs."""
    query = sa.select(table.c.glyph_sha256, table.c.label, table.c.writer, table.c.id)
    found = (connection.execute(query.where(table.c.glyph_sha256.in_(part))) for part in parts(hashes))
    return {(sha256, label, writer): int(number) for rows in found for sha256, label, writer, number in rows}


def _sent_again() -> sa.Update:
    """Count corrections that were sent again.  Parameters: known, the number; more, how often."""
    changes = {"times": table.c.times + sa.bindparam("more"), "changed_at": now()}
    return table.update().where(table.c.id == sa.bindparam("known")).values(changes)
