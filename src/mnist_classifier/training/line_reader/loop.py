"""The training loop of the line reader: one pass over generated lines, none of which comes twice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_classifier.recognition.numbers.line_reader import CLASSES
from mnist_classifier.training.checkpoint import Checkpoint, optimizer_tensors, prefixed, restore_optimizer
from mnist_classifier.training.eager import AdamW
from mnist_classifier.training.line_reader.batches import BATCH, Batch
from mnist_classifier.training.line_reader.network import LineNetwork, as_pixels
from mnist_classifier.training.line_reader.scores import Scores, score

# Steps between two reports, and between two scores of the validation lines.
REPORT_STEPS, SCORE_STEPS = 100, 1000
LARGEST_GRADIENT = 2.0
WARMUP = 0.1
# Weight of the newest loss in the reported mean.
NEWEST = 0.02


@dataclass(frozen=True)
class LineConfig:
    """Settings of a training."""

    lines: int = 300_000
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    seed: int = 0
    bf16: bool = False

    @property
    def steps(self) -> int:
        """How many batches the lines make."""
        return max(1, self.lines // BATCH)

    def learning_rate_at(self, step: int) -> float:
        """It rises to `learning_rate` for a tenth of the lines, and then falls to nothing along a cosine."""
        progress = (step + 0.5) / self.steps
        if progress < WARMUP:
            return self.learning_rate * progress / WARMUP
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - WARMUP) / (1 - WARMUP)))


class LineTrainer:
    """The state of one training; `checkpoint` is a file from which it goes on if it was interrupted."""

    def __init__(self, config: LineConfig, checkpoint: Path | None = None) -> None:
        torch.manual_seed(config.seed)
        self.config, self.checkpoint = config, checkpoint
        self.network = LineNetwork()
        # Convolutions on the CPU take half the time in this order of memory.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = AdamW(self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.step = 0
        if checkpoint is not None and checkpoint.is_file():
            self._restore(Checkpoint.load(checkpoint))

    def run(
        self, batches: Iterator[Batch], validation: Sequence[Batch], report: Callable[[str], None]
    ) -> tuple[LineNetwork, Scores]:
        """Train to the end; returns the network in evaluation mode and its scores."""
        mean, started, first = 0.0, time.monotonic(), self.step
        scores = None
        while self.step < self.config.steps:
            loss = self._learn(next(batches))
            mean = loss if self.step == first else mean + NEWEST * (loss - mean)
            self.step += 1
            if self.step % REPORT_STEPS == 0:
                ms = (time.monotonic() - started) / (self.step - first) / BATCH * 1e3
                report(f"{self.step * BATCH:,} lines, loss {mean:.3f}, {ms:.2f} ms a line")
            if self.step % SCORE_STEPS == 0 and self.step < self.config.steps:
                report(f"{self.step * BATCH:,} lines, validation: {score(self.network, validation)}")
                self._save()
        scores = score(self.network, validation)
        report(f"{self.step * BATCH:,} lines, validation: {scores}")
        return self.network, scores

    def _learn(self, batch: Batch) -> float:
        self.network.train()
        lines = as_pixels(torch.from_numpy(batch.lines)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            scores = self.network(lines)
        loss = ctc_loss(scores.float(), batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate_at(self.step)
        self.optimizer.step()
        return loss.item()

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        tensors = {
            **prefixed("network", self.network.state_dict()),
            **prefixed("optimizer", optimizer_tensors(self.optimizer)),
        }
        Checkpoint(tensors, {"step": self.step}).save(self.checkpoint)

    def _restore(self, saved: Checkpoint) -> None:
        self.network.load_state_dict(saved.with_prefix("network"))
        restore_optimizer(self.optimizer, saved.with_prefix("optimizer"))
        self.step = int(saved.facts["step"])


def ctc_loss(scores: Tensor, batch: Batch) -> Tensor:
    """The mean loss of a batch for (N, LABELS, T) scores, each line's divided by the length of its text."""
    targets = torch.tensor([CLASSES.index(character) + 1 for text in batch.texts for character in text])
    lengths = torch.tensor([len(text) for text in batch.texts])
    opinions = F.log_softmax(scores, dim=1).permute(2, 0, 1)
    return F.ctc_loss(opinions, targets, torch.tensor(batch.frames), lengths, zero_infinity=True)
