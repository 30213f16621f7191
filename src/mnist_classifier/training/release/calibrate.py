"""Calibration: fit the temperature and the thresholds on the validation split."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_classifier.training.network import DIGITS, OUTLIER

# Share of the validation images with the verdict `ambiguous`: two digits are likely, or it may be no digit.
AMBIGUOUS_SHARE = 0.01
# Largest share of the validation images, all of them digits, that may be refused.
REFUSED_SHARE = 0.001
# Assumed share of outliers in use.  Training has more of them.
OUTLIERS_IN_USE = 0.05


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The divisor of the logits, in 0.05..20, with the lowest negative log-likelihood.

    Golden-section search over the log-temperature, where the likelihood has one minimum.  Source: Guo et al. 2017.
    """
    logits = logits.double()

    def nll(log_temperature: Tensor) -> float:
        return float(F.cross_entropy(logits / log_temperature.exp(), labels))

    low, high = torch.tensor([0.05, 20.0], dtype=torch.float64).log()
    ratio = (5**0.5 - 1) / 2
    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if nll(left) < nll(right):
            high = right
        else:
            low = left
    return float(((low + high) / 2).exp())


def calibrated_loss(logits: Tensor, labels: Tensor) -> float:
    """The mean cross entropy in nats at the best temperature.

    It compares networks fairly whatever label smoothing they were trained with, because smoothing mostly changes
    how confident a network is.
    """
    return float(F.cross_entropy(logits.double() / fit_temperature(logits, labels), labels))


def fit_ambiguity_threshold(logits: Tensor, temperature: float) -> float:
    """The probability of the most likely digit that all but AMBIGUOUS_SHARE of the images reach.

    logits: (N, 10) or (N, 11) of validation digits.  The probability includes that of being a digit.
    """
    confidences = (logits[:, :DIGITS].double() / temperature).softmax(dim=1).amax(dim=1)
    return float((confidences * (1 - outlier_probabilities(logits))).quantile(AMBIGUOUS_SHARE))


def outlier_probabilities(logits: Tensor) -> Tensor:
    """The probability of no digit: (N, 11) logits -> (N,); zeros for (N, 10) logits."""
    if logits.shape[1] == DIGITS:
        return torch.zeros(len(logits), dtype=torch.float64)
    return logits.double().softmax(dim=1)[:, OUTLIER]


def fit_outlier_threshold(logits: Tensor, outlier_share: float) -> float:
    """The probability of no digit above which an image is refused.

    logits: (N, 11) of validation digits; outlier_share: share of outliers in training.  At this threshold, "no digit"
    becomes more likely than a digit if OUTLIERS_IN_USE of the pictures are outliers.  It is higher if it would refuse
    more than REFUSED_SHARE of the validation digits.
    Source: Saerens et al. 2002, Adjusting the outputs of a classifier to new a priori probabilities.
    """
    odds = outlier_share / (1 - outlier_share) * (1 - OUTLIERS_IN_USE) / OUTLIERS_IN_USE
    even = max(0.5, odds / (1 + odds))
    return max(even, float(outlier_probabilities(logits).quantile(1 - REFUSED_SHARE)))
