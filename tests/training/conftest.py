"""Small made-up digits that a network learns in a second or two."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.data import TrainingData

TINY = {
    "epochs": 2,
    "batch_size": 64,
    "learning_rate": 0.01,
    "conv1_channels": 4,
    "conv2_channels": 8,
    "hidden_units": 32,
    "ema_decay": 0.9,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}


def made_up_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A class is a bright square at one of ten places, on noise: (N, 28, 28) and (N,) uint8."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 4 + 10 * (label // 4), 3 + 6 * (label % 4)
        image[row : row + 5, column : column + 5] = 255
    return images, labels


@pytest.fixture(scope="session")
def tiny_data() -> TrainingData:
    images, labels = made_up_digits(1200, seed=1)
    return TrainingData.from_arrays(images, labels, np.arange(1000), np.arange(1000, 1200))


@pytest.fixture
def tiny_config() -> TrainConfig:
    return TrainConfig.from_mapping(TINY)
