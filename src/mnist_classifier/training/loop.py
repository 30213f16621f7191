"""The training loop: train a network on images in memory, and return the weights of the best epoch.

The data set is one uint8 tensor.  A batch is a slice of the epoch's random order.  Only the validation split decides
which epoch is best and when to stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from mnist_classifier.core.arrays import Floats, Integers
from mnist_classifier.core.errors import CheckpointCorrupt, TrainingDiverged
from mnist_classifier.core.records import EpochResult
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.batches import Batch, Batches
from mnist_classifier.training.checkpoint import (
    Checkpoint,
    copied_state,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    saved_bytes,
)
from mnist_classifier.training.data import FineTuning, TrainingData, prepared
from mnist_classifier.training.ensemble import Network
from mnist_classifier.training.network import DIGITS, MNISTClassifier, keep_statistics, predict_logits
from mnist_classifier.training.objective import Teacher, training_loss
from mnist_classifier.training.optimisation import WeightAverage, make_optimizers, schedule_factor
from mnist_classifier.training.workers import Workers, agreed_choice, shared_network

# Steps between two calls of `Observer.on_step`.
REPORT_STEPS = 10
# Images of a batch that `Observer.on_batch` gets.
SHOWN_IMAGES = 32


@dataclass(frozen=True)
class StepProgress:
    """Progress of an epoch: steps and images of all its passes; mean loss and accuracy since its start."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    learning_rate: float
    images: int  # of the whole epoch; one for each pass


@dataclass
class TrainingResult:
    """The network with the weights of the best epoch, on the CPU and in evaluation mode; the results of all epochs."""

    network: MNISTClassifier
    best_epoch: int
    epochs: list[EpochResult]
    stopped_early: bool
    cancelled: bool


@dataclass
class Observer:
    """Functions that a training calls as it proceeds; by default they do nothing."""

    on_step: Callable[[StepProgress], None] = lambda progress: None
    on_epoch: Callable[[EpochResult], None] = lambda result: None
    # Called with the first images of an epoch after augmentation: epoch, (N, 28, 28) in 0..1, labels (N,).
    on_batch: Callable[[int, Floats, Integers], None] = lambda epoch, pixels, labels: None
    # Called with the answers to the validation digits: epoch, predictions (N,), labels (N,).
    on_validation: Callable[[int, Integers, Integers], None] = lambda epoch, predictions, labels: None
    # Called in every step; True ends the training after that step.
    should_stop: Callable[[], bool] = lambda: False
    # Called before each checkpoint.  If it raises, no checkpoint is written and the training ends.
    on_checkpoint: Callable[[], None] = lambda: None
    # Called with the outputs for the whole validation split: epoch, logits (N, 10 or 11), labels (N,).
    on_logits: Callable[[int, Tensor, Tensor], None] = lambda epoch, logits, labels: None


def train(
    config: TrainConfig,
    data: TrainingData,
    observer: Observer | None = None,
    *,
    checkpoint: Path | None = None,
    teacher: Network | None = None,
    workers: Workers | None = None,
    tuning: FineTuning | None = None,
) -> TrainingResult:
    """Train a network with these settings.

    checkpoint: a file that is replaced after every epoch.  If it exists, training continues from it.  On the CPU, the
    weights at the end are the same as without the interruption.
    teacher: a trained network whose probabilities the network learns with `teacher_weight`.
    workers: the processes that train together.  Each calls this function; only the first one passes `checkpoint` and
    `teacher`.
    tuning: the network to start from and the corrections to learn, if the settings have a `corrections_share`.

    After a request to stop (KeyboardInterrupt or `should_stop`), returns the best weights so far with `cancelled` set.
    Before the end of the first epoch there are none, so it raises KeyboardInterrupt.
    Raises TrainingDiverged if the loss is not finite, CheckpointCorrupt, WorkerLost.
    """
    data = prepared(data, config, tuning)
    workers = workers or Workers()
    workers.start()
    start = None if tuning is None else tuning.network
    return Trainer(config, data, observer or Observer(), checkpoint, teacher, workers, start).run()


