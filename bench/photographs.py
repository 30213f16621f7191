"""Measure how many photographs of MNIST digits are read right.

    python bench/photographs.py [--split validation] [--images 1000] [--seed 0]

Photographs are generated (mnist_classifier.robustness.photographs): paper,
shadows, lines, inks, camera.  Image n of the split is photographed with the
generator seeded (SEED, n).  What is tuned is tuned on the validation split.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from measuring import machine, write_result
from mnist_classifier import dataset
from mnist_classifier.config import PRETRAINED_DIR, Settings
from mnist_classifier.metrics import wilson_interval
from mnist_classifier.preprocess import make_glyph
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.robustness.photographs import photograph


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    glyphs, labels = _digits(arguments.split, arguments.images)
    recogniser = Recogniser.open(PRETRAINED_DIR)
    found, times_ms = [], []
    for number, glyph in enumerate(glyphs):
        picture = photograph(glyph, np.random.default_rng((arguments.seed, number)))
        started = time.perf_counter()
        prepared = make_glyph(picture)
        times_ms.append((time.perf_counter() - started) * 1000)
        found.append(-1 if prepared is None else int(recogniser.opinions(prepared[None])[0, :10].argmax()))
    right = int((np.array(found) == labels).sum())
    result = {
        "machine": machine(),
        "split": arguments.split,
        "seed": arguments.seed,
        "images": len(labels),
        "right": right,
        "accuracy": right / len(labels),
        "interval_95": wilson_interval(right, len(labels)),
        "right_from_arrays": int((recogniser.opinions(glyphs)[:, :10].argmax(axis=1) == labels).sum()),
        "blank": found.count(-1),
        "preprocessing_p50_ms": round(float(np.median(times_ms)), 1),
    }
    write_result(f"photographs_{arguments.split}", result)


def _digits(split: str, count: int) -> tuple[dataset.U8, dataset.U8]:
    """Images and labels of the first `count` of a split."""
    directories = Settings.from_environment().data_dirs()
    if split == "test":
        test = dataset.load(directories, dataset.TEST)
        return test.images[:count], test.labels[:count]
    train = dataset.load(directories, dataset.TRAIN)
    chosen = dataset.split_train_validation(train.labels)[1][:count]
    return train.images[chosen], train.labels[chosen]


if __name__ == "__main__":
    main()
