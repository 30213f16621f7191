"""What the suite measures: pictures through the whole recogniser -> rows of the table.

A measure is a function of a `Bench`; MEASURES has them in the order of the
table.  Every picture is made from a seed of its own (measure, number), so that
a part of a measure is a part of the same pictures.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Doubles, Mask
from mnist_classifier.core.metrics import auroc, auroc_interval, expected_calibration_error, wilson_interval
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.pen_digits import PenCharacter, PenSets
from mnist_classifier.evaluation.robustness import strings
from mnist_classifier.evaluation.robustness.corruptions import CORRUPTIONS
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.evaluation.robustness.non_digits import NON_DIGITS, two_digits
from mnist_classifier.evaluation.robustness.photographs import photograph, photograph_crop
from mnist_classifier.evaluation.robustness.report import Goal, Row
from mnist_classifier.recognition.recogniser import Recogniser

SEED = 2019  # the year of MNIST-C; changing it changes every picture
PEN_WIDTHS_PX = (10, 18, 28)
# The page's own pen (web/static/js/pad/strokes.js, PEN_WIDTH).
USUAL_PEN_PX = 18
# So many pictures of each family without digits: at the goal of 2 %, a 95 % interval of 1.3 to 3.1 %.
NON_DIGIT_PICTURES = 1000
PHOTOGRAPHS = 1000
# Of each corruption; several of them go the slow way of photographs.
CORRUPTED = 2000
NUMBERS = 1000
BOOTSTRAP_SAMPLES = 200

PEN_MEAN_GOAL, PEN_WIDTH_GOAL, STYLED_DIGIT_GOAL = Goal(0.99), Goal(0.985), Goal(0.98)
AUROC_GOAL, CHARACTERS_GOAL, NON_DIGIT_GOAL = Goal(0.995), Goal(0.05, at_most=True), Goal(0.02, at_most=True)
PHOTOGRAPHS_GOAL, STRINGS_GOAL, PEN_STRINGS_GOAL = Goal(0.97), Goal(0.98), Goal(0.97)
CORRUPTIONS_MEAN_GOAL, CORRUPTIONS_WORST_GOAL, ECE_GOAL = Goal(0.97), Goal(0.90), Goal(0.005, at_most=True)
# Lower end of the 95 % interval of the best recipe's mean: `standard`, 99.64 ± 0.03 %, 3 seeds (docs/training.md).
MNIST_GOAL = Goal(0.9957)
# Slashed zeros, ones with hook or foot, crossed sevens.
STYLED_DIGITS = {0: "zeros", 1: "ones", 7: "sevens"}

Progress: TypeAlias = Callable[[str], None]


def digit_score(reading: Reading) -> float:
    """How much a picture looks like a digit to the model, 0 to 1: what separates digits from the rest.

    The probability of being a digit, whichever it is; nothing drawn is 0.  A
    model that knows digits alone says nothing of that: there it is the
    probability of the likeliest.
    """
    if reading.verdict is Verdict.BLANK:
        return 0.0
    return 1 - reading.not_a_digit if reading.not_a_digit else reading.confidence


@dataclass(frozen=True, eq=False)
class Answers:
    """Readings of N pictures, and the digits that they show."""

    readings: Sequence[Reading]
    labels: npt.NDArray[np.int64]

    @cached_property
    def hits(self) -> Mask:
        """(N,) where the right digit was given; none given is not right."""
        hits: Mask = np.array([-1 if r.prediction is None else r.prediction for r in self.readings]) == self.labels
        return hits

    @cached_property
    def likeliest_hits(self) -> Mask:
        """(N,) where the right digit was the likeliest, whatever the verdict."""
        hits: Mask = np.array([np.argmax(r.probabilities) for r in self.readings]) == self.labels
        return hits


def accepted(readings: Sequence[Reading]) -> Mask:
    """(N,) where the verdict was `digit`: neither ambiguous nor refused."""
    return np.array([r.verdict is Verdict.DIGIT for r in readings], bool)


@dataclass(eq=False)
class Bench:
    """What measures work with; what several of them need is read once.

    limit: so many pictures a row at most; on_part: told the name of each part
    before it is read.
    """

    recogniser: Recogniser
    digits: Images
    pen: PenSets | None = None
    limit: int | None = None
    on_part: Progress = field(default=lambda name: None)

    def read(self, name: str, pictures: Iterable[Bytes]) -> list[Reading]:
        """Read pictures; they may be made while they are read."""
        self.on_part(name)
        return self.recogniser.read_many(pictures)

    def chosen(self, count: int) -> npt.NDArray[np.int64]:
        """Which of `count` things to measure with: all, or `limit` drawn once and for all."""
        order = np.argsort(np.random.PCG64(SEED).random_raw(count), kind="stable")
        return np.sort(order[: self.limit]).astype(np.int64)

    @cached_property
    def mnist_rows(self) -> npt.NDArray[np.int64]:
        """The MNIST images to measure with."""
        return self.chosen(len(self.digits.labels))

    @cached_property
    def mnist(self) -> Answers:
        """What the model says of MNIST images as they are."""
        readings = self.read("MNIST", (self.digits.images[i] for i in self.mnist_rows))
        return Answers(readings, self.digits.labels[self.mnist_rows].astype(np.int64))

    @cached_property
    def pen_answers(self) -> dict[int, Answers]:
        """What it says of the pen digits, by the pen's width."""
        assert self.pen is not None
        rows, digits = self.chosen(len(self.pen.digits)), self.pen.digits
        labels = np.array([int(digits[i].label) for i in rows], np.int64)
        return {
            width: Answers(self.read(f"pen digits, {width} px", _drawn("digits", digits, rows, width)), labels)
            for width in PEN_WIDTHS_PX
        }

    def numbers(
        self, name: str, make: Callable[[np.random.Generator], tuple[str, Bytes, list[strings.Points]]]
    ) -> Mask:
        """(N,) where a number was read right; `make` gives what was written, its picture and its strokes."""
        self.on_part(name)
        hits = []
        for i in range(min(NUMBERS, self.limit or NUMBERS)):
            written, picture, strokes = make(rng_of(name, i))
            hits.append(self.recogniser.read_number(picture, strokes).number == written)
        return np.array(hits)

    def pen_hits(self) -> Mask:
        """(widths, N) where a pen digit was read right."""
        return np.stack([answers.hits for answers in self.pen_answers.values()])


