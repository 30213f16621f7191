"""All packages read the same splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.data import mnist
from mnist_classifier.data.splits import TEST, TRAIN, VALIDATION, load_split, load_training_file


@pytest.mark.slow
@pytest.mark.mnist
def test_the_validation_split_is_the_one_that_training_holds_back(mnist_dirs: list[Path]):
    file, rows = load_training_file(mnist_dirs)
    train, validation = mnist.split_train_validation(mnist.load(mnist_dirs, mnist.TRAIN).labels)
    assert np.array_equal(rows[TRAIN], train)
    assert np.array_equal(rows[VALIDATION], validation)
    split = load_split(mnist_dirs, VALIDATION)
    assert np.array_equal(split.images, file.images[validation])
    assert np.array_equal(split.labels, file.labels[validation])
    assert [len(load_split(mnist_dirs, name).labels) for name in (TRAIN, VALIDATION, TEST)] == [55_000, 5_000, 10_000]
