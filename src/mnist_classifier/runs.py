"""Runs and their events, as the store keeps them.

A run waits in the queue until a process claims it; its worker then starts,
reports, and finishes it.  Every change of status is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from mnist_classifier.config import TrainConfig
from mnist_classifier.errors import RunFinished, RunInProgress, RunMissing
from mnist_classifier.records import Run, RunEvent, RunStatus
from mnist_classifier.store import Store, now, run_events, runs

# A worker reports every second; one that has been silent for so long is gone.
STALE_AFTER = timedelta(seconds=15)

ACTIVE = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
# In the queue, and nobody's yet.
WAITING = (runs.c.status == RunStatus.QUEUED.value) & runs.c.claimed_at.is_(None)
# A process has them in hand, or had.
UNDER_WAY = runs.c.status.in_(ACTIVE) & runs.c.claimed_at.is_not(None)
RUN_COLUMNS = [column for column in runs.c if column.name not in ("heartbeat_at", "claimed_at", "cancel_requested")]


class Runs:
    """The trainings of one MNIST_HOME."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, config: TrainConfig) -> Run:
        """A run that the caller carries out itself, at once.  Raises RunInProgress while another is active."""
        self.mark_interrupted()
        with self.store.writing() as connection:
            _refuse_while_active(connection)
            run_id = _insert(connection, config, claimed=True)
        return self.get(run_id)

    def enqueue(self, config: TrainConfig) -> Run:
        """A run that waits until somebody claims it."""
        with self.store.writing() as connection:
            run_id = _insert(connection, config, claimed=False)
        return self.get(run_id)

    def claim_next(self, at_once: int) -> int | None:
        """Take the oldest run that waits, unless `at_once` runs are under way; its worker is to be started now."""
        self.mark_interrupted()
        with self.store.writing() as connection:
            under_way = connection.scalar(sa.select(sa.func.count()).where(UNDER_WAY)) or 0
            waiting = sa.select(runs.c.id).where(WAITING).order_by(runs.c.id).limit(1)
            run_id = connection.scalar(waiting.with_for_update(skip_locked=True))
            if run_id is None or under_way >= at_once:
                return None
            moment = now()
            connection.execute(runs.update().where(runs.c.id == run_id).values(claimed_at=moment, heartbeat_at=moment))
            return int(run_id)

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

    def reopen(self, run_id: int, *, queued: bool = False) -> Run:
        """Make a run that broke off one that the caller carries out, or with `queued` one that waits.

        Raises RunMissing, RunFinished for a run that succeeded or was
        cancelled, RunInProgress for one that is active, or while another is
        unless this one may wait.
        """
        self.mark_interrupted()
        run = self.get(run_id)
        if run.status in (RunStatus.SUCCEEDED, RunStatus.CANCELLED):
            raise RunFinished(f"run {run_id} has {run.status.value}; only one that broke off can go on")
        if not run.status.is_final:
            raise RunInProgress(f"run {run_id} is {run.status.value} already")
        moment = now()
        values = {"status": RunStatus.QUEUED.value, "heartbeat_at": moment, "finished_at": None}
        with self.store.writing() as connection:
            if not queued:
                _refuse_while_active(connection)
            connection.execute(
                runs.update()
                .where(runs.c.id == run_id)
                .values(**values, message="", cancel_requested=False, claimed_at=None if queued else moment)
            )
        return self.get(run_id)

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

    def start(self, run_id: int, pid: int) -> None:
        """The worker is at work.  Raises RunFinished when the run is not to be done any more."""
        moment = now()
        values = {"status": RunStatus.RUNNING.value, "pid": pid, "heartbeat_at": moment, "started_at": moment}
        with self.store.writing() as connection:
            queued = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value)
            if not connection.execute(runs.update().where(queued).values(**values)).rowcount:
                raise RunFinished(f"run {run_id} is not waiting to be done")
            _append(connection, run_id, "status", {"status": RunStatus.RUNNING.value})

    def describe(self, run_id: int, environment: Mapping[str, Any]) -> None:
        """Record what a run runs on."""
        self._update(run_id, environment=dict(environment))

    def summarise(self, run_id: int, summary: Mapping[str, Any]) -> None:
        """Record the figures that lists of runs show."""
        self._update(run_id, summary=dict(summary))

    def beat(self, run_id: int) -> bool:
        """The worker is alive; returns whether it has been asked to stop."""
        self._update(run_id, heartbeat_at=now())
        with self.store.reading() as connection:
            return bool(connection.scalar(sa.select(runs.c.cancel_requested).where(runs.c.id == run_id)))

    def finish(self, run_id: int, status: RunStatus, message: str = "", model_version: int | None = None) -> bool:
        """Record how a run ended; the first ending stands.  Returns whether this was it."""
        with self.store.writing() as connection:
            return _finish(connection, runs.c.id == run_id, run_id, status, message, model_version)

    def amend(self, run_id: int, message: str, model_version: int) -> None:
        """Say what became of a run that has ended already: its best weights were kept as a version."""
        with self.store.writing() as connection:
            connection.execute(
                runs.update().where(runs.c.id == run_id).values(message=message, model_version=model_version)
            )
            _append(connection, run_id, "message", {"text": message, "model_version": model_version})

    def request_cancel(self, run_id: int) -> Run:
        """Ask the worker of an active run to stop; one that has not begun ends here.  Raises RunMissing."""
        self.get(run_id)
        with self.store.writing() as connection:
            connection.execute(
                runs.update().where(runs.c.id == run_id, runs.c.status.in_(ACTIVE)).values(cancel_requested=True)
            )
            not_begun = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value)
            _finish(connection, not_begun, run_id, RunStatus.CANCELLED, "cancelled before it began")
        return self.get(run_id)

    def mark_interrupted(self) -> list[int]:
        """Give every run whose worker is gone the status that says so."""
        stale = UNDER_WAY & (runs.c.heartbeat_at < now() - STALE_AFTER)
        with self.store.reading() as connection:  # nearly always there is none, and reading waits for nobody
            gone = list(connection.scalars(sa.select(runs.c.id).where(stale)))
        return [run_id for run_id in gone if self._interrupt(run_id)]

    def _interrupt(self, run_id: int) -> bool:
        message = f"the training process is gone; `mnist runs resume {run_id}` goes on from the last whole epoch"
        stale = (runs.c.id == run_id) & UNDER_WAY & (runs.c.heartbeat_at < now() - STALE_AFTER)
        with self.store.writing() as connection:
            return _finish(connection, stale, run_id, RunStatus.INTERRUPTED, message)

    def add_event(self, run_id: int, kind: str, data: Mapping[str, Any], *, replace: bool = False) -> None:
        """Append to a run's log; with `replace` it takes the place of earlier events of its kind."""
        with self.store.writing() as connection:
            if replace:
                connection.execute(run_events.delete().where(run_events.c.run_id == run_id, run_events.c.kind == kind))
            _append(connection, run_id, kind, data)

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

    def _update(self, run_id: int, **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(**values))


