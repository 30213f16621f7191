"""One run: train, evaluate, export, register, promote.

`python -m mnist_classifier.runs.worker RUN_ID CLAIM` does it in a process of its
own, as the server wants it; the command line calls `execute` in its own
process.  A worker that loses its claim stops and writes nothing more.
"""

from __future__ import annotations

import _thread
import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from mnist_classifier.core import files, logs
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import ClaimLost, MnistError, RunFinished
from mnist_classifier.core.records import EpochResult, ModelVersion, RunStatus
from mnist_classifier.core.settings import Settings, TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.evaluation import gate
from mnist_classifier.registry.versions import Registry, opened_registry
from mnist_classifier.runs.progress import Journal
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.training.data import load_training_data
from mnist_classifier.training.ensemble import Ensemble, load_network, members_of
from mnist_classifier.training.loop import Observer, StepProgress
from mnist_classifier.training.recipe import fit
from mnist_classifier.training.release.finished import FinishedTraining, ensemble_facts, environment
from mnist_classifier.training.trackers import open_trackers

HEARTBEAT_S = 0.5
# Rather than fail, a training waits for a database that another process holds, say for a backup.
DATABASE_PATIENCE_S = 600.0
# Where nobody asks whether to stop, as while pictures are made, work is broken off after so long.
PATIENCE_S = 0.5
# How PyTorch words it, on the CPU and on a GPU; its exceptions are RuntimeErrors.
OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


@dataclass
class Report:
    """Whom to tell what happens; the command line prints it."""

    on_step: Callable[[StepProgress], None] = lambda progress: None
    on_epoch: Callable[[EpochResult], None] = lambda result: None
    on_message: Callable[[str], None] = lambda text: None
    on_download: Callable[[int, int], None] | None = None


@dataclass
class Outcome:
    """What a run left behind."""

    version: ModelVersion
    promoted: bool
    cancelled: bool = False
    message: str = ""


@dataclass
class Heartbeat:
    """Tells the store twice a second that this process lives; learns whether it should stop."""

    runs: Runs
    run_id: int
    cancelled: bool = False
    _is_seen: bool = False
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Heartbeat:
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def should_stop(self) -> bool:
        """Whether somebody asked this run to stop; whoever asks here will."""
        self._is_seen = self.cancelled
        return self.cancelled

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            try:
                asked = self.runs.beat(self.run_id)
            except ClaimLost:
                # The main thread will learn it from whatever it wants to write first.
                _thread.interrupt_main()
                return
            except MnistError as error:
                # A full disk or a busy database now may be well in a second.
                print(f"heartbeat: {error}", file=sys.stderr)
                continue
            if asked and not self.cancelled:
                self.cancelled = True
                if not self._done.wait(PATIENCE_S) and not self._is_seen:
                    _thread.interrupt_main()


def execute(settings: Settings, run_id: int, claim: str, report: Report | None = None) -> Outcome:
    """Carry out a run that was claimed for this process, and record how it ends.

    Raises what went wrong, after recording it; KeyboardInterrupt when the run
    was cancelled before the first epoch ended, so nothing was saved; RunFinished and ClaimLost
    when it is no longer for this process, which then has written nothing.
    """
    store = Store(settings.resolved_database_url, patience_s=DATABASE_PATIENCE_S)
    runs = Runs(store, settings.claims_dir)
    runs.hold(run_id, claim)
    try:
        runs.start(run_id, os.getpid())
        return _carry_out(settings, runs, run_id, report or Report())
    finally:
        store.close()


def _carry_out(settings: Settings, runs: Runs, run_id: int, report: Report) -> Outcome:
    try:
        with Heartbeat(runs, run_id) as heartbeat:
            return _Job(settings, runs, run_id, report, heartbeat).run()
    except KeyboardInterrupt:
        runs.finish(run_id, RunStatus.CANCELLED, "cancelled before the first epoch ended, so nothing was saved")
        raise
    except ClaimLost:
        raise
    except Exception as error:
        runs.finish(run_id, RunStatus.FAILED, explain(error))
        raise


