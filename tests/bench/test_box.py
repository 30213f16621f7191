"""The model in the box reads what the robustness suite measures, on fewer pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.corruptions import CORRUPTIONS
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS
from mnist_classifier.evaluation.robustness.pages.scoring import read, score
from mnist_classifier.evaluation.robustness.pages.source import make
from mnist_classifier.evaluation.robustness.pages.writing import generated_writers
from mnist_classifier.evaluation.robustness.photographs import photograph, photograph_crop
from mnist_classifier.recognition.recogniser import Recogniser

pytestmark = [pytest.mark.mnist, pytest.mark.slow]

# The gate: two pictures of each kind by generated writers, read by the model in the box.
LEAST_RIGHT, MOST_SURE_AND_WRONG = 0.82, 0.08


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


@pytest.fixture(scope="module")
def train(mnist_dirs: list[Path]) -> mnist.Images:
    return mnist.load(mnist_dirs, mnist.TRAIN)


def test_photographs_are_read(recogniser: Recogniser, train: mnist.Images):
    chosen = mnist.split_train_validation(train.labels)[1][:60]
    readings = [recogniser.read(photograph(train.images[i], np.random.default_rng((7, int(i))))) for i in chosen]
    right = sum(r.prediction == label for r, label in zip(readings, train.labels[chosen], strict=True))
    assert right >= 57


def test_tight_crops_are_read(recogniser: Recogniser, train: mnist.Images):
    chosen = mnist.split_train_validation(train.labels)[1][60:260]
    crops = [photograph_crop(train.images[i], np.random.default_rng((9, int(i)))) for i in chosen]
    assert {28 <= len(crop) <= 120 for crop in crops} == {True}
    readings = recogniser.read_many(crops)
    right = sum(r.prediction == label for r, label in zip(readings, train.labels[chosen], strict=True))
    assert right >= 190


def test_the_model_in_the_box_reads_most_kinds_and_is_seldom_sure_of_a_wrong_number(recogniser: Recogniser):
    writers = generated_writers(1)
    samples = [make(kind, index, writers, seed=7) for kind in KINDS for index in range(2)]
    scores = [score(sample, read(recogniser, sample)) for sample in samples]
    assert sum(each.right for each in scores) / len(scores) >= LEAST_RIGHT
    assert sum(each.sure_and_wrong for each in scores) / len(scores) <= MOST_SURE_AND_WRONG


def test_most_corrupted_digits_are_read(recogniser: Recogniser, train: mnist.Images) -> None:
    _, rows = mnist.split_train_validation(train.labels)
    rows = rows[::50]
    shares = []
    for corrupt in CORRUPTIONS.values():
        readings = recogniser.read_many(corrupt(train.images[i], np.random.default_rng(i)) for i in rows)
        shares.append(np.mean([r.prediction == train.labels[i] for r, i in zip(readings, rows, strict=True)]))
    assert np.mean(shares) > 0.85
