"""Glyphs of everybody, packed: 1,500 MNIST training images and 100 generated pictures that show no digit.

A personal model is fitted to them too, so that it does not forget how others write.
`python -m mnist_classifier.training.synthetic.everybody FOLDER_OF_MNIST` writes the file again.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.data.splits import TRAIN, load_split

FILE = "everybody.npz"
DIGITS, NON_DIGITS, SEED = 1500, 100, 1998


@lru_cache(maxsize=1)
def glyphs() -> Bytes:
    """(1600, 28, 28) uint8."""
    with (files(__package__) / FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        packed: Bytes = arrays["glyphs"]
        return packed


def pack(folder: Path) -> Bytes:
    """Choose and make the glyphs."""
    # Only this needs PyTorch; who learns from the file does without.
    import torch

    from mnist_classifier.training.synthetic.outliers import outlier_pool

    train = load_split([folder], TRAIN)
    rows = np.random.default_rng(SEED).permutation(len(train.labels))[:DIGITS]
    digits, labels = torch.from_numpy(train.images[rows]), torch.from_numpy(train.labels[rows].astype(np.int64))
    outliers = outlier_pool(NON_DIGITS, torch.Generator().manual_seed(SEED), digits, labels)
    return np.concatenate([train.images[rows], outliers.numpy()])


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name(FILE), glyphs=pack(Path(sys.argv[1])))
