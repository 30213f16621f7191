"""The images of each MNIST split, kept in memory after the first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.errors import DataMissing
from mnist_classifier.data import mnist, mnist_sample
from mnist_classifier.data.mnist import DISPUTED_TEST_LABELS
from mnist_classifier.data.splits import TEST, load_training_file
from mnist_classifier.evaluation.explore.memo import Memo


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one split.

    images: (N, 28, 28).  rows: (N,) the positions in the MNIST file that the
    split was taken from.  disputed: (N,) whether people dispute the label.
    is_sample: these are the 200 test images that come with the package.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    disputed: npt.NDArray[np.bool_]
    is_sample: bool = False

    def number(self, position: int) -> int:
        """The number of an image in its split; a sample keeps the numbers of all test images."""
        return int(self.rows[position]) if self.is_sample else position

    def position(self, number: int) -> int | None:
        """Where an image is in `images`; None if it is not there."""
        position = int(np.searchsorted(self.rows, number)) if self.is_sample else number
        return position if position < len(self.rows) and self.number(position) == number else None


class Splits:
    """Reads each split when it is first asked for."""

    def __init__(self, data_dirs: Sequence[Path]) -> None:
        self._data_dirs = data_dirs
        self._parts: Memo[Part] = Memo(limit=4)

    def part(self, name: str) -> Part:
        """The images of test, validation or train.  Raises DataMissing, DataCorrupt."""
        return self._parts.get(name, lambda: self._read(name))

    def available(self, name: str) -> Part:
        """The images of a split; of test, the 200 of the package without the MNIST files."""
        try:
            return self.part(name)
        except DataMissing:
            if name != TEST:
                raise
            return self._parts.get(mnist_sample.FILE, _sample)

    def _read(self, name: str) -> Part:
        if name == TEST:
            found = mnist.load(self._data_dirs, mnist.TEST)
            rows = np.arange(len(found.labels))
            disputed = np.isin(rows, DISPUTED_TEST_LABELS)
        else:
            found, parts = load_training_file(self._data_dirs)
            rows = parts[name]
            disputed = np.zeros(len(rows), bool)
        return Part(found.images[rows], found.labels[rows], rows, disputed)


def _sample() -> Part:
    found = mnist_sample.load()
    return Part(found.images, found.labels, found.rows, np.isin(found.rows, DISPUTED_TEST_LABELS), is_sample=True)
