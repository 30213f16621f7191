"""Carry out one run: train, evaluate, export, register, promote.

The server starts a new process for each (worker_process.py); the command line
calls `execute`.  A worker that loses its claim stops and writes nothing more.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from mnist_classifier.core import files
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import ClaimLost, MnistError, TrainingDiverged, WorkerLost
from mnist_classifier.core.records import ModelVersion, Phase, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.evaluation import promotion
from mnist_classifier.registry.versions import Registry, opened_registry
from mnist_classifier.runs import fine_tuning
from mnist_classifier.runs.progress import Journal, Report
from mnist_classifier.runs.run_log import SAVING, Runs, resume_hint
from mnist_classifier.runs.search.trial import TrialPruned, TrialRecord, trial_of
from mnist_classifier.training.data import FineTuning, load_training_data
from mnist_classifier.training.ensemble import Ensemble, load_network, members_of
from mnist_classifier.training.loop import Observer
from mnist_classifier.training.recipe import fit
from mnist_classifier.training.release.finished import FinishedTraining, ensemble_facts, environment
from mnist_classifier.training.trackers import open_trackers
from mnist_classifier.training.workers import COLLECTIVE_TIMEOUT_S, Workers

HEARTBEAT_S = 0.5
# How long a training waits for a locked database, for instance during a backup.
DATABASE_PATIENCE_S = 600.0
# How long after a request to stop to interrupt work that does not call `should_stop`, such as preparing images.
INTERRUPT_AFTER_S = 0.5
# PyTorch raises RuntimeError with these words, on the CPU and on a GPU.
OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


@dataclass
class Outcome:
    """The result of a run; a trial of a search makes no version.

    message: one plain sentence.  details: the metrics behind it.
    """

    version: ModelVersion | None
    cancelled: bool
    message: str
    details: str = ""


@dataclass
class Heartbeat:
    """Reports twice a second that this process is alive, and learns whether it should stop."""

    runs: Runs
    run_id: int
    cancelled: bool = False
    _is_stopping: bool = False
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
        """Whether somebody asked this run to stop.  If so, the caller must stop by itself."""
        self._is_stopping = self.cancelled
        return self.cancelled

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            try:
                asked = self.runs.beat(self.run_id)
            except ClaimLost:
                # The main thread gets ClaimLost from its next write.
                _thread.interrupt_main()
                return
            except MnistError as error:
                # A full disk or a busy database may be usable again in a second.
                print(f"heartbeat: {error}", file=sys.stderr)
                continue
            if asked and not self.cancelled:
                self.cancelled = True
                if not self._done.wait(INTERRUPT_AFTER_S) and not self._is_stopping:
                    _thread.interrupt_main()


def execute(
    settings: Settings, run_id: int, claim: str, report: Report | None = None, workers: Workers | None = None
) -> Outcome:
    """Carry out a run that was claimed for this process, and record how it ends.

    Every error is recorded and raised: KeyboardInterrupt means that the run was
    cancelled before the first epoch ended, so nothing was saved.  RunFinished
    and ClaimLost are only raised: the run does not belong to this process any more.

    workers: the processes that train together; this is the first of them.
    """
    workers = workers or Workers()
    # The other processes wait for this one, but not for so long.
    patience_s = DATABASE_PATIENCE_S if workers.size == 1 else COLLECTIVE_TIMEOUT_S / 2
    with closing(Store(settings.resolved_database_url, patience_s=patience_s)) as store:
        runs = Runs(store, settings.claims_dir)
        runs.hold(run_id, claim)
        runs.start(run_id, os.getpid())
        with _recorded_failure(runs, run_id, workers), Heartbeat(runs, run_id) as heartbeat:
            return _Job(settings, runs, run_id, report or Report(), heartbeat, workers).run()


@contextmanager
def _recorded_failure(runs: Runs, run_id: int, workers: Workers) -> Iterator[None]:
    """Record how the block fails, unless the claim is lost."""
    try:
        with workers.ended_politely():
            yield
    except KeyboardInterrupt:
        _end(runs, run_id, RunStatus.CANCELLED, "cancelled before the first epoch ended, so nothing was saved")
        raise
    except ClaimLost:
        raise
    except WorkerLost as error:
        if reason := workers.failure():
            _end(runs, run_id, RunStatus.FAILED, reason)
        else:
            _end(runs, run_id, RunStatus.INTERRUPTED, f"{error.message}; {resume_hint(run_id)}")
        raise
    except Exception as error:
        _end(runs, run_id, RunStatus.FAILED, explain(error))
        raise


def _end(runs: Runs, run_id: int, status: RunStatus, reason: str) -> None:
    """Record how a run ended without a version; a cancelled one can be resumed if its weights were not saved."""
    if runs.get(run_id).status is RunStatus.CANCELLED:
        why = "the process was stopped" if status is RunStatus.CANCELLED else reason
        status, reason = RunStatus.FAILED, f"cancelled, but the best weights were not saved: {why}"
        reason += f"; {resume_hint(run_id)}, then cancel it again to save them"
    runs.finish(run_id, status, reason)


class _Job:
    """The stages of one run."""

    def __init__(
        self, settings: Settings, runs: Runs, run_id: int, report: Report, heartbeat: Heartbeat, workers: Workers
    ) -> None:
        self.settings = settings
        self.workers = workers
        self.runs = runs
        self.registry = Registry.of(settings, runs.store)
        self.run_id = run_id
        self.heartbeat = heartbeat
        self.config = TrainConfig.from_record(self.runs.get(run_id).config)
        self.checkpoint = settings.checkpoints_dir / f"run-{run_id}.safetensors"
        self.journal = Journal(self.runs, run_id, report)
        self.trial = trial_of(self.runs, run_id)
        self.course: fine_tuning.Course | None = None

    def run(self) -> Outcome:
        with closing(self.journal):
            if self.trial is not None:
                return self._try(self.trial)
            finished = self._train()
            version = finished.add_to(self.registry)
            if self.course is not None:
                self.course.confirm(version, self.runs, self.run_id)
            return self._conclude(version, finished.cancelled)

    def _try(self, trial: TrialRecord) -> Outcome:
        """Carry out a trial: only its validation loss is kept, and the test images stay unread."""
        cancelled = False
        try:
            finished = self._fit()
        except (TrialPruned, TrainingDiverged) as pruned:
            status, message = RunStatus.PRUNED, str(pruned)
        else:
            cancelled = finished.cancelled
            status, message = trial.conclude(finished.facts["best_epoch"], cancelled)
        self.runs.finish(self.run_id, status, message)
        self.checkpoint.unlink(missing_ok=True)
        return Outcome(None, cancelled, message)

    def _fit(self) -> FinishedTraining:
        run = self.runs.get(self.run_id)
        facts = {**environment(self.config), "processes": self.workers.size}
        self.runs.describe(self.run_id, {**(run.environment or {}), **facts})
        self.journal.trackers = open_trackers(self.settings, run)
        directories = self.settings.data_dirs()
        journal = self.journal
        if not mnist.is_available(directories):
            journal.enter(Phase.DOWNLOADING)
        mnist.ensure(directories, self.settings.download_to, progress=journal.report.on_download)
        journal.enter(Phase.READING)
        data = load_training_data(self.settings)
        tuning = self._tuning()
        journal.enter(Phase.PREPARING)
        observer = Observer(
            journal.step,
            journal.epoch,
            journal.batch,
            journal.validation,
            self.heartbeat.should_stop,
            on_checkpoint=self.runs.check_claim,
        )
        if self.trial is not None:
            observer.on_logits, observer.on_epoch = self.trial.logits, self.trial.after(journal.epoch)
        return fit(
            self.config,
            data,
            self.registry,
            observer,
            checkpoint=self.checkpoint,
            run_id=self.run_id,
            workers=self.workers,
            tuning=tuning,
        )

    def _tuning(self) -> FineTuning | None:
        """What to start from and learn, if the training is one on corrections."""
        if not self.config.corrections_share:
            return None
        self.course, is_unchanged = fine_tuning.choose(self.runs, self.registry, self.run_id)
        self.config = self.course.settings_of(self.config)
        if not is_unchanged:
            self.checkpoint.unlink(missing_ok=True)
        return self.course.tuning

    def _train(self) -> FinishedTraining:
        finished = self._fit()
        if finished.cancelled:
            # Record this first; measuring and exporting the best weights takes a while.
            self.runs.finish(self.run_id, RunStatus.CANCELLED, SAVING)
        self.journal.enter(Phase.MEASURING)
        finished.measure(mnist.load(self.settings.data_dirs(), mnist.TEST))
        if self.course is not None:
            self.course.add_to(finished, self.settings)
        self.runs.check_claim()
        return finished

    def _conclude(self, version: ModelVersion, cancelled: bool) -> Outcome:
        details = ""
        if cancelled:
            message = f"Cancelled. The best weights so far are version {version.version}, which is not in use."
            self.runs.amend(self.run_id, message, version.version)
        else:
            decision = promotion.after_training(self.registry, version.version, self.config, f"training {self.run_id}")
            message, details = f"Done. {decision.summary}", decision.details
            # Before the end, because nobody follows the log of a run that has ended.
            self.runs.add_event(self.run_id, "message", {"text": details})
            self.runs.finish(self.run_id, RunStatus.SUCCEEDED, message, version.version)
        # Last, so that a process that dies before can be resumed.
        self.checkpoint.unlink(missing_ok=True)
        return Outcome(version, cancelled, message, details)


def combine(settings: Settings, members: Sequence[ModelVersion]) -> ModelVersion:
    """Make one version that averages the probabilities of several; it is not promoted.

    Raises ModelMissing, ModelCorrupt.
    """
    with opened_registry(settings) as registry:
        networks = [load_network(registry.folder(member.version)) for member in members]
        ensemble = Ensemble([member for network in networks for member in members_of(network)])
        config = TrainConfig.from_record(members[0].manifest["config"])
        data = load_training_data(settings)
        finished = FinishedTraining(config, data, ensemble, ensemble_facts(members), run_id=None)
        finished.measure(mnist.load(settings.data_dirs(), mnist.TEST))
        return finished.add_to(registry)


def explain(error: Exception) -> str:
    """A message for the user about an error that ended a run."""
    if isinstance(error, MnistError):
        return error.message
    if files.is_disk_full(error):
        return "the disk is full; free some space and start the run again"
    if isinstance(error, MemoryError) or any(phrase in str(error) for phrase in OUT_OF_MEMORY):
        return "the machine ran out of memory; try a smaller batch size or fewer channels"
    return f"unexpected {type(error).__name__}: {error}; see the log file of the run"
