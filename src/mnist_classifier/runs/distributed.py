"""Carry out one run in all processes that torchrun has started.

    torchrun --nproc-per-node 2 -m mnist_classifier train

The first process does what `worker` does: it holds the run, records events, writes checkpoints and registers the
version.  The others only train.  When torchrun restarts its processes, the first one finds its run again.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import WorkerFailed, WorkerLost
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Launch, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.core.version import __version__
from mnist_classifier.data import mnist
from mnist_classifier.runs import claims, run_log
from mnist_classifier.runs.progress import Report
from mnist_classifier.runs.queries import TORCHRUN
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.worker import Outcome, execute, explain
from mnist_classifier.training.data import load_training_data
from mnist_classifier.training.distributed import joined
from mnist_classifier.training.loop import train
from mnist_classifier.training.workers import Workers

# How much longer than SILENT_AFTER_S to wait for the end of an earlier attempt, and how often to check.
PATIENCE_S = 10.0
POLL_S = 0.2


def train_together(settings: Settings, config: TrainConfig, launch: Launch, report: Report) -> Outcome | None:
    """Train in this process and the others of its torchrun; the settings of the first process count.

    Returns None in all processes but the first, and if an earlier attempt of the same torchrun has ended its run.
    Raises WorkerLost, WorkerFailed, and in the first process what `worker.execute` raises.
    """
    with joined(launch) as workers, _told_to_others(workers):
        if workers.rank == 0:
            return _lead(settings, config, launch, report, workers)
        _assist(settings, workers)
        return None


def _lead(settings: Settings, config: TrainConfig, launch: Launch, report: Report, workers: Workers) -> Outcome | None:
    with closing(Store(settings.resolved_database_url)) as store:
        run = _run_of(Runs(store, settings.claims_dir), config, launch, report)
    workers.announce({"version": __version__, "config": run.config, "is_over": run.status.is_final})
    if run.status.is_final:
        report.on_message(f"run {run.id} has ended ({run.status.value}): {run.message}")
        return None
    return execute(settings, run.id, str(run.claim), report, workers)


def _run_of(runs: Runs, config: TrainConfig, launch: Launch, report: Report) -> Run:
    """The run of this torchrun: a new one or, after a restart, the same one again.  It may have ended."""
    runs.mark_interrupted()
    run = runs.of_torchrun(launch.job)
    if run is not None and run.config == config.to_dict():
        run = _once_silent(runs, run, report)
        if run.status in (RunStatus.INTERRUPTED, RunStatus.FAILED):
            return runs.reopen(run.id)
        if launch.restarts and run.status.is_final:
            return run
    return runs.create(config, environment={TORCHRUN: launch.job})


def _once_silent(runs: Runs, run: Run, report: Report) -> Run:
    """Wait until the process of the attempt before counts as gone, where its lock cannot be checked."""
    deadline = time.monotonic() + run_log.SILENT_AFTER_S + PATIENCE_S
    is_told = False
    while not run.status.is_final and claims.is_alive(runs.claims_dir, run.claim) is None:
        if time.monotonic() > deadline:
            break  # it reports, so another torchrun of this name carries it out
        if not is_told:
            report.on_message(
                f"waiting {run_log.SILENT_AFTER_S:.0f} s until the earlier processes of run {run.id} count as gone"
            )
            is_told = True
        time.sleep(POLL_S)
        runs.mark_interrupted()
        run = runs.get(run.id)
    return run


def _assist(settings: Settings, workers: Workers) -> None:
    # Ctrl-C reaches all processes; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = workers.task()
    if task["version"] != __version__:
        raise WorkerFailed(
            f"this host has mnist-classifier {__version__}, but the first one has {task['version']}; "
            "install the same version on all hosts"
        )
    if task["is_over"]:
        return
    mnist.ensure(settings.data_dirs(), settings.download_to)
    data = load_training_data(settings)
    try:
        train(TrainConfig.from_record(task["config"]), data, workers=workers)
    except KeyboardInterrupt:
        return  # cancelled before the first epoch ended


@contextmanager
def _told_to_others(workers: Workers) -> Iterator[None]:
    """Tell the other processes how the block fails, and learn why another process failed."""
    try:
        yield
    except WorkerLost as error:
        if reason := workers.failure():
            raise WorkerFailed(reason) from error
        raise
    except KeyboardInterrupt:
        workers.fail("cancelled")
        raise
    except Exception as error:
        workers.fail(explain(error))
        raise