def rng_of(name: str, index: int) -> np.random.Generator:
    """The random generator of one picture."""
    return np.random.default_rng((SEED, zlib.crc32(name.encode()), int(index)))


def _drawn(name: str, characters: Sequence[PenCharacter], rows: Iterable[int], width: int) -> Iterable[Bytes]:
    for i in rows:
        yield draw(characters[i].strokes, pen_px=width, rng=rng_of(f"{name} {width}", i))


# --- rows -------------------------------------------------------------------------------------------


def share(id: str, title: str, hits: Mask, goal: Goal | None = None) -> Row:
    """The part of (N,) pictures, or of (K, N): the same N things pictured in K ways.

    The K pictures of one thing are alike, so the interval counts as many
    independent pictures as explain the spread between the N things.
    """
    pictures = np.atleast_2d(hits)
    mean, things = float(pictures.mean()), pictures.shape[1]
    variance = float(pictures.mean(axis=0).var()) / things
    independent = mean * (1 - mean) / variance if variance > 0 else things
    return Row(id, title, pictures.size, mean, wilson_interval(mean * independent, independent), goal)


def calibration(id: str, title: str, confidences: Doubles, hits: Mask, goal: Goal) -> Row:
    """The calibration error over (K, N) pictures of N things.

    Resamples of a set have larger errors than the set, so only their spread
    is used: measured ± 1.96 standard deviations of the bootstrap.
    """
    measured = expected_calibration_error(confidences.ravel(), hits.ravel())
    rng, things = rng_of(id, 0), hits.shape[1]
    resampled = []
    for _ in range(BOOTSTRAP_SAMPLES):
        rows = rng.integers(0, things, things)
        resampled.append(expected_calibration_error(confidences[:, rows].ravel(), hits[:, rows].ravel()))
    margin = 1.96 * float(np.std(resampled))
    return Row(id, title, hits.size, measured, (max(0.0, measured - margin), min(1.0, measured + margin)), goal)


# --- measures ---------------------------------------------------------------------------------------


