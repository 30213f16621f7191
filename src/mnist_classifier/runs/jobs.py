"""Start, watch and cancel trainings, each in a process of its own.

Runs wait in the store's queue; whichever server has a place free claims the
oldest.  Names the worker by its module path and never imports it, so that the
server stays free of PyTorch.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from mnist_classifier.core.errors import MnistError, TrainingUnavailable
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Settings, TrainConfig, import_path
from mnist_classifier.runs import claims
from mnist_classifier.runs.run_log import Runs

log = logging.getLogger(__name__)

WORKER_MODULE = "mnist_classifier.runs.worker"
# How often a queue that waits for other processes is looked at.
QUEUE_INTERVAL_S = 1.0


class Jobs:
    """The training processes that this process starts; `close` leaves them to go on by themselves."""

    def __init__(self, settings: Settings, runs: Runs) -> None:
        self.settings = settings
        self.runs = runs
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._queue_watch: threading.Thread | None = None

    def start(self, config: TrainConfig) -> Run:
        """Start a run at once.

        Raises RunInProgress while another is active, TrainingUnavailable
        where PyTorch is not installed.
        """
        _check_torch()
        run = self.runs.create(config)
        self._start_worker(run)
        return run

    def submit(self, config: TrainConfig) -> Run:
        """Queue a run; it starts when a place is free.  Raises TrainingUnavailable."""
        _check_torch()
        run = self.runs.enqueue(config)
        self.dispatch()
        return self.runs.get(run.id)

    def resume(self, run_id: int) -> Run:
        """Queue a run that broke off.  Raises what Runs.reopen raises, TrainingUnavailable."""
        _check_torch()
        self.runs.reopen(run_id, queued=True)
        self.dispatch()
        return self.runs.get(run_id)

    def dispatch(self) -> None:
        """Start the runs that wait, as many as there are places for; the rest is looked after."""
        if self._closed.is_set():
            return
        self._start_waiting()
        if self.runs.is_waiting():
            self.watch()

    def watch(self) -> None:
        """Look after the queue until `close`: other processes take places, leave them, queue runs and die untold."""
        with self._lock:
            if self._queue_watch is None:
                self._queue_watch = threading.Thread(target=self._watch_queue, name="queue", daemon=True)
                self._queue_watch.start()

    def close(self) -> None:
        """Start nothing more."""
        self._closed.set()
        if self._queue_watch is not None:
            self._queue_watch.join()

    def _watch_queue(self) -> None:
        trouble = ""
        while not self._closed.wait(QUEUE_INTERVAL_S):
            try:
                self.runs.mark_interrupted()
                if self.runs.is_waiting():
                    self._start_waiting()
                trouble = ""
            except (MnistError, OSError) as error:
                if str(error) != trouble:  # a full disk is said once, not every second
                    trouble = str(error)
                    log.error("the queue of trainings cannot be looked at: %s", error)

    def _start_waiting(self) -> None:
        while (run_id := self.runs.claim_next(self.settings.max_runs)) is not None:
            self._start_worker(self.runs.get(run_id))

    def _start_worker(self, run: Run) -> None:
        try:
            process = self._spawn(run)
        except OSError as error:
            self.runs.finish(run.id, RunStatus.FAILED, f"the training process did not start: {error}", claim=run.claim)
            raise
        claims.hand_over(run.claim)
        threading.Thread(target=self._watch, args=(run, process), name=f"run-{run.id}", daemon=True).start()

    def log_path(self, run_id: int) -> Path:
        """Where the worker of a run prints."""
        return self.settings.logs_dir / f"run-{run_id}.log"

    def _spawn(self, run: Run) -> subprocess.Popen[bytes]:
        path = self.log_path(run.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", WORKER_MODULE, str(run.id), str(run.claim)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.settings.to_environment() | {"PYTHONPATH": import_path()},
                # From its first moment on the worker holds the lock that shows that it lives.
                pass_fds=claims.inherited(run.claim),
                # Ctrl-C in the server's terminal is for the server.
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def _watch(self, run: Run, process: subprocess.Popen[bytes]) -> None:
        """Wait for the worker; one that ends without a word has failed."""
        status = process.wait()
        ending = (
            f"the training process ended unexpectedly (exit status {status}; see {self.log_path(run.id).name}); "
            f"`mnist runs resume {run.id}` goes on from the last whole epoch"
        )
        try:
            # This keeps what the worker itself recorded, and leaves alone a run that another process has by now.
            self.runs.finish(run.id, RunStatus.FAILED, ending, claim=run.claim)
            self.dispatch()
        except (MnistError, OSError) as error:
            # With a full disk, say; whoever looks at the runs later finds this one's worker gone.
            log.error("run %s: %s, and what is to follow could not be done: %s", run.id, ending, error)


def _check_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise TrainingUnavailable.without("PyTorch")
