"""How much a person's own examples help, and what they cost everybody else.

    python bench/personalise.py                    # the model in the box, test writers
    python bench/personalise.py --split validation # to choose settings
    python bench/personalise.py --models FOLDER    # another model version's folder

Writers of the pen sets with enough digits: the first N examples, drawn with the usual pen, are learned; the
others, drawn with three pens, are tested.  An answer is wrong if the likeliest digit is wrong or the picture is
refused.  It is wrong and sure if the verdict is `digit`.  The quarter of writers read worst is chosen by the
model version's own errors on the tested digits.  Besides: all MNIST test images, the other writers of the split,
and letters and signs, each with every personal model.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.arrays import Bytes, Floats, Integers, Mask
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness.bench import PEN_WIDTHS_PX, drawn
from mnist_classifier.learning.personal import FeatureNetwork, Learner
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser, softmax
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes

BOX = Path(__file__).parent.parent / "src" / "mnist_classifier" / "pretrained"
EXAMPLES = (10, 20, 50)
# A writer needs this many digits besides the examples.
FEWEST_TESTED = 10
USUAL_PEN = 1  # index of the page's pen in PEN_WIDTHS_PX
# The model's answers for letters and signs: rates among these many.
CHARACTERS = 600


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network makes of glyphs: logits, features, and the labels if they are digits."""

    logits: Floats
    features: Floats
    labels: Integers

    def part(self, rows: Any) -> Seen:
        """Some of them."""
        return Seen(self.logits[rows], self.features[rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class Faults:
    """(N,) bool each: wrong or refused; wrong without a doubt; read as a digit without a doubt."""

    wrong: Mask
    wrong_and_sure: Mask
    sure: Mask


@dataclass
class Tally:
    """Counts of one number of examples, one entry for each writer."""

    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    tested: list[int] = field(default_factory=list)
    sure: list[tuple[int, int]] = field(default_factory=list)
    mnist: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    others_sure: list[float] = field(default_factory=list)
    characters: list[float] = field(default_factory=list)
    fit_s: list[float] = field(default_factory=list)


class Measurement:
    """One model version and everything that it reads."""

    def __init__(self, folder: Path, split: str, settings: Settings, limit: int | None) -> None:
        self.manifest = read_manifest(folder)
        onnx_bytes = verified_bytes(folder, ONNX_FILE, self.manifest)
        self.recogniser, self.network = Recogniser(onnx_bytes, self.manifest), FeatureNetwork(onnx_bytes)
        self.learner = Learner.of(self.network)
        pen = pen_digits.load(settings.pen_dirs()).of_split(split)
        self.writers = np.array([digit.writer for digit in pen.digits])
        labels = np.array([int(digit.label) for digit in pen.digits])
        rows = range(len(pen.digits))
        by_pen = [list(map(_glyph, drawn("digits", pen.digits, rows, width))) for width in PEN_WIDTHS_PX]
        self.glyphs = np.stack(by_pen, axis=1)  # (N, 3, 28, 28)
        self.digits = self._see(self.glyphs.reshape(-1, 28, 28), np.repeat(labels, len(PEN_WIDTHS_PX)))
        signs = pen.non_digits[:CHARACTERS]
        pictures = list(map(_glyph, drawn("characters", signs, range(len(signs)), PEN_WIDTHS_PX[USUAL_PEN])))
        self.characters = self._see(np.stack(pictures), np.full(len(signs), -1))
        mnist = load_split(settings.data_dirs(), split)
        self.mnist = self._see(mnist.images[:limit], mnist.labels[:limit].astype(np.int64))

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
        pens, tally = len(PEN_WIDTHS_PX), Tally()
        base = [self.faults(each) for each in (self.digits, self.mnist, self.characters)]
        for writer in sorted(set(self.writers.tolist())):
            rows = np.flatnonzero(self.writers == writer)
            if len(rows) < count + FEWEST_TESTED:
                continue
            labels = self.digits.labels[rows * pens]
            started = time.perf_counter()
            weights = self.learner.fit(self.glyphs[rows[:count], USUAL_PEN], labels[:count]).weights
            tally.fit_s.append(time.perf_counter() - started)
            tested = (rows[count:, None] * pens + np.arange(pens)).ravel()
            others = np.setdiff1d(np.arange(len(self.digits.labels)), (rows[:, None] * pens + np.arange(pens)).ravel())
            digits, mnist, signs = (self.faults(each, weights) for each in (self.digits, self.mnist, self.characters))
            tally.before.append(int(base[0].wrong[tested].sum()))
            tally.after.append(int(digits.wrong[tested].sum()))
            tally.tested.append(len(tested))
            tally.sure.append((int(base[0].wrong_and_sure[tested].sum()), int(digits.wrong_and_sure[tested].sum())))
            tally.mnist.append(float(mnist.wrong.mean() - base[1].wrong.mean()))
            tally.others.append(float(digits.wrong[others].mean() - base[0].wrong[others].mean()))
            tally.others_sure.append(
                float(digits.wrong_and_sure[others].mean() - base[0].wrong_and_sure[others].mean())
            )
            tally.characters.append(float(signs.sure.mean() - base[2].sure.mean()))
        return _summary(tally) if tally.tested else None


def _glyph(picture: Bytes) -> Bytes:
    glyph = make_glyph(picture)
    assert glyph is not None
    return glyph


def _summary(tally: Tally) -> dict[str, Any]:
    before, after, tested = map(np.array, (tally.before, tally.after, tally.tested))
    worst = np.argsort(-before / tested, kind="stable")[: max(1, round(len(tested) / 4))]
    sure = np.array(tally.sure).sum(axis=0).tolist()
    points = {
        name: {"mean": round(100 * float(np.mean(values)), 4), "worst": round(100 * float(np.max(values)), 4)}
        for name, values in (
            ("mnist_error_points", tally.mnist),
            ("other_writers_error_points", tally.others),
            ("other_writers_wrong_and_sure_points", tally.others_sure),
            ("characters_accepted_points", tally.characters),
        )
    }
    return {
        "writers": len(tested),
        "worst_quarter": _errors(before[worst], after[worst], tested[worst]),
        "all_writers": _errors(before, after, tested),
        "writers_with_errors": int((before > 0).sum()),
        "writers_read_worse": int((after > before).sum()),
        "wrong_and_sure": {"before": sure[0], "after": sure[1]},
        **points,
        "fit_s": round(float(np.median(tally.fit_s)), 3),
    }


def _errors(before: Integers, after: Integers, tested: Integers) -> dict[str, Any]:
    factor = round(float(before.sum() / after.sum()), 2) if after.sum() else None
    return {
        "writers": len(tested),
        "tested": int(tested.sum()),
        "errors_before": int(before.sum()),
        "errors_after": int(after.sum()),
        "factor": factor,
    }


def measure(folder: Path, split: str, settings: Settings, limit: int | None = None) -> dict[str, Any]:
    """Measure one model version.  limit: MNIST images."""
    measurement = Measurement(folder, split, settings, limit)
    found = {count: measurement.of_examples(count) for count in EXAMPLES}
    return {
        "model": measurement.manifest["name"],
        "split": split,
        "mnist_images": len(measurement.mnist.labels),
        "characters": len(measurement.characters.labels),
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
    write_result(options.name, {**machine(), **result}, table=_table(result), folder=options.results)


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['model']}, {result['split']} writers, {result['mnist_images']} MNIST images"]
    for count, figures in result["examples"].items():
        for name in ("worst_quarter", "all_writers"):
            part = figures[name]
            lines.append(
                f"{count:>3} examples  {name:13} {part['writers']:3} writers  {part['tested']:5} digits  "
                f"errors {part['errors_before']:3} -> {part['errors_after']:3}  factor {part['factor']}"
            )
        sure = figures["wrong_and_sure"]
        lines.append(f"              wrong and sure {sure['before']} -> {sure['after']}, fit {figures['fit_s']} s")
        lines += [
            f"              {name}: mean {figures[name]['mean']:+.4f}, worst {figures[name]['worst']:+.4f}"
            for name in figures
            if name.endswith("_points")
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