def pen_digits(bench: Bench) -> list[Row]:
    """Digits that people wrote with a pen, drawn on the page's canvas with three widths."""
    hits, labels = bench.pen_hits(), bench.pen_answers[USUAL_PEN_PX].labels
    rows = [
        share(f"pen_digits.{width}px", f"pen digits, pen {width} px", hits[i], PEN_WIDTH_GOAL)
        for i, width in enumerate(PEN_WIDTHS_PX)
    ]
    rows.append(share("pen_digits.mean", "pen digits, mean of the widths", hits, PEN_MEAN_GOAL))
    for digit, name in STYLED_DIGITS.items():
        of_digit = hits[:, labels == digit]
        if of_digit.size:
            rows.append(share(f"pen_digits.{name}", f"pen digits, {name}", of_digit, STYLED_DIGIT_GOAL))
    return rows


def pen_characters(bench: Bench) -> list[Row]:
    """Letters and signs that are no look-alikes: how well they are told from MNIST digits."""
    assert bench.pen is not None
    characters = bench.pen.non_digits
    rows = bench.chosen(len(characters))
    readings = bench.read("pen characters", _drawn("characters", characters, rows, USUAL_PEN_PX))
    scores = np.array([digit_score(r) for r in readings])
    digit_scores = np.array([digit_score(r) for r in bench.mnist.readings])
    area = auroc(digit_scores, scores)
    threshold = np.quantile(digit_scores, 0.01, method="higher")
    return [
        Row(
            "characters.auroc",
            "pen characters against MNIST, AUROC",
            len(scores),
            area,
            auroc_interval(area, len(digit_scores), len(scores)),
            AUROC_GOAL,
        ),
        share(
            "characters.accepted_at_1",
            "pen characters accepted, 1 % of MNIST rejected",
            scores >= threshold,
            CHARACTERS_GOAL,
        ),
        share("characters.accepted", "pen characters accepted as digits", accepted(readings)),
    ]


def non_digits(bench: Bench) -> list[Row]:
    """Generated pictures without a digit, and with two: what is accepted at the model's own thresholds."""
    count = min(NON_DIGIT_PICTURES, bench.limit or NON_DIGIT_PICTURES)
    families = {name: _generated(name, count) for name in NON_DIGITS}
    families["two_digits"] = _pairs(bench.digits.images, count)
    return [
        share(
            f"non_digits.{name}",
            f"{name.replace('_', ' ')} accepted as digits",
            accepted(bench.read(name.replace("_", " "), pictures)),
            NON_DIGIT_GOAL,
        )
        for name, pictures in families.items()
    ]


def _generated(name: str, count: int) -> Iterable[Bytes]:
    for i in range(count):
        yield NON_DIGITS[name](rng_of(name, i))


def _pairs(images: Bytes, count: int) -> Iterable[Bytes]:
    for i in range(count):
        rng = rng_of("two_digits", i)
        first, second = rng.integers(0, len(images), 2)
        yield two_digits(images[first], images[second], rng)


def mnist(bench: Bench) -> list[Row]:
    """MNIST images as they are."""
    return [share("mnist.accuracy", "MNIST", bench.mnist.hits, MNIST_GOAL)]


def corruptions(bench: Bench) -> list[Row]:
    """MNIST images, corrupted in fifteen ways; mean and worst have goals."""
    rows = bench.mnist_rows[:CORRUPTED]
    images, labels = bench.digits.images, bench.digits.labels[rows].astype(np.int64)
    hits = {}
    for name, corrupt in CORRUPTIONS.items():
        pictures = (corrupt(images[i], rng_of(name, i)) for i in rows)
        hits[name] = Answers(bench.read(name.replace("_", " "), pictures), labels).hits
    shares = [share(f"corruptions.{name}", f"MNIST, {name.replace('_', ' ')}", h) for name, h in hits.items()]
    worst = min(hits, key=lambda name: float(hits[name].mean()))
    return [
        *shares,
        share("corruptions.mean", "MNIST corrupted, mean of 15", np.stack(list(hits.values())), CORRUPTIONS_MEAN_GOAL),
        share("corruptions.worst", "MNIST corrupted, worst of 15", hits[worst], CORRUPTIONS_WORST_GOAL),
    ]


