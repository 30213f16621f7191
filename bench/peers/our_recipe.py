"""One of our recipes as a contestant of time_to_accuracy.py."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from mnist_classifier.core.metrics import measure
from mnist_classifier.core.records import EpochResult
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.loop import Observer, StepProgress, train
from mnist_classifier.training.network import predict_logits


class Stopwatch:
    """Times training and evaluation of each epoch from the reports of the training loop.

    Training ends with the report of the last step, evaluation with the report of the epoch.
    """

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.setup_s = 0.0
        self.epochs: list[dict[str, float]] = []
        self.began = self.epoch_began = time.perf_counter()
        self.processor_began = time.process_time()
        self.trained: float | None = None
        self.processor_s = 0.0

    def on_step(self, progress: StepProgress) -> None:
        """Record the end of the last step.  Without it, the whole epoch counts as training."""
        if progress.step == progress.steps:
            self.trained = time.perf_counter()
            self.processor_s = time.process_time() - self.processor_began

    def on_epoch(self, result: EpochResult) -> None:
        """Record the epoch and start the next one."""
        now = time.perf_counter()
        if not self.epochs:  # elapsed_s counts from the moment when the first epoch can begin
            self.setup_s = max(0.0, now - self.began - result.elapsed_s)
            self.epoch_began += self.setup_s
        trained = self.trained or now
        train_s, evaluation_s = trained - self.epoch_began, now - trained
        accuracy = result.validation_accuracy
        self.epochs.append(
            {
                "train_s": train_s,
                "processor_s": self.processor_s,
                "evaluation_s": evaluation_s,
                "validation_accuracy": accuracy,
            }
        )
        print(f"{self.recipe}: epoch {result.epoch}: {train_s:.2f} s, validation {accuracy:.2%}", file=sys.stderr)
        self.epoch_began, self.trained = time.perf_counter(), None
        self.processor_began = time.process_time()


def run(config: TrainConfig, evaluation_images: int) -> dict[str, Any]:
    """Load, train from arrays in memory, score the test images once; evaluation_images: of each split, 0 is all."""
    directories = Settings.from_environment().data_dirs()
    train_set, test = mnist.load(directories, mnist.TRAIN), mnist.load(directories, mnist.TEST)
    train_rows, validation_rows = mnist.split_train_validation(train_set.labels)
    scored = slice(evaluation_images or None)
    data = TrainingData.from_arrays(train_set.images, train_set.labels, train_rows, validation_rows[scored])
    del train_set  # `data` holds a copy
    stopwatch = Stopwatch(config.recipe)
    result = train(config, data, Observer(stopwatch.on_step, stopwatch.on_epoch))
    logits = predict_logits(result.network, torch.from_numpy(test.images[scored]))
    return {
        "seed": config.seed,
        "setup_s": stopwatch.setup_s,
        "epochs": stopwatch.epochs,
        "test_accuracy": measure(logits.numpy(), test.labels[scored]).accuracy,
    }
