"""Uncertain readings that a person may label: store them, and choose the most informative ones.

    proposals = Proposals(store)
    proposals.add([Candidate(glyph, opinion, version=3)])
    proposals.best(20)

Filled only with MNIST_PROPOSE=1.  Of a drawing only the glyph is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats
from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import ProposalMissing
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.tables import corrections
from mnist_classifier.core.tables import readings_to_label as table
from mnist_classifier.learning.corrections import glyph_hash, reading_facts

MOST_KEPT = 2000
# A reading is worth a label if the likeliest of the eleven classes leads the second by less than this.
WIDEST_MARGIN = 0.8
# Glyphs are compared after averaging squares of so many pixels: a shift by one pixel is no difference.
POOLED_PX = 4


@dataclass(frozen=True, eq=False)
class Candidate:
    """A reading that may be worth a label.  glyph: (28, 28) uint8."""

    glyph: Bytes
    reading: Reading
    version: int


@dataclass(frozen=True)
class Proposal:
    """A stored reading without a label.  glyph: 784 bytes.  reading: see `reading_view`; its `margin` is 0 to 1."""

    id: int
    created_at: datetime
    glyph: bytes
    reading: dict[str, Any]
    model_version: int


class Proposals:
    """The readings to label in one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Store readings whose glyphs are neither stored nor labelled yet; the surest ones go if there are too many."""
        new = {glyph_hash(each.glyph): each for each in candidates}
        with self._store.writing(durably=True) as connection:  # overwrites those that go
            if connection.dialect.name == "postgresql":  # SQLite has only one writer anyway
                connection.execute(sa.text("LOCK TABLE readings_to_label IN SHARE ROW EXCLUSIVE MODE"))
            for stored in (table, corrections):
                known = sa.select(stored.c.glyph_sha256).where(stored.c.glyph_sha256.in_(list(new)))
                for sha256 in connection.scalars(known).all():
                    new.pop(sha256, None)
            if not new:
                return
            connection.execute(table.insert(), [_row(sha256, each) for sha256, each in new.items()])
            if (connection.scalar(_count()) or 0) > MOST_KEPT:
                rows = connection.execute(sa.select(table.c.id, table.c.reading)).all()
                kept = sorted((reading["margin"], number) for number, reading in rows)
                surest = [number for _, number in kept[MOST_KEPT:]]
                connection.execute(table.delete().where(table.c.id.in_(surest)))

    def count(self) -> int:
        """How many readings wait for a label."""
        with self._store.reading() as connection:
            return int(connection.scalar(_count()) or 0)

    def get(self, number: int) -> Proposal:
        """One reading.  Raises ProposalMissing."""
        with self._store.reading() as connection:
            found = _found(connection, table.c.id == number)
        if not found:
            raise _missing(number)
        return found[0]

    def best(self, limit: int) -> list[Proposal]:
        """The most informative readings: uncertain, and different from each other."""
        with self._store.reading() as connection:
            found = _found(connection, sa.true())
        glyphs = np.frombuffer(b"".join(each.glyph for each in found), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
        doubts = np.array([1 - each.reading["margin"] for each in found])
        return [found[row] for row in most_informative(glyphs, doubts, limit)]

    def delete(self, number: int) -> None:
        """Forget a reading.  Raises ProposalMissing."""
        with self._store.erasing() as connection:
            if not connection.execute(table.delete().where(table.c.id == number)).rowcount:
                raise _missing(number)

    def read_again(self, version: int, read: Callable[[Bytes], Sequence[Reading]]) -> None:
        """Replace the readings of other versions by those of this one, and forget those that are certain now.

        read: (N, 28, 28) uint8 glyphs -> readings.
        """
        with self._store.reading() as connection:
            old = _found(connection, table.c.model_version != version)
        if not old:
            return
        glyphs = np.frombuffer(b"".join(each.glyph for each in old), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
        # Before the transaction, because nobody else can write during it.
        readings = read(glyphs)
        with self._store.writing(durably=True) as connection:
            for each, reading in zip(old, readings, strict=True):
                chosen = table.c.id == each.id
                if is_uncertain(reading):
                    changes = {"reading": reading_view(reading), "model_version": version}
                    connection.execute(table.update().where(chosen).values(changes))
                else:
                    connection.execute(table.delete().where(chosen))


def margin(reading: Reading) -> float:
    """By how much the likeliest of the eleven classes leads the second: 0, undecided, to 1, certain."""
    shares = [share * (1 - reading.not_a_digit) for share in reading.probabilities]
    first, second = sorted([*shares, reading.not_a_digit], reverse=True)[:2]
    return first - second


def is_uncertain(reading: Reading) -> bool:
    """Whether a label for this reading would teach something."""
    if reading.verdict is Verdict.BLANK:
        return False
    return reading.verdict is Verdict.AMBIGUOUS or margin(reading) < WIDEST_MARGIN


def most_informative(glyphs: Bytes, doubts: npt.NDArray[np.float64], limit: int) -> list[int]:
    """Choose rows that are uncertain and different from each other, best first.

    glyphs: (N, 28, 28).  doubts: (N,), 0 to 1.  The first is the most doubtful one; each next one has the largest
    product of its doubt and its distance to the nearest one chosen.  Source: Sener & Savarese 2018 (farthest first),
    weighted with the uncertainty.
    """
    if len(glyphs) == 0:
        return []
    looks = _looks(glyphs)
    chosen = [int(doubts.argmax())]
    distances = np.full(len(glyphs), np.inf)
    while len(chosen) < min(limit, len(glyphs)):
        distances = np.minimum(distances, np.linalg.norm(looks - looks[chosen[-1]], axis=1))
        worth = doubts * distances
        worth[chosen] = -1.0
        chosen.append(int(worth.argmax()))
    return chosen


def _looks(glyphs: Bytes) -> Floats:
    """(N, 28, 28) glyphs -> (N, 49) mean ink of squares, at unit length."""
    squares = SIDE_PX // POOLED_PX
    pooled = glyphs.reshape(-1, squares, POOLED_PX, squares, POOLED_PX).mean(axis=(2, 4), dtype=np.float32)
    flat: Floats = pooled.reshape(len(glyphs), -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True).clip(min=1e-6)
    return flat


def reading_view(reading: Reading) -> dict[str, Any]:
    """The part of a reading that is stored, as a correction has it, and the margin."""
    return {**reading_facts(reading), "margin": round(margin(reading), 6)}


def _row(sha256: str, new: Candidate) -> dict[str, Any]:
    return {
        "created_at": now(),
        "glyph": new.glyph.tobytes(),
        "glyph_sha256": sha256,
        "reading": reading_view(new.reading),
        "model_version": new.version,
    }


def _found(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Proposal]:
    columns = (table.c.id, table.c.created_at, table.c.glyph, table.c.reading, table.c.model_version)
    rows = connection.execute(sa.select(*columns).where(condition).order_by(table.c.id))
    return [Proposal(**row) for row in rows.mappings()]


def _count() -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table)


def _missing(number: int) -> ProposalMissing:
    return ProposalMissing(f"there is no reading {number} to label; it may have been labelled or skipped")
