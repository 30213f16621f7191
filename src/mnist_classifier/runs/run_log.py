"""Runs and their events in the database.

A run waits in the queue until a process claims it for a worker.  The worker
records its start, its progress and its end.  Every change of status is one
transaction.  Each claim has its own name (claims.py), so a worker notices if its
run was given to another process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import ClaimLost, DatabaseBusy, RunFinished, RunInProgress, StorageFull
from mnist_classifier.core.records import Run, RunStatus, Trial
from mnist_classifier.core.tables import run_events, runs
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import claims
from mnist_classifier.runs.queries import ACTIVE, RUNS, UNDER_WAY, WAITING, RunQueries, found_runs

# Workers report twice a second.  If a worker's lock cannot be checked, as on another machine, this much silence means
# that it is gone.
SILENT_AFTER_S = 120.0
# Key of the queue's advisory lock in PostgreSQL.  Any number will do that nothing else in the database uses.
QUEUE_LOCK = 5_171_017
# The message of a cancelled run until its best weights are a version.
SAVING = "cancelled; saving the best weights so far"


class _ClaimedRun(NamedTuple):
    """A claimed run, and when its worker reported last."""

    id: int
    claim: str | None
    heartbeat_at: datetime


class Runs(RunQueries):
    """Reads and writes the runs of one database; their workers hold locks in `claims_dir`."""

    def __init__(self, store: Store, claims_dir: Path) -> None:
        super().__init__(store)
        self.claims_dir = claims_dir
        self._held: str | None = None
        # The latest report of each run, and when this process first saw it, by its own clock.
        self._seen_at: dict[_ClaimedRun, float] = {}

    def create(
        self, config: TrainConfig, trial: Trial | None = None, *, environment: Mapping[str, Any] | None = None
    ) -> Run:
        """Create a run that the caller carries out at once.

        environment: facts that `describe` may add to.
        Raises RunInProgress while another is active; only trials of a search may run beside others.
        """
        self.mark_interrupted()
        with claims.new_claim(self.claims_dir) as claim, self.store.writing() as connection:
            if trial is None:
                _refuse_while_active(connection)
            claims.lock(self.claims_dir, claim)
            run_id = _insert(connection, config, claim, environment=environment, trial=trial)
        return self.get(run_id)

    def enqueue(self, config: TrainConfig) -> Run:
        """Create a run that waits in the queue."""
        with self.store.writing() as connection:
            run_id = _insert(connection, config, None)
        return self.get(run_id)

    def claim_next(self, at_once: int) -> Run | None:
        """Claim the oldest run in the queue unless `at_once` runs are under way; the caller starts its worker."""
        self.mark_interrupted()
        with claims.new_claim(self.claims_dir) as claim, self.store.writing() as connection:
            _lock_queue(connection)
            under_way = connection.scalar(sa.select(sa.func.count()).where(UNDER_WAY)) or 0
            run_id = connection.scalar(sa.select(sa.func.min(runs.c.id)).where(WAITING))
            if run_id is None or under_way >= at_once:
                return None
            claims.lock(self.claims_dir, claim)
            moment = now()
            connection.execute(
                runs.update().where(runs.c.id == run_id).values(claim=claim, claimed_at=moment, heartbeat_at=moment)
            )
            # In the same transaction: if the database is lost now, the run stays in the queue.
            return found_runs(connection, RUNS.where(runs.c.id == run_id))[0]

    def reopen(self, run_id: int, *, queued: bool = False, beside_others: bool = False) -> Run:
        """Reopen an interrupted or failed run, or a cancelled one whose weights were not saved.

        The caller carries it out or, with `queued`, it joins the queue.

        Raises RunMissing, RunFinished if the run succeeded, was cancelled or pruned,
        and RunInProgress if it is active or, without `queued` and `beside_others`, another one is.
        """
        self.mark_interrupted()
        run = self.get(run_id)
        has_ended = run.status in (RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.PRUNED)
        if has_ended and run.message != SAVING:  # a process that saves still, loses its claim
            raise RunFinished(
                f"run {run_id} has ended ({run.status.value}); only an interrupted or failed run can be resumed"
            )
        if not run.status.is_final:
            raise RunInProgress(f"run {run_id} is already {run.status.value}")
        with claims.new_claim(self.claims_dir) as claim, self.store.writing() as connection:
            if not queued and not beside_others:
                _refuse_while_active(connection)
            if not queued:
                claims.lock(self.claims_dir, claim)
            # Change nothing if somebody else was quicker: two workers would carry out the same run.
            unchanged = (runs.c.id == run_id) & (runs.c.status == run.status.value)
            values = _queued(None if queued else claim) | {"finished_at": None}
            if not connection.execute(runs.update().where(unchanged).values(**values)).rowcount:
                raise RunInProgress(f"somebody else has just resumed run {run_id}")
        return self.get(run_id)

    def start(self, run_id: int, pid: int) -> None:
        """Record that the worker has started.  Raises RunFinished if the run is not in the queue any more."""
        moment = now()
        values = {"status": RunStatus.RUNNING.value, "pid": pid, "heartbeat_at": moment, "started_at": moment}
        with self.store.writing() as connection:
            queued = (runs.c.id == run_id) & (runs.c.status == RunStatus.QUEUED.value)
            if not connection.execute(runs.update().where(queued).values(**values)).rowcount:
                raise RunFinished(f"run {run_id} is not in the queue any more")
            _append(connection, run_id, "status", {"status": RunStatus.RUNNING.value})

    def describe(self, run_id: int, environment: Mapping[str, Any]) -> None:
        """Record the libraries, device and data of a run."""
        self._update(run_id, environment=dict(environment))

    def summarise(self, run_id: int, summary: Mapping[str, Any]) -> None:
        """Record the figures that lists of runs show."""
        self._update(run_id, summary=dict(summary))

    def record_trial(self, run_id: int, trial: Trial) -> None:
        """Record how the trial of a search stands."""
        self._update(run_id, trial=dict(trial))

    def beat(self, run_id: int) -> bool:
        """Record that the worker is alive; returns whether somebody asked it to stop."""
        self._update(run_id, heartbeat_at=now())
        with self.store.reading() as connection:
            return bool(connection.scalar(sa.select(runs.c.cancel_requested).where(runs.c.id == run_id)))

    def hold(self, run_id: int, claim: str) -> None:
        """Guard this store: once the run has another claim, every write raises ClaimLost."""
        held = sa.select(runs.c.id).where(runs.c.id == run_id, runs.c.claim == claim).with_for_update()

        def guard(connection: sa.Connection) -> None:
            if connection.scalar(held) is None:
                raise ClaimLost(
                    f"run {run_id} was marked interrupted or given to another process; "
                    "this process stops and records nothing more"
                )

        self.store.guard, self._held = guard, claim

    def check_claim(self) -> None:
        """Raise ClaimLost if the claim given to `hold` is lost."""
        with self.store.reading() as connection:
            self.store.guard(connection)

    def finish(
        self,
        run_id: int,
        status: RunStatus,
        message: str = "",
        model_version: int | None = None,
        *,
        claim: str | None = None,
    ) -> bool:
        """Record how a run ended.  Returns False, and changes nothing, if it had ended before.

        A run that was cancelled ends once more if its best weights cannot be saved.
        claim: record the end only if the run still has this claim.
        """
        chosen = runs.c.id == run_id if claim is None else _has_claim(run_id, claim)
        with self.store.writing() as connection:
            ended = _finish(connection, chosen, run_id, status, message, model_version)
        # Only now, because a run without a lock and without an end counts as interrupted.
        claims.release(self.claims_dir, claim or self._held)
        return ended

    def amend(self, run_id: int, message: str, model_version: int) -> None:
        """Record the version made from the best weights of a run that has ended."""
        with self.store.writing() as connection:
            connection.execute(
                runs.update().where(runs.c.id == run_id).values(message=message, model_version=model_version)
            )
            _append(connection, run_id, "message", {"text": message, "model_version": model_version})

    def request_cancel(self, run_id: int) -> Run:
        """Ask the worker of an active run to stop; a run in the queue ends at once.  Raises RunMissing."""
        run = self.get(run_id)
        with self.store.writing() as connection:
            connection.execute(
                runs.update().where(runs.c.id == run_id, runs.c.status.in_(ACTIVE)).values(cancel_requested=True)
            )
            not_begun = _has_claim(run_id, run.claim) & (runs.c.status == RunStatus.QUEUED.value)
            ended = _finish(connection, not_begun, run_id, RunStatus.CANCELLED, "cancelled before it began")
        if ended:
            claims.release(self.claims_dir, run.claim)
        return self.get(run_id)

    def mark_interrupted(self) -> list[int]:
        """Mark runs as interrupted whose process is gone, not just suspended; returns their numbers."""
        query = sa.select(runs.c.id, runs.c.claim, runs.c.heartbeat_at).where(UNDER_WAY)
        with self.store.reading() as connection:  # reading waits for nobody, and nearly always no run is gone
            claimed = [_ClaimedRun(*row) for row in connection.execute(query)]
        moment = time.monotonic()
        self._seen_at = {run: self._seen_at.get(run, moment) for run in claimed}
        gone = [run for run in claimed if self._is_gone(run)]
        with suppress(StorageFull, DatabaseBusy):  # a reader still gets an answer; a later call records it
            return [run.id for run in gone if self._interrupt(run)]
        return []

    def _is_gone(self, run: _ClaimedRun) -> bool:
        is_alive = claims.is_alive(self.claims_dir, run.claim)
        if is_alive is not None:
            return not is_alive
        # Compare with the time when this process saw the report: the clock of another machine may be wrong.
        seen_at = self._seen_at.get(run)
        return seen_at is not None and time.monotonic() - seen_at > SILENT_AFTER_S

    def _interrupt(self, run: _ClaimedRun) -> bool:
        """Mark a run as interrupted, unless it has reported again."""
        message = f"the training process is gone; {resume_hint(run.id)}"
        unchanged = _has_claim(run.id, run.claim) & (runs.c.heartbeat_at == run.heartbeat_at)
        with self.store.writing() as connection:
            interrupted = _finish(connection, unchanged, run.id, RunStatus.INTERRUPTED, message)
            if interrupted:
                connection.execute(runs.update().where(runs.c.id == run.id).values(claim=None))
        if interrupted:
            claims.release(self.claims_dir, run.claim)
        return interrupted

    def add_event(self, run_id: int, kind: str, data: Mapping[str, Any], *, replace: bool = False) -> None:
        """Append to a run's log; with `replace`, remove earlier events of the same kind."""
        with self.store.writing() as connection:
            if replace:
                connection.execute(run_events.delete().where(run_events.c.run_id == run_id, run_events.c.kind == kind))
            _append(connection, run_id, kind, data)

    def _update(self, run_id: int, **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(**values))