def photographs(bench: Bench) -> list[Row]:
    """MNIST digits on paper, photographed: shadows, ruled lines, coloured ink, tilt."""
    rows = bench.mnist_rows[:PHOTOGRAPHS]
    pictures = (photograph(bench.digits.images[i], rng_of("photographs", i)) for i in rows)
    answers = Answers(bench.read("photographs", pictures), bench.digits.labels[rows].astype(np.int64))
    return [share("photographs", "photographs of MNIST digits", answers.hits, PHOTOGRAPHS_GOAL)]


def crops(bench: Bench) -> list[Row]:
    """The same, cut out along the digit: forms, cheques and registers come so."""
    rows = bench.mnist_rows[:PHOTOGRAPHS]
    pictures = (photograph_crop(bench.digits.images[i], rng_of("crops", i)) for i in rows)
    answers = Answers(bench.read("crops", pictures), bench.digits.labels[rows].astype(np.int64))
    return [share("crops", "photographs cropped tightly", answers.hits)]


def mnist_strings(bench: Bench) -> list[Row]:
    """Numbers of 2 to 6 MNIST digits: all of them right, in their order."""
    images, labels = bench.digits.images, bench.digits.labels

    def one(rng: np.random.Generator) -> tuple[str, Bytes, list[strings.Points]]:
        chosen = rng.integers(len(labels), size=rng.integers(2, 7))
        return "".join(map(str, labels[chosen])), strings.compose(images[chosen], rng), []

    return [share("strings.mnist", "numbers of MNIST digits, all right", bench.numbers("numbers", one), STRINGS_GOAL)]


def pen_strings(bench: Bench) -> list[Row]:
    """Numbers of 2 to 6 pen digits, drawn on a wide canvas, the strokes sent along as the page does."""
    assert bench.pen is not None
    digits = bench.pen.digits

    def one(rng: np.random.Generator) -> tuple[str, Bytes, list[strings.Points]]:
        chosen = [digits[i] for i in rng.integers(len(digits), size=rng.integers(2, 7))]
        picture, strokes = strings.compose_strokes([each.strokes for each in chosen], rng)
        return "".join(each.label for each in chosen), picture, strokes

    hits = bench.numbers("numbers of pen digits", one)
    return [share("strings.pen", "numbers of pen digits, all right", hits, PEN_STRINGS_GOAL)]


def pen_calibration(bench: Bench) -> list[Row]:
    """Whether confidences on pen digits are honest, over all widths, refused ones included."""
    answers = bench.pen_answers.values()
    confidences = np.array([[max(r.probabilities) for r in a.readings] for a in answers])
    hits = np.stack([a.likeliest_hits for a in answers])
    return [calibration("pen_digits.ece", "pen digits, calibration error", confidences, hits, ECE_GOAL)]


def mnist_accepted(bench: Bench) -> list[Row]:
    """What caution costs: MNIST digits that get the verdict `digit`."""
    return [share("mnist.accepted", "MNIST accepted as digits", accepted(bench.mnist.readings))]


def pen_accepted(bench: Bench) -> list[Row]:
    """The same of the pen digits, over all widths."""
    hits = np.stack([accepted(answers.readings) for answers in bench.pen_answers.values()])
    return [share("pen_digits.accepted", "pen digits accepted as digits", hits)]


@dataclass(frozen=True)
class Measure:
    """A measure, whether it needs the pen sets, and into how many parts it is read."""

    make: Callable[[Bench], list[Row]]
    parts: int
    needs_pen: bool = False


# In the order of the table; `parts` are those that no measure before has read.
MEASURES: dict[str, Measure] = {
    "pen digits": Measure(pen_digits, len(PEN_WIDTHS_PX), needs_pen=True),
    "pen characters": Measure(pen_characters, 2, needs_pen=True),
    "pictures without a digit": Measure(non_digits, len(NON_DIGITS) + 1),
    "MNIST": Measure(mnist, 0),
    "corruptions": Measure(corruptions, len(CORRUPTIONS)),
    "photographs": Measure(photographs, 1),
    "crops": Measure(crops, 1),
    "numbers": Measure(mnist_strings, 1),
    "numbers of pen digits": Measure(pen_strings, 1, needs_pen=True),
    "calibration on pen digits": Measure(pen_calibration, 0, needs_pen=True),
    "MNIST accepted": Measure(mnist_accepted, 0),
    "pen digits accepted": Measure(pen_accepted, 0, needs_pen=True),
}
