"""How weights are moved: the learning rate over a run, and what decays."""

from __future__ import annotations

import math

from torch import nn

from mnist_classifier.config import TrainConfig


def schedule_factor(progress: float, config: TrainConfig) -> float:
    """Learning rate at `progress` (0..1 of the run), as a part of its peak."""
    if config.schedule == "constant":
        return 1.0
    warmup = 0.0 if config.schedule == "cosine" else config.warmup_fraction
    if progress < warmup:
        return 0.04 + 0.96 * progress / warmup
    if config.schedule == "triangle":
        return (1 - progress) / (1 - warmup)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels, none for biases and BatchNorm."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
