"""Measure the accuracy on photographs of MNIST digits, or of numbers.

    python bench/photographs.py [--split validation] [--images 1000] [--seed 0] [--numbers]

The photographs are generated (mnist_classifier.evaluation.robustness.photographs), with the seed (SEED, n) for image
n of the split.  Constants are tuned on the validation split only.  With --numbers, each photograph shows a number of
2 to 6 digits of the split, and a number counts as right only if every digit is.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from measuring import machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness import strings
from mnist_classifier.evaluation.robustness.photographs import photograph, photograph_number
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--numbers", action="store_true", help="numbers in place of single digits")
    arguments = parser.parse_args()
    recogniser = Recogniser.open(PRETRAINED_DIR)
    if arguments.numbers:
        write_result(f"photographs_numbers_{arguments.split}", _numbers(recogniser, arguments))
    else:
        write_result(f"photographs_{arguments.split}", _single(recogniser, arguments))


def _single(recogniser: Recogniser, arguments: argparse.Namespace) -> dict[str, Any]:
    glyphs, labels = _digits(arguments.split, arguments.images)
    found, times_ms = [], []
    for number, glyph in enumerate(glyphs):
        picture = photograph(glyph, np.random.default_rng((arguments.seed, number)))
        started = time.perf_counter()
        prepared = make_glyph(picture)
        times_ms.append((time.perf_counter() - started) * 1000)
        found.append(-1 if prepared is None else int(recogniser.opinions(prepared[None])[0, :10].argmax()))
    right = int((np.array(found) == labels).sum())
    return _summary(arguments, right) | {
        "right_from_arrays": int((recogniser.opinions(glyphs)[:, :10].argmax(axis=1) == labels).sum()),
        "blank": found.count(-1),
        "preprocessing_p50_ms": round(float(np.median(times_ms)), 1),
    }


def _numbers(recogniser: Recogniser, arguments: argparse.Namespace) -> dict[str, Any]:
    images, labels = _digits(arguments.split, None)
    right, as_drawings, times_ms = 0, 0, []
    for index in range(arguments.images):
        rng = np.random.default_rng((arguments.seed, index))
        chosen = rng.integers(len(labels), size=rng.integers(2, 7))
        number, ink = "".join(map(str, labels[chosen])), strings.compose(images[chosen], rng)
        picture = photograph_number(ink, rng)
        started = time.perf_counter()
        right += recogniser.read_number(picture).number == number
        times_ms.append((time.perf_counter() - started) * 1000)
        as_drawings += recogniser.read_number(ink).number == number
    return _summary(arguments, right) | {
        "right_as_drawings": as_drawings,
        "reading_p50_ms": round(float(np.median(times_ms)), 1),
    }


def _summary(arguments: argparse.Namespace, right: int) -> dict[str, Any]:
    return {
        "machine": machine(),
        "split": arguments.split,
        "seed": arguments.seed,
        "images": arguments.images,
        "right": right,
        "accuracy": right / arguments.images,
        "interval_95": wilson_interval(right, arguments.images),
    }


def _digits(split: str, count: int | None) -> tuple[Bytes, Bytes]:
    """Images and labels of the first `count` of a split, or of all."""
    found = load_split(Settings.from_environment().data_dirs(), split)
    return found.images[:count], found.labels[:count]


if __name__ == "__main__":
    main()
