"""Start and watch trainings, each in its own process.

Runs wait in a queue in the database.  Any server process claims the oldest one
while fewer than `max_runs` are under way.  A worker is started by the name of
its module, not imported, so the server does not load PyTorch.
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
from mnist_classifier.core.settings import Settings, import_path
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import claims
from mnist_classifier.runs.corrections_check import check_corrections
from mnist_classifier.runs.run_log import Runs, resume_hint

log = logging.getLogger(__name__)

WORKER_MODULE = "mnist_classifier.runs.worker_process"
# The exit status of a process that a signal has killed (SIGKILL), as the system does when memory runs out.
KILLED = -9
# How often to check the queue for changes by other processes.
QUEUE_INTERVAL_S = 1.0
UPDATING = "a newer mnist-classifier has updated the database; start trainings there, or update this server"


class Jobs:
    """Starts training processes and records those that die; they continue after `close`."""

    def __init__(self, settings: Settings, runs: Runs) -> None:
        self.settings = settings
        self.runs = runs
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._queue_thread: threading.Thread | None = None

    def start(self, config: TrainConfig) -> Run:
        """Start a run at once.

        Raises RunInProgress while another is active, TrainingUnavailable without PyTorch, and InvalidConfig if it is to
        learn corrections and there are none.
        """
        check_torch()
        if not self.runs.store.is_current():
            raise TrainingUnavailable(UPDATING)
        check_corrections(self.runs.store, config)
        run = self.runs.create(config)
        self._start_worker(run)
        return run

    def submit(self, config: TrainConfig) -> Run:
        """Queue a run; it starts when fewer than `max_runs` run.  Raises TrainingUnavailable, InvalidConfig."""
        check_torch()
        check_corrections(self.runs.store, config)
        run = self.runs.enqueue(config)
        self.dispatch()
        return self.runs.get(run.id)

    def resume(self, run_id: int) -> Run:
        """Queue an interrupted run.  Raises TrainingUnavailable, and what `Runs.reopen` raises."""
        check_torch()
        self.runs.reopen(run_id, queued=True)
        self.dispatch()
        return self.runs.get(run_id)

    def dispatch(self) -> None:
        """Start as many queued runs as `max_runs` allows; watch the queue if some remain."""
        if self._closed.is_set():
            return
        self._start_queued()
        if self.runs.has_waiting():
            self.watch_queue()

    def watch_queue(self) -> None:
        """Check the queue until `close`, because other processes also queue, start and end runs, or die."""
        with self._lock:
            if self._queue_thread is None:
                self._queue_thread = threading.Thread(target=self._check_queue, name="queue", daemon=True)
                self._queue_thread.start()

    def close(self) -> None:
        """Start no more runs."""
        self._closed.set()
        if self._queue_thread is not None:
            self._queue_thread.join()

    def _check_queue(self) -> None:
        reported = ""
        while not self._closed.wait(QUEUE_INTERVAL_S):
            try:
                self.runs.mark_interrupted()
                if self.runs.has_waiting():
                    self._start_queued()
                reported = ""
            except (MnistError, OSError) as error:
                if str(error) != reported:  # report a full disk once, not every second
                    reported = str(error)
                    log.error("cannot check the queue of trainings: %s", error)

    def _start_queued(self) -> None:
        # Without PyTorch the run would fail here; and a worker of this program would refuse a newer database.
        if not has_torch() or not self.runs.store.is_current():
            return
        while (run := self.runs.claim_next(self.settings.max_runs)) is not None:
            self._start_worker(run)

    def _start_worker(self, run: Run) -> None:
        try:
            process = start_worker(self.settings, self.runs, run)
        except OSError as error:  # recorded as the end of the run
            log.error("run %s: the training process did not start: %s", run.id, error)
            return
        threading.Thread(target=self._await_end, args=(run, process), name=f"run-{run.id}", daemon=True).start()

    def log_path(self, run_id: int) -> Path:
        """The file that the worker of a run prints to."""
        return log_path(self.settings, run_id)

    def _await_end(self, run: Run, process: subprocess.Popen[bytes]) -> None:
        """Wait for the worker; if it ends without recording a result, the run has failed."""
        ending = f"{unexpected_end(self.settings, run.id, process.wait())}; {resume_hint(run.id)}"
        try:
            # Changes nothing if the worker has recorded the end, or another process has the run now.
            self.runs.finish(run.id, RunStatus.FAILED, ending, claim=run.claim)
            self.dispatch()
        except (MnistError, OSError) as error:
            # For instance, the disk is full.  A later `mark_interrupted` finds that the worker is gone.
            log.error("run %s: %s; this could not be recorded: %s", run.id, ending, error)


def start_worker(settings: Settings, runs: Runs, run: Run) -> subprocess.Popen[bytes]:
    """Start a process that carries out a claimed run; if it does not start, the run has failed.  Raises OSError."""
    try:
        process = _spawn(settings, run)
    except OSError as error:
        runs.finish(run.id, RunStatus.FAILED, f"the training process did not start: {error}", claim=run.claim)
        raise
    finally:
        # To the process or, if none has started, to nobody: then the run counts as interrupted.
        claims.hand_over(run.claim)
    return process


def _spawn(settings: Settings, run: Run) -> subprocess.Popen[bytes]:
    path = log_path(settings, run.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", WORKER_MODULE, str(run.id), str(run.claim)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # OpenBLAS's threads would only spin while the pictures of the promotion check are prepared.
            env={"OPENBLAS_NUM_THREADS": "1"} | os.environ | settings.to_environment() | {"PYTHONPATH": import_path()},
            # The worker inherits the lock of its claim, so there is no moment without one.
            pass_fds=claims.inherited(run.claim),
            # Ctrl-C in the terminal is meant for the process that starts it.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def log_path(settings: Settings, run_id: int) -> Path:
    """The file that the worker of a run prints to."""
    return settings.logs_dir / f"run-{run_id}.log"


def unexpected_end(settings: Settings, run_id: int, status: int) -> str:
    """How a worker ended that recorded nothing."""
    how = "it was killed, perhaps because memory ran out" if status == KILLED else f"exit status {status}"
    return f"the training process ended unexpectedly ({how}; see {log_path(settings, run_id).name})"


def check_torch() -> None:
    """Raise TrainingUnavailable if PyTorch is not installed, without importing it."""
    if not has_torch():
        raise TrainingUnavailable.without("PyTorch")


def has_torch() -> bool:
    """Whether PyTorch is installed, without importing it."""
    return importlib.util.find_spec("torch") is not None
