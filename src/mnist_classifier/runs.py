"""Runs and their events, as the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
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
RUN_COLUMNS = [column for column in runs.c if column.name not in ("heartbeat_at", "claimed_at", "cancel_requested")]


class Runs:
    """The trainings of one MNIST_HOME."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, config: TrainConfig) -> Run:
        """Queue a run.  Raises RunInProgress while another is active."""
        self.mark_interrupted()
        with self.store.writing() as connection:
            _refuse_while_active(connection)
            moment = now()
            result = connection.execute(
                runs.insert().values(
                    status=RunStatus.QUEUED.value,
                    config=config.to_dict(),
                    created_at=moment,
                    heartbeat_at=moment,
                )
            )
            run_id = result.inserted_primary_key[0]  # type: ignore[index]
        return self.get(run_id)

    def get(self, run_id: int) -> Run:
        """One run.  Raises RunMissing."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(*RUN_COLUMNS).where(runs.c.id == run_id)).mappings().first()
        if row is None:
            raise RunMissing(f"there is no run {run_id}")
        return _run(row)

    def reopen(self, run_id: int) -> Run:
        """Queue a run that broke off once more.

        Raises RunMissing, RunInProgress, and RunFinished for a run that
        succeeded or was cancelled.
        """
        self.mark_interrupted()
        run = self.get(run_id)
        if run.status in (RunStatus.SUCCEEDED, RunStatus.CANCELLED):
            raise RunFinished(f"run {run_id} has {run.status.value}; only one that broke off can go on")
        with self.store.writing() as connection:
            _refuse_while_active(connection)
            connection.execute(
                runs.update()
                .where(runs.c.id == run_id)
                .values(status=RunStatus.QUEUED.value, heartbeat_at=now(), finished_at=None, cancel_requested=False)
            )
        return self.get(run_id)

    def recent(self, limit: int = 20) -> list[Run]:
        """The newest runs, newest first."""
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(*RUN_COLUMNS).order_by(runs.c.id.desc()).limit(limit))
            return [_run(row) for row in rows.mappings()]

    def active(self) -> Run | None:
        """The run that is queued or running, if there is one."""
        return next((run for run in self.recent() if not run.status.is_final), None)

    def start(self, run_id: int, pid: int) -> None:
        """The worker is at work."""
        moment = now()
        self._update(run_id, status=RunStatus.RUNNING.value, pid=pid, started_at=moment, heartbeat_at=moment)
        self.add_event(run_id, "status", {"status": RunStatus.RUNNING.value})

    def beat(self, run_id: int) -> bool:
        """The worker is alive; returns whether it has been asked to stop."""
        self._update(run_id, heartbeat_at=now())
        with self.store.reading() as connection:
            return bool(connection.scalar(sa.select(runs.c.cancel_requested).where(runs.c.id == run_id)))

    def finish(self, run_id: int, status: RunStatus, message: str = "", model_version: int | None = None) -> None:
        """Record how a run ended; the first ending stands."""
        with self.store.writing() as connection:
            result = connection.execute(
                runs.update()
                .where(runs.c.id == run_id, runs.c.status.in_(ACTIVE))
                .values(status=status.value, message=message, model_version=model_version, finished_at=now())
            )
        if result.rowcount:
            self.add_event(run_id, "status", {"status": status.value, "message": message})

    def request_cancel(self, run_id: int) -> Run:
        """Ask the worker of an active run to stop.  Raises RunMissing."""
        run = self.get(run_id)
        if not run.status.is_final:
            self._update(run_id, cancel_requested=True)
        return run

    def mark_interrupted(self) -> list[int]:
        """Give every active run whose worker is gone the status that says so."""
        with self.store.writing() as connection:
            stale = (runs.c.status.in_(ACTIVE)) & (runs.c.heartbeat_at < now() - STALE_AFTER)
            gone = list(connection.scalars(sa.select(runs.c.id).where(stale)))
        for run_id in gone:
            advice = f"`mnist runs resume {run_id}` goes on from the last whole epoch"
            self.finish(
                run_id,
                RunStatus.INTERRUPTED,
                f"the training process is gone; {advice}",
            )
        return gone

    def add_event(self, run_id: int, kind: str, data: Mapping[str, Any]) -> None:
        """Append to a run's log."""
        with self.store.writing() as connection:
            last = connection.scalar(sa.select(sa.func.max(run_events.c.sequence)).where(run_events.c.run_id == run_id))
            connection.execute(
                run_events.insert().values(
                    run_id=run_id, sequence=(last or 0) + 1, kind=kind, at=now(), data=dict(data)
                )
            )

    def events(self, run_id: int, *, after: int = 0) -> list[RunEvent]:
        """The log of a run, from the event behind sequence number `after` on."""
        chosen = (run_events.c.run_id == run_id) & (run_events.c.sequence > after)
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(run_events).where(chosen).order_by(run_events.c.sequence))
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


def _refuse_while_active(connection: sa.Connection) -> None:
    active = connection.scalar(sa.select(runs.c.id).where(runs.c.status.in_(ACTIVE)))
    if active is not None:
        raise RunInProgress(f"run {active} is still training; wait for it or cancel it")


def _run(row: Mapping[Any, Any]) -> Run:
    return Run(**{**row, "status": RunStatus(row["status"])})