class Trainer:
    """The state of one training."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        observer: Observer,
        checkpoint: Path | None,
        teacher: Network | None,
        workers: Workers | None = None,
        start: MNISTClassifier | None = None,
    ) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.observer = observer
        self.workers = workers or Workers()
        device, self.autocast_dtype = agreed_choice(config, self.workers)
        self.device = self.workers.place(device)
        self.data = data
        # Random numbers come from the CPU on every device, so that a seed means the same everywhere.
        self.generator = torch.Generator().manual_seed(config.seed)
        self.network = MNISTClassifier.from_config(config)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        self.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.network)
        self.workers.prepare(self.network)
        if config.teacher:
            teacher = shared_network(teacher, self.workers)
        elif start is not None:
            teacher = (
                start  # it reminds the network of what it knew; source: Li and Hoiem 2016, Learning without Forgetting
            )
        taught_by = Teacher(teacher, self.device, self.autocast_dtype) if teacher else None
        self.batches = Batches(config, data, self.device, self.generator, taught_by, self.workers)
        self.optimizers = make_optimizers(self.network, config)
        self.images_per_epoch = data.images_per_epoch * config.passes
        self.steps_per_epoch = math.ceil(data.images_per_epoch / config.batch_size) * config.passes
        self.total_steps = self.steps_per_epoch * config.epochs
        self.step = 0
        self.epochs: list[EpochResult] = []
        self.best_epoch = 0
        self.best_weights: dict[str, Tensor] = {}
        self.checkpoint = checkpoint
        self.started_at = time.perf_counter()
        saved = self.workers.share(saved_bytes(checkpoint) if checkpoint and checkpoint.exists() else None)
        if saved is not None:
            self._restore(Checkpoint.from_bytes(saved, checkpoint))

    def run(self) -> TrainingResult:
        """Train until the last epoch, until `patience` epochs bring no improvement, or until a request to stop."""
        cancelled = False
        try:
            with self.workers.uninterrupted():
                while not self._is_over():
                    self._record(self._epoch(len(self.epochs) + 1))
        except KeyboardInterrupt:
            cancelled = True
        if not self.best_weights:
            raise KeyboardInterrupt
        network = self.average.network
        network.load_state_dict(self.best_weights)
        network.to("cpu")
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        stopped_early = not cancelled and len(self.epochs) < self.config.epochs
        return TrainingResult(network, self.best_epoch, self.epochs, stopped_early, cancelled)

    def _is_over(self) -> bool:
        done = len(self.epochs)
        return done == self.config.epochs or 0 < self.config.patience <= done - self.best_epoch

    def _record(self, outcome: EpochResult) -> None:
        best_loss = self.epochs[self.best_epoch - 1].validation_loss if self.best_epoch else math.inf
        self.epochs.append(outcome)
        if outcome.validation_loss < best_loss:
            self.best_epoch, self.best_weights = outcome.epoch, copied_state(self.average.network)
        if self.checkpoint is not None:
            self.observer.on_checkpoint()
            self._current_state().save(self.checkpoint)
        self.observer.on_epoch(outcome)

    def _current_state(self) -> Checkpoint:
        tensors = {
            **prefixed("network", self.network.state_dict()),
            **prefixed("averaged", self.average.network.state_dict()),
            **prefixed("best", self.best_weights),
            "random": torch.get_rng_state(),  # dropout
            "generator": self.generator.get_state(),
        }
        for index, optimizer in enumerate(self.optimizers):
            tensors |= prefixed(f"optimizer{index}", optimizer_tensors(optimizer))
        facts = {
            "config": self.config.to_dict(),
            "step": self.step,
            "best_epoch": self.best_epoch,
            "epochs": [asdict(outcome) for outcome in self.epochs],
        }
        return Checkpoint(tensors, facts)

    def _restore(self, saved: Checkpoint) -> None:
        if saved.facts["config"] != self.config.to_dict():
            raise CheckpointCorrupt(
                f"{self.checkpoint or 'the checkpoint'} belongs to a training with other settings; "
                "delete it to start again"
            )
        self.network.load_state_dict(saved.with_prefix("network"))
        self.average.network.load_state_dict(saved.with_prefix("averaged"))
        for index, optimizer in enumerate(self.optimizers):
            restore_optimizer(optimizer, saved.with_prefix(f"optimizer{index}"))
        torch.set_rng_state(saved.tensors["random"])
        self.generator.set_state(saved.tensors["generator"])
        self.step = saved.facts["step"]
        self.epochs = [EpochResult(**outcome) for outcome in saved.facts["epochs"]]
        self.best_epoch, self.best_weights = saved.facts["best_epoch"], saved.with_prefix("best")
        self.started_at -= self.epochs[-1].elapsed_s

    def _epoch(self, epoch: int) -> EpochResult:
        self.network.train()
        if self.config.corrections_share:
            # One person's digits, shown again and again, would shift the statistics with which everybody's are read.
            keep_statistics(self.network)
        started = time.perf_counter()
        plain = epoch > self.config.epochs - self.config.plain_epochs
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        seen = 0
        for index, (size, batch) in enumerate(self.batches.of_epoch(plain), start=1):
            # Everybody may see them, and they outlive a deletion, so they must not show what people drew.
            if index == 1 and not self.config.corrections_share:
                shown = batch.pixels[:SHOWN_IMAGES, 0].float().cpu().numpy(), batch.labels[:SHOWN_IMAGES].cpu().numpy()
                self.observer.on_batch(epoch, *shown)
            loss, batch_correct, stop = self._step(batch)
            loss_sum += loss * size
            correct += batch_correct
            seen += size
            if stop:
                raise KeyboardInterrupt
            if index % REPORT_STEPS == 0 or seen == self.images_per_epoch:
                self._report(epoch, index, loss_sum.item() / seen, correct.item() / seen, seen, started)
        if not self.config.ema_decay:
            self.average.update(0.0)  # no averaging: copy the weights
        train_s = time.perf_counter() - started
        validation_loss, validation_accuracy = self._validate(epoch)
        return EpochResult(
            epoch=epoch,
            epochs=self.config.epochs,
            train_loss=loss_sum.item() / seen,
            train_accuracy=correct.item() / seen,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=self.optimizers[0].param_groups[0]["lr"],
            images_per_s=seen / train_s,
            elapsed_s=time.perf_counter() - self.started_at,
            validation_s=time.perf_counter() - started - train_s,
        )

    def _validate(self, epoch: int) -> tuple[float, float]:
        """Loss and accuracy of the averaged weights on the validation split.

        The loss includes the label smoothing of training.  Otherwise a network would seem to get worse while it learns
        to be less confident.
        """
        images, labels = self.data.validation_images, self.data.validation_labels
        own = images[self.workers.shard(len(images))]
        own_logits = predict_logits(self.average.network, own, device=self.device, dtype=self.autocast_dtype)
        logits = self.workers.joined(own_logits, len(images))
        loss = training_loss(logits, labels, label_smoothing=self.config.label_smoothing)
        self.observer.on_logits(epoch, logits, labels)
        # Accuracy counts digits only.
        digits = labels < DIGITS
        predictions, labels = logits[digits, :DIGITS].argmax(dim=1), labels[digits]
        self.observer.on_validation(epoch, predictions.numpy(), labels.numpy())
        return self.workers.agree((float(loss), float((predictions == labels).double().mean())))

    def _report(self, epoch: int, step: int, loss: float, accuracy: float, seen: int, started: float) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {epoch}, step {step}; "
                "try a smaller learning rate or float32 precision"
            )
        speed = seen / (time.perf_counter() - started)
        rate = self.optimizers[0].param_groups[0]["lr"]
        steps, images = self.steps_per_epoch, self.images_per_epoch
        self.observer.on_step(StepProgress(epoch, step, steps, loss, accuracy, speed, rate, images))

    def _step(self, batch: Batch) -> tuple[Tensor, Tensor, bool]:
        """Train on this process's shard of a batch.

        Returns the mean loss and the number of right answers of the whole batch, and whether to stop.
        """
        rate = self.config.learning_rate * schedule_factor(self.step / self.total_steps, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        with torch.autocast(self.device.type, self.autocast_dtype, self.autocast_dtype != torch.float32):
            logits = self.network(batch.pixels).float()
        smoothing, weight = self.config.label_smoothing, self.config.teacher_weight
        loss = training_loss(
            logits,
            batch.labels,
            label_smoothing=smoothing,
            taught=batch.taught,
            weight=weight,
            labels_decide=self.config.corrections_share > 0,
        )
        self.network.zero_grad(set_to_none=True)
        correct = (logits.argmax(dim=1) == batch.labels).sum()
        loss, correct, stop = self.workers.backward(loss, correct, self.observer.should_stop())
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        if self.config.ema_decay:
            # A small decay at first soon forgets the first weights (tf.train.ExponentialMovingAverage).
            self.average.update(min(self.config.ema_decay, (1 + self.step) / (10 + self.step)))
        return loss, correct, stop
