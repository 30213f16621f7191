from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.data import mnist, mnist_sample


def test_the_package_has_twenty_test_images_of_each_digit() -> None:
    sample = mnist_sample.load()
    assert sample.images.shape == (200, 28, 28)
    assert sample.images.dtype == np.uint8
    assert np.bincount(sample.labels).tolist() == [20] * 10
    assert (np.diff(sample.rows) > 0).all()


def test_the_places_are_evenly_spaced_and_depend_on_the_labels_alone() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 40)
    assert mnist_sample.choose(labels).tolist() == list(range(0, 400, 2))


@pytest.mark.mnist
def test_the_images_are_those_that_the_rule_chooses(mnist_dirs: list[Path]) -> None:
    expected, sample = mnist_sample.pack(mnist.load(mnist_dirs, mnist.TEST)), mnist_sample.load()
    assert np.array_equal(sample.rows, expected.rows)
    assert np.array_equal(sample.images, expected.images)
    assert np.array_equal(sample.labels, expected.labels)
