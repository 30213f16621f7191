"""The events of a running training, which pages and programs follow.

The log is bounded: steps are recorded less often as time goes on, and only the
latest batch of images is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Integers
from mnist_classifier.core.metrics import confusion_matrix
from mnist_classifier.core.records import EpochResult, Phase
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.training.loop import StepProgress
from mnist_classifier.training.trackers import Tracker

# Steps are recorded twice a second for five minutes, so that a short training has a curve, then at intervals of 1/600
# of the time so far.  A training of a day has about 4,000 of them.
STEP_S = 0.5
STEP_SHARE = 1 / 600
BATCH_COLUMNS = 8


@dataclass
class Report:
    """Callbacks for the progress of a run; the command line prints it."""

    on_step: Callable[[StepProgress], None] = lambda progress: None
    on_epoch: Callable[[EpochResult], None] = lambda result: None
    on_message: Callable[[str], None] = lambda text: None
    on_download: Callable[[int, int], None] | None = None


@dataclass
class Journal:
    """Records the events of one run, and passes them to `report` and to experiment trackers."""

    runs: Runs
    run_id: int
    report: Report = field(default_factory=Report)
    trackers: Sequence[Tracker] = ()
    started_at: float = field(default_factory=time.monotonic)
    last_step_at: float = 0.0

    def step(self, progress: StepProgress) -> None:
        """Record the progress within an epoch, unless another step was recorded just before."""
        self.report.on_step(progress)
        now = time.monotonic()
        if now - self.last_step_at < max(STEP_S, (now - self.started_at) * STEP_SHARE):
            return
        self.last_step_at = now
        self.runs.add_event(self.run_id, "step", asdict(progress))

    def epoch(self, result: EpochResult) -> None:
        """Record the result of an epoch."""
        figures = asdict(result)
        self.runs.add_event(self.run_id, "epoch", figures)
        self.runs.summarise(
            self.run_id, {name: figures[name] for name in ("epoch", "validation_loss", "validation_accuracy")}
        )
        for tracker in self.trackers:
            tracker.epoch(result)
        self.report.on_epoch(result)

    def validation(self, epoch: int, predictions: Integers, labels: Integers) -> None:
        """Record the confusion matrix of an epoch on the validation split; rows are the labels."""
        confusion = confusion_matrix(predictions, labels).tolist()
        self.runs.add_event(self.run_id, "evaluation", {"epoch": epoch, "split": "validation", "confusion": confusion})

    def batch(self, epoch: int, pixels: npt.NDArray[np.float32], labels: Integers) -> None:
        """Record some of the training images, (N, 28, 28) in 0..1, as one picture."""
        image = to_data_url(encode_png(contact_sheet(pixels)))
        data = {"epoch": epoch, "columns": BATCH_COLUMNS, "labels": labels.tolist(), "image": image}
        self.runs.add_event(self.run_id, "batch", data, replace=True)

    def enter(self, phase: Phase) -> None:
        """Record what the training does now; its next step ends the phase."""
        self.runs.add_event(self.run_id, "phase", {"text": phase.value})
        self.report.on_message(phase.value)

    def close(self) -> None:
        """Close the trackers."""
        for tracker in self.trackers:
            tracker.close()


def contact_sheet(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Arrange (N, 28, 28) in 0..1 as one uint8 picture with BATCH_COLUMNS images in a row."""
    rows = -(-len(pixels) // BATCH_COLUMNS)
    sheet = np.zeros((rows * BATCH_COLUMNS, *pixels.shape[1:]), np.float32)
    sheet[: len(pixels)] = pixels
    side = pixels.shape[1]
    grid = sheet.reshape(rows, BATCH_COLUMNS, side, side).swapaxes(1, 2).reshape(rows * side, BATCH_COLUMNS * side)
    levels: npt.NDArray[np.uint8] = np.rint(grid.clip(0, 1) * 255).astype(np.uint8)
    return levels
