"""The trial that a worker carries out: it records its loss after each epoch, and stops if it is hopeless."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mnist_classifier.core.records import EpochResult, RunStatus, Trial
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.search.plan import FINAL, SEARCH
from mnist_classifier.runs.search.proposals import is_hopeless
from mnist_classifier.training.release.calibrate import calibrated_loss


class TrialPruned(Exception):
    """The trial was stopped because others are better after as many epochs, or because it diverged."""


class TrialRecord:
    """One trial, as its worker records it."""

    def __init__(self, runs: Runs, run_id: int, trial: Trial, epochs: int) -> None:
        self.runs = runs
        self.run_id = run_id
        self.trial = trial
        self.epochs = epochs

    def logits(self, epoch: int, logits: Any, labels: Any) -> None:
        """Record the loss of an epoch; the later one counts if a resumed run repeats an epoch.

        A loss that is not finite raises TrialPruned: the settings are bad, but nothing failed.
        """
        loss = calibrated_loss(logits, labels)
        if not math.isfinite(loss):
            raise TrialPruned(f"the validation loss became {loss} in epoch {epoch}")
        self._amend({"losses": [*self.trial["losses"][: epoch - 1], loss]})

    def after(self, record: Callable[[EpochResult], None]) -> Callable[[EpochResult], None]:
        """An observer of epochs that calls `record`, and then raises TrialPruned if the trial is hopeless."""

        def on_epoch(result: EpochResult) -> None:
            record(result)
            self._stop_if_hopeless(result.epoch)

        return on_epoch

    def conclude(self, best_epoch: int, cancelled: bool) -> tuple[RunStatus, str]:
        """Record the loss of the best epoch.  Returns how the run ends, and the message."""
        if cancelled:
            return RunStatus.CANCELLED, "cancelled; a trial saves no weights"
        loss = self.trial["losses"][best_epoch - 1]
        self._amend({"loss": loss})
        return RunStatus.SUCCEEDED, f"calibrated validation loss {loss:.4f}"

    def _stop_if_hopeless(self, epoch: int) -> None:
        # Trials with other numbers of epochs cannot be compared on the way.
        if self.trial["stage"] == FINAL or "epochs" in self.trial["values"] or epoch >= self.epochs:
            return
        others = [run.trial for run in self.runs.of_search(self.trial["search"]) if run.id != self.run_id]
        courses = [trial["losses"] for trial in others if trial is not None and trial["stage"] == SEARCH]
        loss = self.trial["losses"][epoch - 1]
        if is_hopeless(self.trial["losses"], courses, self.epochs):
            beaten = sum(len(course) >= epoch and course[epoch - 1] < loss for course in courses)
            raise TrialPruned(
                f"stopped early: {beaten} of {len(courses)} other trials have a lower calibrated validation loss than "
                f"{loss:.4f} after epoch {epoch} of {self.epochs}"
            )

    def _amend(self, changes: dict[str, Any]) -> None:
        self.trial = {**self.trial, **changes}  # type: ignore[typeddict-item]
        self.runs.record_trial(self.run_id, self.trial)


def trial_of(runs: Runs, run_id: int) -> TrialRecord | None:
    """The trial that a run is; None if it is none."""
    run = runs.get(run_id)
    return None if run.trial is None else TrialRecord(runs, run_id, run.trial, run.config["epochs"])
