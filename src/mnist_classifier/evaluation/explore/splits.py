"""The images of each MNIST split, kept in memory after the first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.data import mnist
from mnist_classifier.data.mnist import DISPUTED_TEST_LABELS
from mnist_classifier.data.splits import TEST, load_training_file
from mnist_classifier.evaluation.explore.memo import Memo


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one split.

    images: (N, 28, 28).  rows: (N,) the positions in the MNIST file that the
    split was taken from.  disputed: (N,) whether people dispute the label.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    disputed: npt.NDArray[np.bool_]


class Splits:
    """Reads each split when it is first asked for."""

    def __init__(self, data_dirs: Sequence[Path]) -> None:
        self._data_dirs = data_dirs
        self._parts: Memo[Part] = Memo(limit=3)

    def part(self, name: str) -> Part:
        """The images of test, validation or train.  Raises DataMissing, DataCorrupt."""
        return self._parts.get(name, lambda: self._read(name))

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