class _Job:
    """The stages of one run."""

    def __init__(self, settings: Settings, runs: Runs, run_id: int, report: Report, heartbeat: Heartbeat) -> None:
        self.settings = settings
        self.runs = runs
        self.registry = Registry(settings.models_dir, runs.store)
        self.run_id = run_id
        self.report = report
        self.heartbeat = heartbeat
        self.config = TrainConfig.from_mapping(self.runs.get(run_id).config)
        self.checkpoint = settings.checkpoints_dir / f"run-{run_id}.safetensors"
        self.journal = Journal(self.runs, run_id)

    def run(self) -> Outcome:
        try:
            return self._run()
        finally:
            self.journal.close()

    def _run(self) -> Outcome:
        run = self.runs.get(self.run_id)
        self.runs.describe(self.run_id, environment(self.config))
        self.journal.trackers = open_trackers(self.settings, run)
        directories = self.settings.data_dirs()
        mnist.ensure(directories, self.settings.download_to, progress=self.report.on_download)
        data = load_training_data(self.settings)
        journal = self.journal
        observer = Observer(
            self._on_step,
            self._on_epoch,
            journal.batch,
            journal.validation,
            self.heartbeat.should_stop,
            on_checkpoint=self.runs.check_claim,
        )
        finished = fit(self.config, data, self.registry, observer, checkpoint=self.checkpoint, run_id=self.run_id)
        if finished.cancelled:
            # At once; what is worth keeping is kept afterwards.
            self.runs.finish(self.run_id, RunStatus.CANCELLED, "cancelled; the best weights so far are being kept")
        self._say("measuring and exporting")
        finished.measure(mnist.load(directories, mnist.TEST))
        self.runs.check_claim()
        return self._conclude(finished.add_to(self.registry), finished.cancelled)

    def _conclude(self, version: ModelVersion, cancelled: bool) -> Outcome:
        accuracy, promoted = version.metrics["test"]["accuracy"], False
        if cancelled:
            message = f"cancelled; the best weights so far are version {version.version}, not in production"
            self.runs.amend(self.run_id, message, version.version)
        else:
            decision = gate.admit(self.registry, version.version, actor=f"training {self.run_id}")
            promoted = decision.promoted
            message = f"{decision.message}. Test images: {accuracy:.2%}"
            self.runs.finish(self.run_id, RunStatus.SUCCEEDED, message, version.version)
        # Last: whatever stops this process before, the run can still go on.
        self.checkpoint.unlink(missing_ok=True)
        return Outcome(version, promoted, cancelled, message)

    def _on_step(self, progress: StepProgress) -> None:
        self.report.on_step(progress)
        self.journal.step(progress)

    def _on_epoch(self, result: EpochResult) -> None:
        self.journal.epoch(result)
        self.report.on_epoch(result)

    def _say(self, text: str) -> None:
        self.journal.say(text)
        self.report.on_message(text)


def combine(settings: Settings, members: Sequence[ModelVersion]) -> ModelVersion:
    """Make one version of several, whose probabilities are averaged; it is not in production yet.

    Raises ModelMissing, ModelCorrupt.
    """
    with opened_registry(settings) as registry:
        networks = [load_network(registry.folder(member.version)) for member in members]
        ensemble = Ensemble([member for network in networks for member in members_of(network)])
        config = TrainConfig.from_mapping(members[0].manifest["config"])
        data = load_training_data(settings)
        finished = FinishedTraining(config, data, ensemble, ensemble_facts(members), run_id=None)
        finished.measure(mnist.load(settings.data_dirs(), mnist.TEST))
        return finished.add_to(registry)


def explain(error: Exception) -> str:
    """The reason of a failure in words that a user understands."""
    if isinstance(error, MnistError):
        return error.message
    if files.is_disk_full(error):
        return "the disk is full; free some space and start the run again"
    if isinstance(error, MemoryError) or any(phrase in str(error) for phrase in OUT_OF_MEMORY):
        return "out of memory; a smaller batch_size or fewer channels may help"
    return f"unexpected {type(error).__name__}: {error}; the log file of the run has the details"


def main(arguments: list[str] | None = None) -> int:
    """Carry out one queued run; the exit status says whether it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m mnist_classifier.runs.worker", description=main.__doc__)
    parser.add_argument("run_id", type=int)
    parser.add_argument("claim")
    options = parser.parse_args(arguments)
    _be_considerate()
    # A server that was started in the background may have handed down that Ctrl-C is ignored; cancelling needs it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = Settings.from_environment()
    logs.configure(settings)
    try:
        outcome = execute(settings, options.run_id, options.claim)
    except KeyboardInterrupt:
        return 1
    except (ClaimLost, RunFinished) as error:
        print(error.message, file=sys.stderr)
        return 1
    return 1 if outcome.cancelled else 0


def _be_considerate() -> None:
    """Let the server's answers go first on the processors."""
    if hasattr(os, "nice"):
        os.nice(10)


if __name__ == "__main__":
    sys.exit(main())
