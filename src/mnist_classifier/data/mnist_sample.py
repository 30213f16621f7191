"""The 200 MNIST test images that come with the package: twenty of each digit.

They let the pages show MNIST before it is downloaded.  No model had a say in the choice: of each digit, the test images
in the order of the file, at twenty evenly spaced places.
`python -m mnist_classifier.data.mnist_sample FOLDER_OF_MNIST` writes the file again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mnist_classifier.core.arrays import Bytes, Integers
from mnist_classifier.data import mnist

FILE = "mnist_sample.npz"
OF_EACH_DIGIT = 20


@dataclass(frozen=True, eq=False)
class MnistSample:
    """images: (200, 28, 28) uint8; labels: (200,) uint8; rows: (200,) their places in the MNIST file, ascending."""

    images: Bytes
    labels: Bytes
    rows: Integers


@lru_cache(maxsize=1)
def load() -> MnistSample:
    """The packed images."""
    with (files(__package__) / FILE).open("rb") as file, np.load(file) as arrays:
        return MnistSample(arrays["images"], arrays["labels"], arrays["rows"].astype(np.int64))


def choose(labels: Bytes) -> Integers:
    """Choose rows of the MNIST test file, twenty of each digit: (200,) int64, ascending."""
    rows_of = [np.flatnonzero(labels == digit) for digit in range(10)]
    chosen = [rows[np.arange(OF_EACH_DIGIT) * len(rows) // OF_EACH_DIGIT] for rows in rows_of]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def pack(test: mnist.Images) -> MnistSample:
    """Take the chosen images out of all test images."""
    rows = choose(test.labels)
    return MnistSample(test.images[rows], test.labels[rows], rows)


if __name__ == "__main__":
    sample = pack(mnist.load([Path(sys.argv[1])], mnist.TEST))
    path = Path(__file__).with_name(FILE)
    np.savez_compressed(path, images=sample.images, labels=sample.labels, rows=sample.rows.astype(np.uint16))
