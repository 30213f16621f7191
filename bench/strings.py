"""Measure how many numbers of 2 to 6 digits are read without any error.

    python bench/strings.py [--split validation|test] [--numbers N] [--sets MNIST generated pen] [--pen-dir FOLDER]

There are three sets: composed of MNIST images of the split, written with generated strokes, and written with real pen
strokes (digits.jsonl.gz in --pen-dir, MNIST_PEN_DIR or ../shared/pen_digits; left out if missing).  Numbers with
strokes are read with and without them.

`found` counts numbers whose digits were all found at their places, whatever they were read as.  `ceiling` counts
numbers whose digits are all read right when each stands alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from measuring import machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.records import NumberReading, NumberVerdict
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness import strings
from mnist_classifier.recognition.imaging.normalise import cut_out, ink_box
from mnist_classifier.recognition.recogniser import Recogniser

Points: TypeAlias = "npt.NDArray[np.float64]"
Box: TypeAlias = "tuple[int, int, int, int]"

SETS = ("MNIST", "generated", "pen")
PEN_FILE = "digits.jsonl.gz"
# Smallest intersection over union of a box and the digit that it belongs to.
SAME_BOX = 0.5


@dataclass(frozen=True)
class Sample:
    """One number: its digits, the picture, the place of each digit, and the strokes if there are any."""

    number: str
    picture: Bytes
    placed: list[strings.Placed]
    strokes: list[Points] | None = None

    @property
    def touches(self) -> bool:
        """Whether the boxes of two digits overlap."""
        boxes = [digit.box for digit in self.placed]
        return any(before[0] + before[2] > after[0] for before, after in zip(boxes, boxes[1:], strict=False))


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--numbers", type=int, default=1000, help="numbers in each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, default=PRETRAINED_DIR, help="folder of a model version")
    parser.add_argument("--pen-dir", type=Path, help="folder of digits.jsonl.gz")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    options = parser.parse_args()
    recogniser = Recogniser.open(options.model)
    result: dict[str, Any] = {"machine": machine(), "split": options.split, "seed": options.seed, "sets": {}}
    for name in options.sets:
        samples = samples_of(name, options)
        if not samples:
            continue
        result["sets"][name] = score(recogniser, samples, use_strokes=False)
        if samples[0].strokes is not None:
            result["sets"][f"{name}, strokes sent"] = score(recogniser, samples, use_strokes=True)
    write_result(f"strings_{options.split}", result, table=table(result["sets"]))


def samples_of(name: str, options: argparse.Namespace) -> list[Sample]:
    """The samples of a set; none if its data is missing."""
    rngs = generators(options.seed, options.numbers)
    if name == "MNIST":
        images = split_images(options.split)
        return [compose(images, rng) for rng in rngs]
    if name == "generated":
        return [generate(rng) for rng in rngs]
    file = pen_file(options.pen_dir)
    if file is None:
        print("left out: real pen strokes (--pen-dir, MNIST_PEN_DIR)")
        return []
    pen_digits = read_pen_digits(file)
    return [write(pen_digits, rng) for rng in rngs]


def generators(seed: int, count: int) -> list[np.random.Generator]:
    """One generator for each sample, so that a larger set starts with the same samples."""
    return [np.random.default_rng((seed, index)) for index in range(count)]


def split_images(split: str) -> Images:
    """The images of a split."""
    return load_split(Settings.from_environment().data_dirs(), split)


def compose(images: Images, rng: np.random.Generator) -> Sample:
    """A number of MNIST images."""
    chosen = rng.integers(len(images.labels), size=rng.integers(2, 7))
    placed = strings.arrange(images.images[chosen], rng)
    return Sample("".join(map(str, images.labels[chosen])), strings.paint(placed), placed)


def generate(rng: np.random.Generator) -> Sample:
    """A number written with generated strokes."""
    digits = [int(digit) for digit in rng.integers(10, size=rng.integers(2, 7))]
    return written("".join(map(str, digits)), [strings.write(digit, rng) for digit in digits], rng)


def write(pen_digits: Sequence[tuple[str, list[Points]]], rng: np.random.Generator) -> Sample:
    """A number of digits that people wrote separately."""
    chosen = [pen_digits[index] for index in rng.integers(len(pen_digits), size=rng.integers(2, 7))]
    return written("".join(label for label, _ in chosen), [strokes for _, strokes in chosen], rng)


def written(number: str, digits: Sequence[Sequence[Points]], rng: np.random.Generator) -> Sample:
    """Draw digits, given as strokes, beside each other."""
    arranged = strings.arrange_strokes(digits, rng)
    placed = []
    for digit in arranged.digits:
        alone = strings.draw(digit, arranged.pen_px, arranged.size)
        box = ink_box(alone > 0)
        placed.append(strings.Placed(cut_out(alone, box), box[0], box[2]))
    flat = [stroke for digit in arranged.digits for stroke in digit]
    return Sample(number, strings.draw(flat, arranged.pen_px, arranged.size), placed, flat)


def pen_file(folder: Path | None) -> Path | None:
    """The file of real pen strokes, or None."""
    folders = Settings.from_environment(pen_dir=folder).pen_dirs()
    return next((each / PEN_FILE for each in folders if (each / PEN_FILE).is_file()), None)


def read_pen_digits(file: Path) -> list[tuple[str, list[Points]]]:
    """The label and strokes of each digit."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [(str(entry["label"]), [np.array(stroke, float) for stroke in entry["strokes"]]) for entry in entries]


