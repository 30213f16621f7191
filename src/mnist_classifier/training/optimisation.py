"""The optimizers, the learning-rate schedule, and weight averaging."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.eager import AdamW, Optimizer
from mnist_classifier.training.muon import Muon
from mnist_classifier.training.network import MNISTClassifier


def schedule_factor(progress: float, config: TrainConfig) -> float:
    """Learning rate at `progress` (0..1) of the training, as a share of its peak."""
    if config.schedule == "constant":
        return 1.0
    warmup = 0.0 if config.schedule == "cosine" else config.warmup_fraction
    if progress < warmup:
        return 0.04 + 0.96 * progress / warmup
    if config.schedule == "triangle":
        return (1 - progress) / (1 - warmup)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def make_optimizers(network: MNISTClassifier, config: TrainConfig) -> list[Optimizer]:
    """AdamW for all weights, or Muon for kernels and the hidden layer and AdamW for the rest.

    Weight decay applies to matrices and kernels, not to biases and BatchNorm.
    """
    orthogonal = [] if config.optimizer == "adamw" else hidden_weights(network)
    rest = [p for p in network.parameters() if not any(p is other for other in orthogonal)]
    adamw = AdamW(
        [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
    if not orthogonal:
        return [adamw]
    muon = Muon(orthogonal, lr=config.learning_rate, momentum=config.muon_momentum, weight_decay=config.weight_decay)
    return [adamw, muon]


def hidden_weights(network: MNISTClassifier) -> list[nn.Parameter]:
    """Kernels and matrices, except the matrix of the output."""
    output = network.output.weight
    return [p for p in network.parameters() if p.ndim > 1 and p is not output]


class WeightAverage:
    """An exponential moving average of a network's weights, as a network in evaluation mode."""

    def __init__(self, network: MNISTClassifier) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._averaged, self._current = (
            [tensor for tensor in each.state_dict().values() if tensor.is_floating_point()]
            for each in (self.network, network)
        )

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move the average towards the current weights; a decay of 0 copies them."""
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)
