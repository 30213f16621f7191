"""MNIST's splits by name: `train` (55,000 images), `validation` (5,000) and `test` (10,000).

Train and validation divide the training file between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.data import mnist
from mnist_classifier.data.mnist import Images

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# How many images each split has.
SIZES = {TRAIN: 55_000, VALIDATION: 5_000, TEST: 10_000}
# The splits that models are measured on: all but the one that taught them.
MEASURED_SPLITS = (TEST, VALIDATION)


def load_split(directories: Sequence[Path], split: str) -> Images:
    """Read a split's images and labels, in the order of the file.  Raises DataMissing, DataCorrupt."""
    if split == TEST:
        return mnist.load(directories, mnist.TEST)
    file, rows = load_training_file(directories)
    return Images(file.images[rows[split]], file.labels[rows[split]])


def load_training_file(directories: Sequence[Path]) -> tuple[Images, dict[str, npt.NDArray[np.int64]]]:
    """Read the training file; also return which rows are TRAIN and VALIDATION.  Raises DataMissing, DataCorrupt."""
    file = mnist.load(directories, mnist.TRAIN)
    train, validation = mnist.split_train_validation(file.labels)
    return file, {TRAIN: train, VALIDATION: validation}