def _insert(connection: sa.Connection, config: TrainConfig, *, claimed: bool) -> int:
    moment = now()
    values = {
        "status": RunStatus.QUEUED.value,
        "config": config.to_dict(),
        "created_at": moment,
        "heartbeat_at": moment,
    }
    result = connection.execute(
        runs.insert().values(**values, cancel_requested=False, message="", claimed_at=moment if claimed else None)
    )
    return int(result.inserted_primary_key[0])  # type: ignore[index]


def _finish(
    connection: sa.Connection,
    chosen: sa.ColumnElement[bool],
    run_id: int,
    status: RunStatus,
    message: str,
    model_version: int | None = None,
) -> bool:
    values = {"status": status.value, "message": message, "model_version": model_version, "finished_at": now()}
    ended = connection.execute(runs.update().where(chosen, runs.c.status.in_(ACTIVE)).values(**values)).rowcount
    if ended:
        _append(connection, run_id, "status", {"status": status.value, "message": message})
    return bool(ended)


def _append(connection: sa.Connection, run_id: int, kind: str, data: Mapping[str, Any]) -> None:
    # Worker and server may both write; where the database lets them at the same time, one waits here.
    connection.execute(sa.select(runs.c.id).where(runs.c.id == run_id).with_for_update())
    last = connection.scalar(sa.select(sa.func.max(run_events.c.sequence)).where(run_events.c.run_id == run_id))
    row = {"run_id": run_id, "sequence": (last or 0) + 1, "kind": kind, "at": now(), "data": dict(data)}
    connection.execute(run_events.insert().values(**row))


def _refuse_while_active(connection: sa.Connection) -> None:
    active = connection.scalar(sa.select(runs.c.id).where(runs.c.status.in_(ACTIVE)))
    if active is not None:
        raise RunInProgress(f"run {active} is still training; wait for it or cancel it")


def _run(row: Mapping[Any, Any]) -> Run:
    return Run(**{**row, "status": RunStatus(row["status"])})
