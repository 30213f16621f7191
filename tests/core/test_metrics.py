from __future__ import annotations

import math

import numpy as np
import pytest

from mnist_classifier.core import metrics


def worked_by_hand() -> tuple[np.ndarray, np.ndarray]:
    """Four answers, three of them right, each with a confidence of 0.82."""
    probabilities = np.full((4, 10), 0.02)
    for row, digit in enumerate([0, 1, 2, 2]):
        probabilities[row, digit] = 0.82
    return probabilities, np.array([0, 1, 2, 3], np.uint8)


def test_figures_of_a_case_worked_by_hand():
    probabilities, labels = worked_by_hand()
    result = metrics.measure(np.log(probabilities), labels)
    assert (result.images, result.correct, result.accuracy) == (4, 3, 0.75)
    assert result.nll == pytest.approx(-(3 * math.log(0.82) + math.log(0.02)) / 4)
    assert result.ece == pytest.approx(0.07)
    assert result.confusion[3][2] == 1
    assert sum(map(sum, result.confusion)) == 4


def test_labels_of_any_integer_type_are_counted_alike():
    probabilities, _ = worked_by_hand()
    labels = np.array([9, 9, 9, 9])  # uint8 would overflow in 9 * 10 * 3
    results = [metrics.measure_probabilities(probabilities, labels.astype(kind)) for kind in (np.uint8, np.int64)]
    assert results[0] == results[1]
    assert sum(results[0].confusion[9]) == 4


def test_logits_and_the_probabilities_that_they_give_measure_the_same():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 5, (1000, 10)).astype(np.float32), rng.integers(0, 10, 1000)
    probabilities = np.exp(metrics.log_softmax(logits, 2.0)).astype(np.float32)
    from_logits = metrics.measure(logits, labels, temperature=2.0)
    from_probabilities = metrics.measure_probabilities(probabilities, labels)
    assert from_probabilities.confusion == from_logits.confusion
    assert from_probabilities.nll == pytest.approx(from_logits.nll, rel=1e-5)
    assert from_probabilities.ece == pytest.approx(from_logits.ece, rel=1e-4)


def test_an_answer_that_was_sure_and_wrong_costs_much_but_not_infinity():
    result = metrics.measure_probabilities(np.eye(10, dtype=np.float32)[:1], np.array([1]))
    assert 80 < result.nll < 100


def test_large_logits_do_not_overflow():
    logits = np.zeros((1, 10), np.float32)
    logits[0, 3] = 3e4
    result = metrics.measure(logits, np.array([3]))
    assert (result.nll, result.ece) == (0, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_that_diverged_has_figures_that_are_no_numbers(value: float):
    result = metrics.measure(np.full((3, 10), value), np.array([0, 1, 2]))
    assert math.isnan(result.nll)
    assert math.isnan(result.ece)


def test_a_wilson_interval_holds_the_share_and_stays_within_0_to_1():
    for count in range(1, 200):
        for successes in (0, count):
            low, high = metrics.wilson_interval(successes, count)
            assert 0 <= low <= successes / count <= high <= 1


def test_wilson_interval_of_a_textbook_case():
    assert metrics.wilson_interval(9960, 10000) == pytest.approx((0.99455, 0.99706), abs=1e-4)
    low, high = metrics.wilson_interval(10, 10)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(0.722, abs=1e-3)


def test_perfect_calibration_has_no_error():
    confidences, hits = np.array([0.5, 0.5, 1.0, 1.0]), np.array([True, False, True, True])
    assert metrics.expected_calibration_error(confidences, hits) == pytest.approx(0)


def test_gaps_of_different_bins_do_not_cancel():
    confidences, hits = np.array([0.4, 0.9]), np.array([True, False])
    assert metrics.expected_calibration_error(confidences, hits) == pytest.approx((0.6 + 0.9) / 2)


def test_precision_and_recall_of_each_digit():
    confusion = np.zeros((10, 10), int)
    confusion[4, 4], confusion[4, 9], confusion[9, 9] = 6, 2, 8
    figures = metrics.per_class(confusion.tolist())
    assert [row["digit"] for row in figures] == list(range(10))
    assert figures[4] == {"digit": 4, "images": 8, "precision": 1.0, "recall": 0.75, "f1": round(12 / 14, 6)}
    assert figures[9] == {"digit": 9, "images": 8, "precision": 0.8, "recall": 1.0, "f1": round(16 / 18, 6)}
    assert figures[0] == {"digit": 0, "images": 0, "precision": None, "recall": None, "f1": None}


def test_spread_over_seeds_of_a_case_worked_by_hand():
    assert metrics.spread([0.9950, 0.9960, 0.9970]) == (
        "99.600% ± 0.100% (95 % interval of the mean 99.352% to 99.848%)"
    )
    assert metrics.spread([0.5]) == "50.000%"


def test_auroc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half():
    positives, negatives = np.array([0.9, 0.5, 0.5]), np.array([0.1, 0.5])
    assert metrics.auroc(positives, negatives) == pytest.approx((2 + 1.5 + 1.5) / 6)
    assert metrics.auroc(negatives, positives) == pytest.approx(1 - 5 / 6)


def test_the_interval_of_an_auroc_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        area = metrics.auroc(rng.normal(1.5, 1, 150), rng.normal(0, 1, 100))
        low, high = metrics.auroc_interval(area, 150, 100)
        covered += low <= 0.8556 <= high  # the normal distribution at 1.5 / sqrt(2)
    assert 0.91 < covered / 300 < 0.99