def resume_hint(run_id: int) -> str:
    """How to resume an interrupted run."""
    return (
        f"press Resume on the page Training, or run `mnist runs resume {run_id}`, "
        "to continue after the last complete epoch"
    )


def _insert(
    connection: sa.Connection,
    config: TrainConfig,
    claim: str | None,
    *,
    environment: Mapping[str, Any] | None = None,
    trial: Trial | None = None,
) -> int:
    values = {"config": config.to_dict(), "environment": environment, "trial": trial, "created_at": now()}
    values |= _queued(claim)
    result = connection.execute(runs.insert().values(**values))
    return int(result.inserted_primary_key[0])  # type: ignore[index]


def _queued(claim: str | None) -> dict[str, Any]:
    """The columns of a new run: claimed, or waiting if `claim` is None."""
    moment = now()
    return {
        "status": RunStatus.QUEUED.value,
        "claim": claim,
        "claimed_at": claim and moment,
        "heartbeat_at": moment,
        "cancel_requested": False,
        "message": "",
    }


def _has_claim(run_id: int, claim: str | None) -> sa.ColumnElement[bool]:
    """The condition that a run has this claim."""
    return (runs.c.id == run_id) & (runs.c.claim == claim)


def _lock_queue(connection: sa.Connection) -> None:
    """Let nobody else claim a run until this transaction ends.  SQLite allows only one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(QUEUE_LOCK)))


def _finish(
    connection: sa.Connection,
    chosen: sa.ColumnElement[bool],
    run_id: int,
    status: RunStatus,
    message: str,
    model_version: int | None = None,
) -> bool:
    values = {"status": status.value, "message": message, "model_version": model_version, "finished_at": now()}
    is_open = runs.c.status.in_(ACTIVE) | ((runs.c.status == RunStatus.CANCELLED.value) & (runs.c.message == SAVING))
    ended = connection.execute(runs.update().where(chosen, is_open).values(**values)).rowcount
    if ended:
        _append(connection, run_id, "status", {"status": status.value, "message": message})
    return bool(ended)


def _append(connection: sa.Connection, run_id: int, kind: str, data: Mapping[str, Any]) -> None:
    # Lock the run's row, because worker and server may append at the same time and would choose the same number.
    connection.execute(sa.select(runs.c.id).where(runs.c.id == run_id).with_for_update())
    last = connection.scalar(sa.select(sa.func.max(run_events.c.sequence)).where(run_events.c.run_id == run_id))
    row = {"run_id": run_id, "sequence": (last or 0) + 1, "kind": kind, "at": now(), "data": dict(data)}
    connection.execute(run_events.insert().values(**row))


def _refuse_while_active(connection: sa.Connection) -> None:
    _lock_queue(connection)
    active = connection.scalar(sa.select(runs.c.id).where(runs.c.status.in_(ACTIVE)))
    if active is not None:
        raise RunInProgress(f"run {active} is still training; wait for it or cancel it")
