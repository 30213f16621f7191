"""Carry out a search: keep `jobs` trials under way until the plan is done.

Everything is read from the store each time, so a search that was interrupted in any way continues: trials that ended
count, one that was interrupted or failed goes on after its last complete epoch, and one that still runs is waited for.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from filelock import FileLock, Timeout

from mnist_classifier.core import files
from mnist_classifier.core.errors import DatabaseBusy, DatabaseUnreachable, MnistError, RunInProgress
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.runs import claims
from mnist_classifier.runs.jobs import start_worker, unexpected_end
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.search.plan import Plan, has_failed

POLL_S = 0.2
# So many failures one after the other have a common reason, such as a full disk.
MOST_FAILURES = 3
# How long to wait for a database that cannot be used, as its trainings do.
DATABASE_PATIENCE_S = 600.0
# The share of `minutes` in which new configurations are tried; the rest is for the finalists.
EXPLORING_SHARE = 2 / 3


@dataclass
class Search:
    """One search on this machine.

    jobs: trainings at a time, each with `threads` threads.  minutes: start nothing later; 0 means no limit.
    on_end: called with each training that ends.
    """

    settings: Settings
    runs: Runs
    plan: Plan
    jobs: int = 1
    threads: int = 0
    minutes: float = 0.0
    on_end: Callable[[Run], None] = lambda run: None
    _workers: dict[int, tuple[Run, subprocess.Popen[bytes]]] = field(default_factory=dict)
    # Trials that failed before: each call of `run` repeats them once, but not those that fail under its eyes.
    _failed_before: set[int] = field(default_factory=set)
    _reopened: set[int] = field(default_factory=set)
    _ended: set[int] = field(default_factory=set)
    _failures: int = 0
    _failing_since: float | None = None
    _started_at: float = field(default_factory=time.monotonic)

    def run(self) -> list[Run]:
        """Search until the plan is done or the time is up.  Returns all runs of the search.

        Ctrl-C ends the trainings of this process, which the next call continues.
        Raises RunInProgress while another training is active, and MnistError if trainings fail one after the other.
        """
        with self._lock():
            self._refuse_others()
            self._failed_before = {run.id for run in self._all() if run.status is RunStatus.FAILED}
            self._ended = {run.id for run in self._all() if self._is_over(run)}
            try:
                while self._carry_on_patiently():
                    time.sleep(POLL_S)
            finally:
                self._stop_workers()
            return self._all()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes of this machine from carrying out the same search."""
        folder = self.settings.claims_dir
        with files.disk_errors(f"no search can start: {folder} cannot be written to", MnistError):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{self.plan.name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise RunInProgress(f"another process carries out the search {self.plan.name} already") from None
        try:
            yield
        finally:
            lock.release()

    def _carry_on_patiently(self) -> bool:
        """`_carry_on`, but try again for a while if the database cannot be used."""
        try:
            goes_on = self._carry_on()
        except (DatabaseUnreachable, DatabaseBusy):
            self._failing_since = self._failing_since or time.monotonic()
            if time.monotonic() - self._failing_since > DATABASE_PATIENCE_S:
                raise
            return True
        self._failing_since = None
        return goes_on

    def _carry_on(self) -> bool:
        """Record what ended and start what can start; False once nothing is left to do."""
        self._collect()
        self.runs.mark_interrupted()
        runs = self._all()
        self._report(runs)
        for run in runs:
            # The database was lost between creating the run and starting its process.
            if not run.status.is_final and run.id not in self._workers and claims.inherited(run.claim):
                self._start(run)
        active = sum(not run.status.is_final for run in runs)
        while active < self.jobs and (started := self._start_next(runs)) is not None:
            runs = [*(run for run in runs if run.id != started.id), started]
            active += 1
        return active > 0

    def _all(self) -> list[Run]:
        return self.runs.of_search(self.plan.name)

    def _is_over(self, run: Run) -> bool:
        return run.status.is_final and not self._can_continue(run)

    def _can_continue(self, run: Run) -> bool:
        if run.id in self._reopened:
            return False
        return run.status is RunStatus.INTERRUPTED or (run.status is RunStatus.FAILED and run.id in self._failed_before)

    def _report(self, runs: list[Run]) -> None:
        for run in runs:
            if self._is_over(run) and run.id not in self._ended:
                self._ended.add(run.id)
                self.on_end(run)
                self._failures = self._failures + 1 if has_failed(run) else 0
                if self._failures == MOST_FAILURES:
                    raise MnistError(
                        f"the last {MOST_FAILURES} trainings failed: {run.message.rstrip('.')}. "
                        "Remove the cause and run the same command: it repeats them and goes on"
                    )

    def _start_next(self, runs: list[Run]) -> Run | None:
        """Continue a training that was interrupted or failed, or begin the next one of the plan."""
        share = (time.monotonic() - self._started_at) / 60 / self.minutes if self.minutes else 0.0
        if share >= 1:
            return None
        for run in runs:
            if self._can_continue(run):
                self._reopened.add(run.id)
                return self._start(self.runs.reopen(run.id, beside_others=True))
        planned = self.plan.next_trial(runs, may_explore=share < EXPLORING_SHARE)
        if planned is None:
            return None
        config, trial = planned
        return self._start(self.runs.create(replace(config, threads=self.threads), trial))

    def _start(self, run: Run) -> Run:
        with suppress(OSError):  # it has recorded that the training failed
            self._workers[run.id] = run, start_worker(self.settings, self.runs, run)
        return run

    def _collect(self) -> None:
        """Record the end of workers that could not do so themselves."""
        for run, process in list(self._workers.values()):
            status = process.poll()
            if status is not None:
                ending = unexpected_end(self.settings, run.id, status)
                self.runs.finish(run.id, RunStatus.FAILED, ending, claim=run.claim)  # nothing if it has ended
                del self._workers[run.id]

    def _stop_workers(self) -> None:
        for _, process in self._workers.values():
            process.kill()
            process.wait()
        message = "the search was stopped; the same `mnist tune` continues it"
        # Where even this cannot be recorded, `mark_interrupted` finds later that the process is gone.
        with suppress(MnistError):
            for run, _ in self._workers.values():
                self.runs.finish(run.id, RunStatus.INTERRUPTED, message, claim=run.claim)
        self._workers.clear()

    def _refuse_others(self) -> None:
        self.runs.mark_interrupted()
        active = self.runs.active()
        if active is not None and (active.trial is None or active.trial["search"] != self.plan.name):
            raise RunInProgress(f"run {active.id} is still training; wait for it or cancel it")
