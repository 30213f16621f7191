"""Everything that the measures need: the model, the pictures, and readings that several measures use.

Each picture has its own random generator, seeded with the measure and the picture's number, so that a run with a
limit reads some of the same pictures.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from mnist_classifier.core.arrays import Bytes, Integers, Mask
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.pen_digits import PenCharacter, PenSets
from mnist_classifier.evaluation.robustness.drawing import Points, draw
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare
from mnist_classifier.recognition.numbers.several import lightened
from mnist_classifier.recognition.recogniser import Recogniser

SEED = 2019  # the year of MNIST-C; another seed changes every picture
PEN_WIDTHS_PX = (10, 18, 28)
# How many numbers of several digits to read.
NUMBERS = 1000

Progress: TypeAlias = Callable[[str], None]
# The digits written, their picture, and their pen strokes if there are any.
Number: TypeAlias = "tuple[str, Bytes, list[Points]]"


def digit_score(reading: Reading) -> float:
    """The model's score that a picture shows a digit, 0 to 1.

    The probability of being any digit; 0 for a blank picture.  For a model without an eleventh class, it is the
    probability of the most likely digit.
    """
    if reading.verdict is Verdict.BLANK:
        return 0.0
    return 1 - reading.not_a_digit if reading.not_a_digit else reading.confidence


@dataclass(frozen=True, eq=False)
class Answers:
    """Readings of N pictures, and their labels."""

    readings: Sequence[Reading]
    labels: Integers

    @cached_property
    def hits(self) -> Mask:
        """(N,) true where the prediction is right; a refused picture is wrong."""
        hits: Mask = np.array([-1 if r.prediction is None else r.prediction for r in self.readings]) == self.labels
        return hits

    @cached_property
    def likeliest_hits(self) -> Mask:
        """(N,) true where the most likely digit is right, whatever the verdict."""
        hits: Mask = np.array([np.argmax(r.probabilities) for r in self.readings]) == self.labels
        return hits


def accepted(readings: Sequence[Reading]) -> Mask:
    """(N,) true where the verdict is `digit`: neither ambiguous nor refused."""
    return np.array([r.verdict is Verdict.DIGIT for r in readings], bool)


@dataclass(eq=False)
class Bench:
    """The model, the data, and the readings that several measures need.

    limit: most pictures for one row of the table.  on_part: called with the name of each set of pictures before the
    model reads it.  prepared: shared with the bench of another model, so that the same pictures are prepared once.
    """

    recogniser: Recogniser
    digits: Images
    pen: PenSets | None = None
    limit: int | None = None
    on_part: Progress = field(default=lambda name: None)
    prepared: dict[str, list[Prepared]] | None = None

    def read(self, name: str, pictures: Iterable[Bytes]) -> list[Reading]:
        """Read pictures, which may come from a generator.  The measures look at verdicts, not at every warning."""
        self.on_part(name)
        if self.prepared is None:
            return self.recogniser.read_many(pictures, all_hints=False)
        if name not in self.prepared:
            self.prepared[name] = [lightened(prepare(each)) for each in pictures]
        return self.recogniser.read_many_prepared(self.prepared[name], all_hints=False)

    def chosen(self, count: int) -> Integers:
        """Rows to measure with, out of `count`: all of them, or always the same `limit`."""
        order = np.argsort(np.random.PCG64(SEED).random_raw(count), kind="stable")
        return np.sort(order[: self.limit]).astype(np.int64)

    @cached_property
    def mnist_rows(self) -> Integers:
        """Rows of the MNIST images to measure with."""
        return self.chosen(len(self.digits.labels))

    @cached_property
    def mnist(self) -> Answers:
        """Readings of unchanged MNIST images."""
        readings = self.read("MNIST", (self.digits.images[i] for i in self.mnist_rows))
        return Answers(readings, self.digits.labels[self.mnist_rows].astype(np.int64))

    def changed_mnist(self, name: str, change: Callable[[Bytes, np.random.Generator], Bytes], count: int) -> Answers:
        """Readings of up to `count` MNIST images after `change`."""
        rows = self.mnist_rows[:count]
        pictures = (change(self.digits.images[i], rng_of(name, i)) for i in rows)
        return Answers(self.read(name.replace("_", " "), pictures), self.digits.labels[rows].astype(np.int64))

    @cached_property
    def pen_answers(self) -> dict[int, Answers]:
        """Readings of the pen digits, by the pen's width."""
        assert self.pen is not None
        rows, digits = self.chosen(len(self.pen.digits)), self.pen.digits
        labels = np.array([int(digits[i].label) for i in rows], np.int64)
        return {
            width: Answers(self.read(f"pen digits, {width} px", drawn("digits", digits, rows, width)), labels)
            for width in PEN_WIDTHS_PX
        }

    def numbers(self, name: str, make: Callable[[np.random.Generator], Number]) -> Mask:
        """(N,) true where a whole number is read right."""
        self.on_part(name)
        hits = []
        for i in range(min(NUMBERS, self.limit or NUMBERS)):
            written, picture, strokes = make(rng_of(name, i))
            hits.append(self.recogniser.read_number(picture, strokes).number == written)
        return np.array(hits)

    def pen_hits(self) -> Mask:
        """(widths, N) true where a pen digit is read right."""
        return np.stack([answers.hits for answers in self.pen_answers.values()])


def rng_of(name: str, index: int) -> np.random.Generator:
    """The random generator of one picture."""
    return np.random.default_rng((SEED, zlib.crc32(name.encode()), int(index)))


def drawn(name: str, characters: Sequence[PenCharacter], rows: Iterable[int], width: int) -> Iterable[Bytes]:
    """Draw the characters of these rows with a pen of this width, px."""
    for i in rows:
        yield draw(characters[i].strokes, pen_px=width, rng=rng_of(f"{name} {width}", i))
