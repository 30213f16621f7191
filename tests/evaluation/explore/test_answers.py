from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.records import Verdict
from mnist_classifier.evaluation.explore.answers import Answers, Show
from mnist_classifier.evaluation.explore.splits import Part

# Label, likeliest digit, its probability.
CASES = [(1, 1, 0.99), (7, 1, 0.6), (7, 7, 0.9), (4, 9, 0.95), (4, 4, 0.5), (9, 4, 0.7)]


@pytest.fixture
def answers() -> Answers:
    labels, predictions, confidences = map(np.array, zip(*CASES, strict=True))
    count = len(CASES)
    opinions = np.zeros((count, 11), np.float32)
    opinions[:, :10] = ((1 - confidences) / 9)[:, None]
    opinions[np.arange(count), predictions] = confidences
    part = Part(np.zeros((count, 28, 28), np.uint8), labels.astype(np.uint8), np.arange(count), np.arange(count) == 3)
    verdicts = (Verdict.DIGIT,) * 4 + (Verdict.AMBIGUOUS, Verdict.NOT_A_DIGIT)
    return Answers(part, opinions, predictions, confidences.astype(np.float32), verdicts)


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (Show.ALL, [0, 1, 2, 3, 4, 5]),
        (Show.ERRORS, [1, 3, 5]),
        (Show.UNCERTAIN, [4, 1, 5, 2, 3, 0]),
        (Show.CONFIDENT, [3, 5, 1]),
    ],
)
def test_images_are_chosen_and_ordered(answers: Answers, show: Show, expected: list[int]):
    assert answers.select(show).tolist() == expected


@pytest.mark.parametrize(
    ("label", "prediction", "expected"), [(7, 1, [1]), (4, None, [3, 4]), (None, 4, [4, 5]), (0, 0, [])]
)
def test_a_cell_row_or_column_of_the_matrix_can_be_chosen(
    answers: Answers, label: int | None, prediction: int | None, expected: list[int]
):
    assert answers.select(Show.ALL, label, prediction).tolist() == expected


def test_the_summary_counts_what_the_lists_show(answers: Answers):
    summary = answers.summary()
    assert (summary["images"], summary["correct"]) == (6, 3)
    assert summary["confusion"][7][1] == len(answers.select(Show.ALL, 7, 1)) == 1
    assert sum(map(sum, summary["confusion"])) == 6
    assert summary["verdicts"] == {"digit": 4, "ambiguous": 1, "not_a_digit": 1}
    assert summary["disputed"] == {"images": 1, "wrong": 1}
    assert summary["per_class"][7]["recall"] == 0.5
