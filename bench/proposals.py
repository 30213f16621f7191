"""Measure whether labelling proposed readings teaches a model more than labelling others.

    python bench/proposals.py [--trials 20] [--labels 10,30]

The people are the validation writers of the pen strokes.  Half of what each wrote has been read by the model in the
box; the other half shows what it learned.  Of the readings, some get labels: the proposed ones, the most uncertain
ones, or random ones.  Then the last layer is trained on these and on MNIST.  In each trial, the halves, the pens and
the random choices are others.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.metrics import spread
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.data.pen_digits import PenCharacter
from mnist_classifier.data.splits import TRAIN, VALIDATION, load_split
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.learning.proposals import is_uncertain, margin, most_informative
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.training.ensemble import Network, load_network
from mnist_classifier.training.network import predict_logits

PENS_PX = (8, 26)
STEPS, LEARNING_RATE = 100, 3e-3
# MNIST images to train on again, and to show what was forgotten.
REPLAYED, VALIDATED = 3000, 2000
CHOICES = ("proposed", "most uncertain", "random")

Rows = npt.NDArray[np.int64]


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--labels", default="10,30", help="numbers of labels, separated by commas")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)  # the layer is too small for several
    result = measure(options.trials, [int(number) for number in options.labels.split(",")])
    most = statistics.mean(result["misread"])
    rows = [
        f"{statistics.mean(result['uncertain_readings']):.1f} readings were uncertain, {most:.1f} wrong.",
        f"{'labelled':20} {'of them read wrong':>18}  {'MNIST errors':>12}  errors of these people afterwards",
    ]
    for name, row in result["errors"].items():
        wrong = f"{statistics.mean(result['misread_and_labelled'].get(name, [0])):18.1f}"
        rows.append(f"{name:20} {wrong}  {statistics.mean(row['mnist']):12.2%}  {spread(row['people'])}")
    rows += [
        f"fewer errors than random, {name}: {spread(found)}"
        for name, found in result["fewer_errors_than_random"].items()
    ]
    write_result("proposals", result, table="\n".join(rows), folder=options.results)


def measure(trials: int, labels: list[int]) -> dict[str, Any]:
    """The errors after labelling, by the choice and the number of labels."""
    facts, settings = machine(), Settings.from_environment()
    digits = pen_digits.load(settings.pen_dirs()).of_split(VALIDATION).digits
    recogniser, (features, output) = Recogniser.open(PRETRAINED_DIR), parts(load_network(PRETRAINED_DIR))
    replay, validation = (
        examples(features, images.images[:count], images.labels[:count])
        for images, count in (
            (load_split(settings.data_dirs(), TRAIN), REPLAYED),
            (load_split(settings.data_dirs(), VALIDATION), VALIDATED),
        )
    )
    names = ["nothing", *(f"{choice}, {number}" for number in labels for choice in CHOICES)]
    errors: dict[str, dict[str, list[float]]] = {name: {"people": [], "mnist": []} for name in names}
    uncertain: list[int] = []
    misread: dict[str, list[int]] = {name: [] for name in names[1:]}
    misread_of_all: list[int] = []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        glyphs, truths = drawn(digits, rng)
        mixed = rng.permutation(len(glyphs))
        read, unseen = mixed[::2], mixed[1::2]
        chosen = choices(recogniser, glyphs[read], max(labels), rng)
        uncertain.append(chosen.pop("uncertain")[0])
        people = examples(features, glyphs, truths)
        outputs = {"nothing": output}
        is_wrong = recogniser.opinions(glyphs)[:, :10].argmax(axis=1) != truths
        misread_of_all.append(int(is_wrong[read].sum()))
        for number in labels:
            for choice, rows in chosen.items():
                misread[f"{choice}, {number}"].append(int(is_wrong[read[rows[:number]]].sum()))
                outputs[f"{choice}, {number}"] = teach(output, people.of(read[rows[:number]]), replay)
        for name, each in outputs.items():
            errors[name]["people"].append(error(each, people.of(unseen)))
            errors[name]["mnist"].append(error(each, validation))
    return {
        **facts,
        "trials": trials,
        "digits": len(digits),
        "writers": len({digit.writer for digit in digits}),
        "uncertain_readings": uncertain,
        "misread": misread_of_all,
        "misread_and_labelled": misread,
        "errors": errors,
        "fewer_errors_than_random": {
            f"proposed, {number}": [
                other - own
                for other, own in zip(
                    errors[f"random, {number}"]["people"], errors[f"proposed, {number}"]["people"], strict=True
                )
            ]
            for number in labels
        },
    }


def drawn(digits: tuple[PenCharacter, ...], rng: np.random.Generator) -> tuple[Bytes, Rows]:
    """The glyphs (N, 28, 28) of digits, each with a pen of its own, and their labels (N,)."""
    glyphs = [make_glyph(draw(digit.strokes, pen_px=rng.uniform(*PENS_PX), rng=rng)) for digit in digits]
    kept = [row for row, glyph in enumerate(glyphs) if glyph is not None]
    found = np.stack([glyph for glyph in glyphs if glyph is not None])
    return found, np.array([int(digits[row].label) for row in kept], np.int64)


def choices(recogniser: Recogniser, glyphs: Bytes, most: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """The rows that each way would label, best first; and how many readings were uncertain."""
    readings = [recogniser.judge(opinion) for opinion in recogniser.opinions(glyphs)]
    unsure = [row for row, reading in enumerate(readings) if is_uncertain(reading)]
    doubts = np.array([1 - margin(readings[row]) for row in unsure])
    others = [int(row) for row in rng.permutation(len(glyphs))]
    # If there are too few uncertain readings, all ways go on with the same random ones.
    rest = [row for row in others if row not in set(unsure)]
    return {
        "proposed": [unsure[row] for row in most_informative(glyphs[unsure], doubts, most)] + rest,
        "most uncertain": [unsure[row] for row in np.argsort(-doubts, kind="stable")] + rest,
        "random": others,
        "uncertain": [len(unsure)],
    }


@dataclass(frozen=True)
class Examples:
    """What the last layer sees of images, (N, 128), and their labels (N,)."""

    features: Tensor
    labels: Tensor

    def of(self, rows: Rows) -> Examples:
        """Some of them."""
        return Examples(self.features[rows], self.labels[rows])


def parts(network: Network) -> tuple[nn.Module, nn.Linear]:
    """The network without its last layer, and that layer."""
    output = network.output
    assert isinstance(output, nn.Linear)
    network.output = nn.Identity()
    return network, output


def examples(features: nn.Module, glyphs: Bytes, labels: npt.NDArray[Any]) -> Examples:
    """Run all but the last layer."""
    pixels = torch.from_numpy(np.array(glyphs))
    return Examples(predict_logits(features, pixels), torch.from_numpy(labels.astype(np.int64)))


def teach(output: nn.Linear, own: Examples, replay: Examples) -> nn.Linear:
    """Train a copy of the last layer: what people labelled weighs as much as MNIST."""
    taught = copy.deepcopy(output)
    optimizer = torch.optim.Adam(taught.parameters(), lr=LEARNING_RATE)
    for _ in range(STEPS):
        loss = sum((F.cross_entropy(taught(each.features), each.labels) for each in (own, replay)), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return taught


def error(output: nn.Linear, seen: Examples) -> float:
    """The share of images whose likeliest digit is wrong."""
    with torch.no_grad():
        return float((output(seen.features)[:, :10].argmax(dim=1) != seen.labels).float().mean())


if __name__ == "__main__":
    main()
