from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mnist_classifier.core.metrics import measure
from mnist_classifier.training.release.calibrate import (
    AMBIGUOUS_SHARE,
    OUTLIERS_IN_USE,
    fit_ambiguity_threshold,
    fit_outlier_threshold,
    fit_temperature,
)


def test_the_measured_likelihood_is_the_loss_of_pytorch():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(1000, 10, generator=generator) * 3, torch.randint(0, 10, (1000,), generator=generator)
    result = measure(logits.numpy(), labels.numpy(), temperature=1.5)
    assert result.nll == pytest.approx(F.cross_entropy(logits / 1.5, labels).item(), rel=1e-5)
    assert result.accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 10, generator=generator) * 3
    labels = torch.multinomial((logits / true_temperature).softmax(1), 1, generator=generator).squeeze(1)
    fitted = fit_temperature(logits, labels)
    assert fitted == pytest.approx(true_temperature, rel=0.05)
    arrays = logits.numpy(), labels.numpy()
    losses = [measure(*arrays, temperature=fitted * factor).nll for factor in (0.95, 1.0, 1.05)]
    assert losses[1] == min(losses)


def test_the_asked_share_of_validation_images_is_ambiguous():
    logits = torch.randn(10_000, 10, generator=torch.Generator().manual_seed(0)) * 5
    threshold = fit_ambiguity_threshold(logits, 1.0)
    below = (logits.softmax(1).amax(1) < threshold).float().mean()
    assert below == pytest.approx(AMBIGUOUS_SHARE, abs=1e-3)


def test_what_may_be_no_digit_is_ambiguous_too():
    logits = torch.randn(10_000, 11, generator=torch.Generator().manual_seed(0)) * 5
    right = logits[:, :10].softmax(1).amax(1) * (1 - logits.softmax(1)[:, 10])
    below = (right < fit_ambiguity_threshold(logits, 1.0)).float().mean()
    assert below == pytest.approx(AMBIGUOUS_SHARE, abs=1e-3)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.5), (OUTLIERS_IN_USE, 0.5), (0.25, 0.8636)])
def test_what_is_rarer_in_use_than_in_training_is_refused_later(share: float, expected: float):
    sure = torch.zeros(100, 11)
    sure[:, 3] = 20.0
    assert fit_outlier_threshold(sure, share) == pytest.approx(expected, abs=1e-3)


def test_few_validation_digits_may_be_refused_whatever_the_odds():
    logits = torch.zeros(10_000, 11)
    logits[:, 3] = 20.0
    logits[:100, 10] = torch.linspace(20.0, 40.0, 100)
    refused = logits.double().softmax(1)[:, 10] > fit_outlier_threshold(logits, 0.25)
    assert refused.double().mean() == pytest.approx(0.001, abs=2e-4)
