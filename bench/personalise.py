"""How much a person's own examples help, and what they cost everybody else.

    python bench/personalise.py                    # the model in the box, test writers
    python bench/personalise.py --split validation # to choose settings
    python bench/personalise.py --models FOLDER    # another model version's folder

Writers of the pen sets with enough digits: some are examples, drawn with the usual pen and learned; the others,
drawn with three pens, are tested.  The examples are the first N digits, and then random ones, twice.  A writer is
measured as written, and the quarter of writers read worst also turned, slanted and flattened, because the model
misreads few digits as they were written.
Zeros that show several zeros are left out.  An answer is wrong if the likeliest digit is wrong or the picture is
refused.  It is wrong and sure if the verdict is `digit`.  The quarter of writers read worst is chosen by the
model version's own errors on the tested digits.  Besides: all MNIST test images, the other writers of the split,
and letters and signs, each with every personal model of the first N digits as written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.arrays import Bytes, Floats, Indices, Integers, Mask
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.data.pen_digits import PenCharacter
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness.bench import PEN_WIDTHS_PX, drawn
from mnist_classifier.learning.personal import FeatureNetwork, Learner
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser, softmax
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes
from personal.tallies import Tally, costs, of_choices, summary, table, worst_quarter

BOX = Path(__file__).parent.parent / "src" / "mnist_classifier" / "pretrained"
EXAMPLES = (10, 20, 50)
CHOICES = 3
# A writer needs this many digits besides the examples.
FEWEST_TESTED = 10
PENS, USUAL_PEN = len(PEN_WIDTHS_PX), 1  # index of the page's pen in PEN_WIDTHS_PX
# The model's answers for letters and signs: rates among these many.
CHARACTERS = 600
AS_WRITTEN = "as written"
_TURN = np.array([[np.cos(np.pi / 9), np.sin(np.pi / 9)], [-np.sin(np.pi / 9), np.cos(np.pi / 9)]])
STYLES = {
    AS_WRITTEN: np.eye(2),
    "turned left": _TURN,
    "turned right": _TURN.T,
    "slanted left": np.array([[1, 0.6], [0, 1]]),
    "slanted right": np.array([[1, -0.6], [0, 1]]),
    "flat": np.array([[1, 0], [0, 0.5]]),
}


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network makes of glyphs: logits, features, and the labels if they are digits."""

    logits: Floats
    features: Floats
    labels: Integers


@dataclass(frozen=True, eq=False)
class Faults:
    """(N,) bool each: wrong or refused; wrong without a doubt; read as a digit without a doubt."""

    wrong: Mask
    wrong_and_sure: Mask
    sure: Mask


