from __future__ import annotations

import math

import pytest
import torch

from mnist_classifier.training.calibrate import AMBIGUOUS_SHARE, fit_ambiguity_threshold, fit_temperature
from mnist_classifier.training.evaluate import expected_calibration_error, measure, wilson_interval


def test_figures_of_a_case_worked_by_hand():
    probabilities = torch.full((4, 10), 0.02)
    for row, (digit, share) in enumerate([(0, 0.82), (1, 0.82), (2, 0.82), (2, 0.82)]):
        probabilities[row, digit] = share
    result = measure(probabilities.log(), torch.tensor([0, 1, 2, 3]))
    assert (result.images, result.correct, result.accuracy) == (4, 3, 0.75)
    assert result.nll == pytest.approx(-(3 * math.log(0.82) + math.log(0.02)) / 4, rel=1e-5)
    assert result.ece == pytest.approx(0.07, abs=1e-5)
    assert result.confusion[3][2] == 1
    assert sum(map(sum, result.confusion)) == 4


def test_wilson_interval_of_a_textbook_case():
    assert wilson_interval(9960, 10000) == pytest.approx((0.99455, 0.99706), abs=1e-4)
    low, high = wilson_interval(10, 10)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(0.722, abs=1e-3)


def test_perfect_calibration_has_no_error():
    confidences = torch.tensor([0.5, 0.5, 1.0, 1.0])
    assert expected_calibration_error(confidences, torch.tensor([True, False, True, True])) == pytest.approx(0)


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 10, generator=generator) * 3
    labels = torch.multinomial((logits / true_temperature).softmax(1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.05)


def test_the_asked_share_of_validation_images_is_ambiguous():
    logits = torch.randn(10_000, 10, generator=torch.Generator().manual_seed(0)) * 5
    threshold = fit_ambiguity_threshold(logits, 1.0)
    below = (logits.softmax(1).amax(1) < threshold).float().mean()
    assert below == pytest.approx(AMBIGUOUS_SHARE, abs=1e-3)
