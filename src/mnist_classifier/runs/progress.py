"""What a run writes down while it goes on: the events that pages and programs follow.

The log is bounded: progress within an epoch is written at growing distances,
and of the batches that the network looked at only the newest is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Integers
from mnist_classifier.core.metrics import confusion_matrix
from mnist_classifier.core.records import EpochResult
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.training.trackers import Tracker

# Progress is written every second of the first ten minutes, later every 600th
# part of the time so far: 600 lines, and then 600 for each time it is e times as long.
STEP_S = 1.0
STEP_SHARE = 1 / 600
BATCH_COLUMNS = 8


@dataclass
class Journal:
    """The log of one run, and the other tools that follow it."""

    runs: Runs
    run_id: int
    trackers: Sequence[Tracker] = ()
    started_at: float = field(default_factory=time.monotonic)
    last_step_at: float = 0.0

    def step(self, progress: Any) -> None:
        """Progress within an epoch (a StepProgress), unless the last line is too young."""
        now = time.monotonic()
        if now - self.last_step_at < max(STEP_S, (now - self.started_at) * STEP_SHARE):
            return
        self.last_step_at = now
        self.runs.add_event(self.run_id, "step", asdict(progress))

    def epoch(self, result: EpochResult) -> None:
        """What an epoch gave."""
        figures = asdict(result)
        self.runs.add_event(self.run_id, "epoch", figures)
        self.runs.summarise(
            self.run_id, {name: figures[name] for name in ("epoch", "validation_loss", "validation_accuracy")}
        )
        for tracker in self.trackers:
            tracker.epoch(result)

    def validation(self, epoch: int, predictions: Integers, labels: Integers) -> None:
        """The confusion matrix of an epoch on the validation split; rows are the labels."""
        confusion = confusion_matrix(predictions, labels).tolist()
        self.runs.add_event(self.run_id, "evaluation", {"epoch": epoch, "split": "validation", "confusion": confusion})

    def batch(self, epoch: int, pixels: npt.NDArray[np.float32], labels: Integers) -> None:
        """Some of what the network looks at, (N, 28, 28) in 0..1, as one picture."""
        image = to_data_url(encode_png(contact_sheet(pixels)))
        data = {"epoch": epoch, "columns": BATCH_COLUMNS, "labels": labels.tolist(), "image": image}
        self.runs.add_event(self.run_id, "batch", data, replace=True)

    def say(self, text: str) -> None:
        """A remark for people."""
        self.runs.add_event(self.run_id, "message", {"text": text})

    def close(self) -> None:
        """Let the other tools finish."""
        for tracker in self.trackers:
            tracker.close()


def contact_sheet(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(N, 28, 28) in 0..1 -> one picture of BATCH_COLUMNS a row."""
    rows = -(-len(pixels) // BATCH_COLUMNS)
    sheet = np.zeros((rows * BATCH_COLUMNS, *pixels.shape[1:]), np.float32)
    sheet[: len(pixels)] = pixels
    side = pixels.shape[1]
    grid = sheet.reshape(rows, BATCH_COLUMNS, side, side).swapaxes(1, 2).reshape(rows * side, BATCH_COLUMNS * side)
    levels: npt.NDArray[np.uint8] = np.rint(grid.clip(0, 1) * 255).astype(np.uint8)
    return levels
