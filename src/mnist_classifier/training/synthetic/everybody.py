"""Glyphs of everybody, packed: 1,500 MNIST training images and 400 generated pictures that show no digit.

A personal model is fitted to them too, so that it does not forget how others write.  Most of them are hard: networks
are the least sure of them, so their readings change first.  The model in the box and a network of the recipe `fast`
chose them.  Write the file again, with the models that choose:

    python -m mnist_classifier.training.synthetic.everybody FOLDER_OF_MNIST FOLDER_OF_A_MODEL...
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from mnist_classifier.core.arrays import Bytes, Floats, Indices
from mnist_classifier.data.splits import TRAIN, load_split

FILE = "everybody.npz"
# The hard digits come first, then the others, then what shows no digit.
HARD_DIGITS, OTHER_DIGITS, NON_DIGITS = 1000, 500, 400
DIGITS = HARD_DIGITS + OTHER_DIGITS
# Pictures that the hard non-digits are chosen from.
GENERATED, SEED = 8000, 1998


@lru_cache(maxsize=1)
def glyphs() -> Bytes:
    """(1900, 28, 28) uint8."""
    with (files(__package__) / FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        packed: Bytes = arrays["glyphs"]
        return packed


def shares() -> Floats:
    """(1900,) how much each glyph counts; each of the three kinds counts a third."""
    counts = np.array([HARD_DIGITS, OTHER_DIGITS, NON_DIGITS])
    return np.repeat(1 / (len(counts) * counts), counts).astype(np.float32)


def pack(folder: Path, models: Sequence[Path]) -> Bytes:
    """Choose and make the glyphs."""
    # Only this needs PyTorch; who learns from the file does without.
    import torch

    from mnist_classifier.training.synthetic.outliers import outlier_pool

    train = load_split([folder], TRAIN)
    hard = _hardest(train.images, models, digits=True)[:HARD_DIGITS]
    others = np.random.default_rng(SEED).permutation(np.setdiff1d(np.arange(len(train.labels)), hard))
    digits, labels = torch.from_numpy(train.images[others]), torch.from_numpy(train.labels[others].astype(np.int64))
    outliers = outlier_pool(GENERATED, torch.Generator().manual_seed(SEED), digits, labels).numpy()
    chosen = outliers[_hardest(outliers, models, digits=False)[:NON_DIGITS]]
    return np.concatenate([train.images[hard], train.images[others[:OTHER_DIGITS]], chosen])


def _hardest(glyphs: Bytes, models: Sequence[Path], *, digits: bool) -> Indices:
    """The rows of the glyphs, those first that any of the models is least sure of."""
    from mnist_classifier.recognition.recogniser import Recogniser

    ranks = []
    for model in models:
        opinions = Recogniser.open(model).opinions(glyphs)
        opinions[:, :10] *= 1 - opinions[:, 10:]
        highest = np.sort(opinions, axis=1)
        sureness = highest[:, -1] - highest[:, -2] if digits else opinions[:, 10]
        ranks.append(np.argsort(np.argsort(sureness, kind="stable"), kind="stable"))
    return np.argsort(np.min(ranks, axis=0), kind="stable")


if __name__ == "__main__":
    packed = pack(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    np.savez_compressed(Path(__file__).with_name(FILE), glyphs=packed)
