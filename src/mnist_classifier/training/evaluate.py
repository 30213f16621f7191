"""Measure a network on a labelled set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_classifier.training.network import as_pixels

# Images in one forward pass; larger ones leave the processor's cache.
EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Measurement:
    """Figures of one network on one set.

    `interval` is the 95 % Wilson interval of the accuracy; `nll` is the mean
    negative log-likelihood in nats; `ece` the expected calibration error over
    15 equal-width bins; `confusion[true][predicted]` counts images.
    """

    images: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    nll: float
    ece: float
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            "images": self.images,
            "correct": self.correct,
            "accuracy": round(self.accuracy, 6),
            "interval_95": [round(bound, 6) for bound in self.interval],
            "nll": round(self.nll, 6),
            "ece": round(self.ece, 6),
            "confusion": self.confusion,
        }


@torch.no_grad()
def predict_logits(
    network: nn.Module,
    images_u8: Tensor,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """(N, 28, 28) uint8 -> (N, 10) float32 logits on the CPU, computed in `dtype`."""
    network.eval()
    device = torch.device(device)
    parts = []
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for part in torch.split(images_u8, EVALUATION_BATCH):
            pixels = as_pixels(part.to(device)).contiguous(memory_format=torch.channels_last)
            parts.append(network(pixels).float().cpu())
    return torch.cat(parts)


def measure(logits: Tensor, labels: Tensor, *, temperature: float = 1.0) -> Measurement:
    """Compare (N, 10) logits with (N,) labels."""
    log_probabilities = F.log_softmax(logits.double() / temperature, dim=1)
    confidences, predictions = log_probabilities.exp().max(dim=1)
    hits = predictions == labels
    correct, count = int(hits.sum()), len(labels)
    confusion = torch.bincount(labels * 10 + predictions, minlength=100).view(10, 10)
    return Measurement(
        images=count,
        correct=correct,
        accuracy=correct / count,
        interval=wilson_interval(correct, count),
        nll=float(F.nll_loss(log_probabilities, labels)),
        ece=expected_calibration_error(confidences, hits),
        confusion=confusion.tolist(),
    )


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % interval of a proportion (Source: Wilson 1927)."""
    z = 1.959964
    share = successes / count
    denominator = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / denominator
    margin = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / denominator
    return centre - margin, centre + margin


def expected_calibration_error(confidences: Tensor, hits: Tensor, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy, weighted by bin size (Source: Guo et al. 2017)."""
    bin_of = (confidences * bins).long().clamp(max=bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64)
    gaps.index_add_(0, bin_of, confidences.double() - hits.double())
    return float(gaps.abs().sum() / len(confidences))
