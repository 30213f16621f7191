"""What the store knows of runs and their events; nothing here changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mnist_classifier.core.database import Store, run_events, runs
from mnist_classifier.core.errors import RunMissing
from mnist_classifier.core.records import Run, RunEvent, RunStatus

ACTIVE = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
# In the queue, and nobody's yet.
WAITING = (runs.c.status == RunStatus.QUEUED.value) & runs.c.claimed_at.is_(None)
# A process has them in hand, or had.
UNDER_WAY = runs.c.status.in_(ACTIVE) & runs.c.claimed_at.is_not(None)
RUN_COLUMNS = [column for column in runs.c if column.name not in ("heartbeat_at", "claimed_at", "cancel_requested")]


class RunQueries:
    """The trainings of one database, to look at."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def is_waiting(self) -> bool:
        """Whether a run is in the queue that nobody has claimed."""
        with self.store.reading() as connection:
            return connection.scalar(sa.select(runs.c.id).where(WAITING).limit(1)) is not None

    def get(self, run_id: int) -> Run:
        """One run.  Raises RunMissing."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(*RUN_COLUMNS).where(runs.c.id == run_id)).mappings().first()
        if row is None:
            raise RunMissing(f"there is no run {run_id}")
        return _run(row)

    def recent(self, limit: int = 20, *, before: int | None = None, search: str = "") -> list[Run]:
        """The newest runs, newest first.

        before: only runs of a lower number; search: a word that number,
        recipe, status or message must hold.
        """
        query = sa.select(*RUN_COLUMNS).order_by(runs.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.id < before)
        for word in search.split():
            recipe = runs.c.config["recipe"].as_string()
            texts = [column.icontains(word, autoescape=True) for column in (recipe, runs.c.status, runs.c.message)]
            query = query.where(sa.or_(*texts, sa.cast(runs.c.id, sa.String) == word))
        with self.store.reading() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def active(self) -> Run | None:
        """The run that is under way, else the first that waits, if there is one."""
        query = sa.select(*RUN_COLUMNS).where(runs.c.status.in_(ACTIVE)).order_by(runs.c.status.desc(), runs.c.id)
        with self.store.reading() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return None if row is None else _run(row)

    def active_counts(self) -> dict[RunStatus, int]:
        """How many runs are under way, and how many wait."""
        query = sa.select(runs.c.status, sa.func.count()).where(runs.c.status.in_(ACTIVE)).group_by(runs.c.status)
        with self.store.reading() as connection:
            found = {str(status): int(count) for status, count in connection.execute(query)}
        return {status: found.get(status.value, 0) for status in (RunStatus.RUNNING, RunStatus.QUEUED)}

    def last_finished(self) -> Run | None:
        """The newest run that has ended."""
        query = sa.select(*RUN_COLUMNS).where(runs.c.status.not_in(ACTIVE)).order_by(runs.c.id.desc()).limit(1)
        with self.store.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _run(row)

    def events(
        self, run_id: int, *, after: int = 0, limit: int | None = None, kinds: Sequence[str] = ()
    ) -> list[RunEvent]:
        """The log of a run, from the event behind sequence number `after` on; `kinds` leaves out the others."""
        query = sa.select(run_events).where(run_events.c.run_id == run_id, run_events.c.sequence > after)
        if kinds:
            query = query.where(run_events.c.kind.in_(kinds))
        with self.store.reading() as connection:
            rows = connection.execute(query.order_by(run_events.c.sequence).limit(limit))
            return [RunEvent(**row) for row in rows.mappings()]

    def last_event(self, run_id: int, *kinds: str) -> RunEvent | None:
        """The newest event of one of these kinds."""
        chosen = (run_events.c.run_id == run_id) & (run_events.c.kind.in_(kinds))
        query = sa.select(run_events).where(chosen).order_by(run_events.c.sequence.desc()).limit(1)
        with self.store.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else RunEvent(**row)


def _run(row: Mapping[Any, Any]) -> Run:
    return Run(**{**row, "status": RunStatus(row["status"])})
