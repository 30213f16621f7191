"""Make confidences honest, on the validation split alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Part of the validation images that a person is asked about (verdict
# `ambiguous`): about the share of MNIST images that raters disagree on.
AMBIGUOUS_SHARE = 0.005


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
    """The confidence that all but AMBIGUOUS_SHARE of the images reach."""
    confidences = (logits.double() / temperature).softmax(dim=1).amax(dim=1)
    return float(confidences.quantile(AMBIGUOUS_SHARE))