def score(recogniser: Recogniser, samples: Sequence[Sample], *, use_strokes: bool) -> dict[str, Any]:
    """Read a set and count the right numbers."""
    started = time.perf_counter()
    readings = [recogniser.read_number(each.picture, each.strokes if use_strokes else None) for each in samples]
    elapsed_s = time.perf_counter() - started
    pairs = list(zip(samples, readings, strict=True))
    right = [reading.number == sample.number for sample, reading in pairs]
    found = [is_found(sample, reading) for sample, reading in pairs]
    plain = [reading.verdict is NumberVerdict.NUMBER for reading in readings]
    touching = [hit for hit, sample in zip(right, samples, strict=True) if sample.touches]
    low, high = wilson_interval(sum(right), len(right))
    return {
        "numbers": len(samples),
        "right": sum(right),
        "interval_95": (round(low, 4), round(high, 4)),
        "found": sum(found),
        "wrong_by_grouping": sum(not hit and not box for hit, box in zip(right, found, strict=True)),
        "wrong_by_reading": sum(not hit and box for hit, box in zip(right, found, strict=True)),
        "ceiling": sum(reads_alone(recogniser, sample) for sample in samples),
        "overlapping": len(touching),
        "overlapping_right": sum(touching),
        "called_plain": sum(plain),
        "plain_but_wrong": sum(sure and not hit for sure, hit in zip(plain, right, strict=True)),
        "mean_confidence": round(float(np.mean([reading.confidence for reading in readings])), 4),
        "ms_a_number": round(elapsed_s / len(samples) * 1000, 2),
    }


def is_found(sample: Sample, reading: NumberReading) -> bool:
    """Whether every digit was found at its place, and nothing else."""
    boxes = [digit.box for digit in reading.digits]
    return len(boxes) == len(sample.placed) and all(
        overlap(box, digit.box) >= SAME_BOX for box, digit in zip(boxes, sample.placed, strict=True)
    )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def reads_alone(recogniser: Recogniser, sample: Sample) -> bool:
    """Whether every digit is read right when it stands alone."""
    readings = [recogniser.read(np.pad(digit.ink, 4)) for digit in sample.placed]
    return "".join(str(reading.prediction) for reading in readings) == sample.number


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures for people."""
    heads = ("right", "found", "ceiling", "wrong_by_grouping", "wrong_by_reading", "plain_but_wrong")
    lines = [f"{'':26}{'numbers':>8}" + "".join(f"{head.replace('_', ' '):>19}" for head in heads)]
    for name, figures in results.items():
        count = figures["numbers"]
        lines.append(f"{name:26}{count:>8}" + "".join(f"{figures[head] / count:>19.2%}" for head in heads))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