class Measurement:
    """One model version and everything that it reads."""

    def __init__(self, folder: Path, split: str, settings: Settings, limit: int | None) -> None:
        self.manifest = read_manifest(folder)
        onnx_bytes = verified_bytes(folder, ONNX_FILE, self.manifest)
        self.recogniser, self.network = Recogniser(onnx_bytes, self.manifest), FeatureNetwork(onnx_bytes)
        self.learner = Learner.of(self.network)
        pen = pen_digits.load(settings.pen_dirs()).of_split(split)
        digits = [digit for digit in pen.digits if not shows_several_zeros(digit)]
        self.left_out = len(pen.digits) - len(digits)
        self.writers = np.array([digit.writer for digit in digits])
        labels = np.repeat([int(digit.label) for digit in digits], PENS)
        self.glyphs = {name: _glyphs(digits, change) for name, change in STYLES.items()}  # (N, 3, 28, 28) each
        self.digits = {name: self._see(each.reshape(-1, 28, 28), labels) for name, each in self.glyphs.items()}
        signs = pen.non_digits[:CHARACTERS]
        pictures = list(map(_glyph, drawn("characters", signs, range(len(signs)), PEN_WIDTHS_PX[USUAL_PEN])))
        self.characters = self._see(np.stack(pictures), np.full(len(signs), -1))
        mnist = load_split(settings.data_dirs(), split)
        self.mnist = self._see(mnist.images[:limit], mnist.labels[:limit].astype(np.int64))
        self.base = {name: self.faults(each) for name, each in self.digits.items()}
        self.base_mnist, self.base_characters = self.faults(self.mnist), self.faults(self.characters)

    def _see(self, glyphs: Bytes, labels: Integers) -> Seen:
        return Seen(*self.network.look_many(glyphs), labels)

    def faults(self, seen: Seen, weights: Floats | None = None) -> Faults:
        """The faults in reading, with a personal model's weights or without."""
        logits = seen.logits if weights is None else seen.logits + seen.features @ weights
        opinions = softmax(logits[:, :10] / np.float32(self.recogniser.temperature))
        refusals = softmax(logits)[:, 10] if logits.shape[1] > 10 else np.zeros(len(logits))
        verdicts = [
            self.recogniser.thresholds.verdict(float(p), float(q))
            for p, q in zip(opinions.max(axis=1), refusals, strict=True)
        ]
        sure = np.array([verdict is Verdict.DIGIT for verdict in verdicts])
        refused = np.array([verdict is Verdict.NOT_A_DIGIT for verdict in verdicts])
        differs = opinions.argmax(axis=1) != seen.labels
        return Faults(differs | refused, differs & sure, sure)

    def of_examples(self, count: int) -> dict[str, Any] | None:
        """Personal models of `count` examples for every writer with enough digits; None without writers."""
        people = self._people(count, choice=0)
        if not people:
            return None
        first = self._tally(AS_WRITTEN, count, people, with_costs=True)
        worst = {style: [self._of_worst(style, count, choice) for choice in range(CHOICES)] for style in STYLES}
        as_written = of_choices([worst.pop(AS_WRITTEN)])
        return {**summary(first), **costs(first), "as_written": as_written, "distorted": of_choices([*worst.values()])}

    def _people(self, count: int, choice: int) -> list[Indices]:
        """Of each writer with enough digits the rows of those, examples first."""
        found = []
        for number, writer in enumerate(sorted(set(self.writers.tolist()))):
            rows = np.flatnonzero(self.writers == writer)
            if len(rows) >= count + FEWEST_TESTED:
                found.append(np.random.default_rng((number, choice)).permutation(rows) if choice else rows)
        return found

    def _of_worst(self, style: str, count: int, choice: int) -> Tally:
        """The tally of the quarter of writers that the model version reads worst."""
        people, wrong = self._people(count, choice), self.base[style].wrong
        shares = [float(wrong[_pictures(rows[count:])].mean()) for rows in people]
        return self._tally(style, count, [people[row] for row in worst_quarter(shares)])

    def _tally(self, style: str, count: int, people: Sequence[Indices], *, with_costs: bool = False) -> Tally:
        tally, digits, before = Tally(), self.digits[style], self.base[style]
        for rows in people:
            labels = digits.labels[_pictures(rows[:count])][::PENS]
            started = time.perf_counter()
            weights = self.learner.fit(self.glyphs[style][rows[:count], USUAL_PEN], labels).weights
            tally.fit_s.append(time.perf_counter() - started)
            tested = _pictures(rows[count:])
            after = self.faults(Seen(digits.logits[tested], digits.features[tested], digits.labels[tested]), weights)
            tally.before.append(int(before.wrong[tested].sum()))
            tally.after.append(int(after.wrong.sum()))
            tally.tested.append(len(tested))
            tally.sure.append((int(before.wrong_and_sure[tested].sum()), int(after.wrong_and_sure.sum())))
            if with_costs:
                others = np.setdiff1d(np.arange(len(digits.labels)), _pictures(rows))
                self._add_costs(tally, others, weights)
        return tally

    def _add_costs(self, tally: Tally, others: Indices, weights: Floats) -> None:
        before = self.base[AS_WRITTEN]
        digits, mnist, signs = (
            self.faults(each, weights) for each in (self.digits[AS_WRITTEN], self.mnist, self.characters)
        )
        tally.mnist.append(float(mnist.wrong.mean() - self.base_mnist.wrong.mean()))
        tally.others.append(float(digits.wrong[others].mean() - before.wrong[others].mean()))
        sure = digits.wrong_and_sure[others].mean() - before.wrong_and_sure[others].mean()
        tally.others_sure.append(float(sure))
        tally.characters.append(float(signs.sure.mean() - self.base_characters.sure.mean()))


def _pictures(rows: Indices) -> Indices:
    """The rows of the pictures of these digits, which are drawn with each pen."""
    return (rows[:, None] * PENS + np.arange(PENS)).ravel()


def shows_several_zeros(digit: PenCharacter) -> bool:
    """Whether a wide picture labelled 0 crosses its middle line four times or more, as 00 and 000 do."""
    if digit.label != "0":
        return False
    points = np.concatenate(digit.strokes)
    width, height = np.ptp(points, axis=0)
    middle = (points[:, 1].min() + points[:, 1].max()) / 2
    crossings = sum(int(np.count_nonzero(np.diff(stroke[:, 1] > middle))) for stroke in digit.strokes)
    return bool(width > 1.5 * height) and crossings >= 4


def _glyphs(digits: Sequence[PenCharacter], change: Floats) -> Bytes:
    """Draw changed digits with each pen: (N, 3, 28, 28)."""
    changed = [replace(digit, strokes=tuple(stroke @ change.T for stroke in digit.strokes)) for digit in digits]
    by_pen = [list(map(_glyph, drawn("digits", changed, range(len(changed)), width))) for width in PEN_WIDTHS_PX]
    return np.stack(by_pen, axis=1)


def _glyph(picture: Bytes) -> Bytes:
    glyph = make_glyph(picture)
    assert glyph is not None
    return glyph


def measure(folder: Path, split: str, settings: Settings, limit: int | None = None) -> dict[str, Any]:
    """Measure one model version.  limit: MNIST images."""
    measurement = Measurement(folder, split, settings, limit)
    found = {count: measurement.of_examples(count) for count in EXAMPLES}
    return {
        "model": measurement.manifest["name"],
        "split": split,
        "mnist_images": len(measurement.mnist.labels),
        "characters": len(measurement.characters.labels),
        "several_zeros_left_out": measurement.left_out,
        "examples": {str(count): figures for count, figures in found.items() if figures},
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--models", type=Path, default=BOX, help="folder of a model version")
    parser.add_argument("--limit", type=int, help="MNIST images")
    parser.add_argument("--name", default="personalise", help="name of the result")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options.models, options.split, Settings.from_environment(), options.limit)
    write_result(options.name, {**machine(), **result}, table=table(result), folder=options.results)


if __name__ == "__main__":
    main()
