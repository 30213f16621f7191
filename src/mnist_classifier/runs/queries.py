"""Queries of runs and their events; nothing here changes the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import RunMissing
from mnist_classifier.core.records import Run, RunEvent, RunStatus
from mnist_classifier.core.tables import run_events, runs

ACTIVE = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
# In the queue, and claimed by no process.
WAITING = (runs.c.status == RunStatus.QUEUED.value) & runs.c.claimed_at.is_(None)
# Claimed by a process, which may have died since.
UNDER_WAY = runs.c.status.in_(ACTIVE) & runs.c.claimed_at.is_not(None)
# The fact in a run's environment that names its torchrun.
TORCHRUN = "torchrun"
RUNS = sa.select(
    *(column for column in runs.c if column.name not in ("heartbeat_at", "claimed_at", "cancel_requested"))
)


class RunQueries:
    """Reads the runs of one database."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def has_waiting(self) -> bool:
        """Whether the queue has a run that nobody has claimed."""
        with self.store.reading() as connection:
            return connection.scalar(sa.select(runs.c.id).where(WAITING).limit(1)) is not None

    def get(self, run_id: int) -> Run:
        """One run.  Raises RunMissing."""
        found = self._runs(RUNS.where(runs.c.id == run_id))
        if not found:
            raise RunMissing(f"there is no run {run_id}")
        return found[0]

    def of_torchrun(self, job: str) -> Run | None:
        """The latest run of the torchrun of this name, if any."""
        query = RUNS.where(runs.c.environment[TORCHRUN].as_string() == job).order_by(runs.c.id.desc())
        return next(iter(self._runs(query.limit(1))), None)

    def recent(self, limit: int = 20, *, before: int | None = None, search: str = "") -> list[Run]:
        """The latest runs, newest first.

        before: only runs with lower numbers; search: words that the number,
        recipe, status, message or search must contain.
        """
        query = RUNS.order_by(runs.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.id < before)
        for word in search.split():
            recipe, search_name = runs.c.config["recipe"].as_string(), runs.c.trial["search"].as_string()
            columns = (recipe, runs.c.status, runs.c.message, sa.func.coalesce(search_name, ""))
            texts = [column.icontains(word, autoescape=True) for column in columns]
            query = query.where(sa.or_(*texts, sa.cast(runs.c.id, sa.String) == word))
        return self._runs(query)

    def of_search(self, search: str) -> list[Run]:
        """All runs of a search, oldest first."""
        return self._runs(RUNS.where(runs.c.trial["search"].as_string() == search).order_by(runs.c.id))

    def active(self) -> Run | None:
        """The running run, or else the first in the queue, if any."""
        # Descending, so that "running" comes before "queued".
        query = RUNS.where(runs.c.status.in_(ACTIVE)).order_by(runs.c.status.desc(), runs.c.id)
        return next(iter(self._runs(query.limit(1))), None)

    def active_counts(self) -> dict[RunStatus, int]:
        """The numbers of running and of queued runs."""
        query = sa.select(runs.c.status, sa.func.count()).where(runs.c.status.in_(ACTIVE)).group_by(runs.c.status)
        with self.store.reading() as connection:
            found = {str(status): int(count) for status, count in connection.execute(query)}
        return {status: found.get(status.value, 0) for status in (RunStatus.RUNNING, RunStatus.QUEUED)}

    def last_finished(self) -> Run | None:
        """The latest run that has ended, if any."""
        query = RUNS.where(runs.c.status.not_in(ACTIVE)).order_by(runs.c.id.desc())
        return next(iter(self._runs(query.limit(1))), None)

    def events(
        self, run_id: int, *, after: int = 0, limit: int | None = None, kinds: Sequence[str] = ()
    ) -> list[RunEvent]:
        """The events of a run with sequence numbers above `after`, of all kinds or only of `kinds`."""
        query = _events(run_id, kinds).where(run_events.c.sequence > after)
        return self._events(query.order_by(run_events.c.sequence).limit(limit))

    def last_event(self, run_id: int, *kinds: str) -> RunEvent | None:
        """The latest event of one of these kinds, if any."""
        query = _events(run_id, kinds).order_by(run_events.c.sequence.desc())
        return next(iter(self._events(query.limit(1))), None)

    def _runs(self, query: sa.Select[Any]) -> list[Run]:
        with self.store.reading() as connection:
            return found_runs(connection, query)

    def _events(self, query: sa.Select[Any]) -> list[RunEvent]:
        with self.store.reading() as connection:
            return [RunEvent(**row) for row in connection.execute(query).mappings()]


def found_runs(connection: sa.Connection, query: sa.Select[Any]) -> list[Run]:
    """The runs that a query of `RUNS` finds."""
    rows = connection.execute(query).mappings().all()
    return [Run(**{**row, "status": _status(row["status"])}) for row in rows]


def _status(stored: str) -> RunStatus:
    """The status of a run.  One that a newer release invented counts as cancelled: it has ended, and is not resumed."""
    try:
        return RunStatus(stored)
    except ValueError:
        return RunStatus.CANCELLED


def _events(run_id: int, kinds: Sequence[str]) -> sa.Select[Any]:
    query = sa.select(run_events).where(run_events.c.run_id == run_id)
    return query.where(run_events.c.kind.in_(kinds)) if kinds else query
