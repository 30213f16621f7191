"""The images that are looked at, and those that networks learned from, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.data import mnist
from mnist_classifier.data.mnist import DISPUTED_TEST_LABELS, Images
from mnist_classifier.data.splits import TEST, load_training_file
from mnist_classifier.evaluation.explore.memo import Memo


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of one MNIST file.

    rows: (N,) their numbers in that file, from 0.  disputed: (N,) whether
    people dispute the label.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    disputed: npt.NDArray[np.bool_]


class Splits:
    """The parts of MNIST, read when they are first asked for."""

    def __init__(self, data_dirs: Sequence[Path]) -> None:
        self._data_dirs = data_dirs
        self._parts: Memo[dict[str, Part]] = Memo(limit=2)

    def part(self, name: str) -> Part:
        """The part called test, validation or train.  Raises DataMissing, DataCorrupt."""
        file = mnist.TEST if name == TEST else mnist.TRAIN
        return self._parts.get(file, lambda: self._read(file))[name]

    def _read(self, file: str) -> dict[str, Part]:
        if file == mnist.TEST:
            found = mnist.load(self._data_dirs, file)
            rows = np.arange(len(found.labels))
            return {TEST: _cut(found, rows, np.isin(rows, DISPUTED_TEST_LABELS))}
        found, parts = load_training_file(self._data_dirs)
        return {name: _cut(found, rows, np.zeros(len(rows), bool)) for name, rows in parts.items()}


def _cut(images: Images, rows: npt.NDArray[np.int64], disputed: npt.NDArray[np.bool_]) -> Part:
    return Part(images.images[rows], images.labels[rows], rows, disputed)
