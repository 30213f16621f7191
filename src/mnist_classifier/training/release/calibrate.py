"""Make confidences honest, on the validation split alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_classifier.training.network import DIGITS, OUTLIER

# Part of the validation images that a person is asked about (verdict
# `ambiguous`), whether because two digits are likely or because it may be none.
AMBIGUOUS_SHARE = 0.01

# Part of the validation images, all of them digits, that may be called no digit.
REFUSED_SHARE = 0.001
# Part of the pictures in use that are thought to be no digit.  Training shows more of them.
OUTLIERS_IN_USE = 0.05


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The divisor of the logits with the least negative log-likelihood, in 0.05..20.

    The likelihood has one minimum in log-temperature, which golden-section
    search finds without a step size.  Source: Guo et al. 2017.
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


def fit_ambiguity_threshold(logits: Tensor, temperature: float) -> float:
    """The probability of being a digit, and the likeliest one, that all but AMBIGUOUS_SHARE of the images reach.

    logits: (N, 10) or (N, 11) of validation digits.
    """
    confidences = (logits[:, :DIGITS].double() / temperature).softmax(dim=1).amax(dim=1)
    return float((confidences * (1 - outlier_probabilities(logits))).quantile(AMBIGUOUS_SHARE))


def outlier_probabilities(logits: Tensor) -> Tensor:
    """(N, 11) logits -> (N,) probability of being no digit; zero for networks that know digits alone."""
    if logits.shape[1] == DIGITS:
        return torch.zeros(len(logits), dtype=torch.float64)
    return logits.double().softmax(dim=1)[:, OUTLIER]


def fit_outlier_threshold(logits: Tensor, outlier_share: float) -> float:
    """The probability of being no digit above which an image is refused.

    logits: (N, 11) of validation digits; outlier_share: the part of the
    training pictures that were no digit.  It is refused when that is likelier
    than a digit among pictures of which OUTLIERS_IN_USE are none, unless this
    refuses more than REFUSED_SHARE of the validation digits.
    Source: Saerens et al. 2002, Adjusting the outputs of a classifier to new a priori probabilities.
    """
    odds = outlier_share / (1 - outlier_share) * (1 - OUTLIERS_IN_USE) / OUTLIERS_IN_USE
    even = max(0.5, odds / (1 + odds))
    return max(even, float(outlier_probabilities(logits).quantile(1 - REFUSED_SHARE)))
