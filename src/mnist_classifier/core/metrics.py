"""Metrics of a classifier on labelled images, in NumPy: accuracy, calibration, confusion.

Training and serving compute their figures with the same functions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.floating[Any]]"
Integers: TypeAlias = "npt.NDArray[np.integer[Any]]"

CLASSES = 10
CALIBRATION_BINS = 15  # Source: Guo et al. 2017


@dataclass(frozen=True)
class Measurement:
    """Metrics of one network on one set of images.

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
            **share_of(self.correct, self.images),
            "nll": round(self.nll, 6),
            "ece": round(self.ece, 6),
            "confusion": self.confusion,
        }


def measure(logits: Floats, labels: Integers, *, temperature: float = 1.0) -> Measurement:
    """Measure (N, 10) logits against (N,) labels."""
    return _measure(log_softmax(logits, temperature), labels)


def measure_probabilities(probabilities: Floats, labels: Integers) -> Measurement:
    """Measure (N, 10) probabilities against (N,) labels."""
    # The logarithm of 0 is infinite, so 0 counts as the smallest normal float32.
    floor = float(np.finfo(np.float32).tiny)
    return _measure(np.log(np.maximum(probabilities.astype(np.float64), floor)), labels)


def log_softmax(logits: Floats, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Convert (N, 10) logits to log-probabilities of the same shape; NaN where logits are not finite."""
    # No warnings: a training that diverged has logits that are not finite, and its figures become NaN.
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = logits.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        result: npt.NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def _measure(log_probabilities: npt.NDArray[np.float64], labels: Integers) -> Measurement:
    rows, labels = np.arange(len(labels)), labels.astype(np.int64)
    predictions = log_probabilities.argmax(axis=1)
    hits = predictions == labels
    correct, count = int(hits.sum()), len(labels)
    return Measurement(
        images=count,
        correct=correct,
        accuracy=correct / count,
        interval=wilson_interval(correct, count),
        nll=-float(log_probabilities[rows, labels].mean()),
        ece=expected_calibration_error(np.exp(log_probabilities[rows, predictions]), hits),
        confusion=confusion_matrix(predictions, labels).tolist(),
    )


def confusion_matrix(predictions: Integers, labels: Integers) -> npt.NDArray[np.int64]:
    """Number of images by [true][predicted], (10, 10)."""
    counts = np.bincount(labels * CLASSES + predictions, minlength=CLASSES**2)
    return counts.reshape(CLASSES, CLASSES)


def wilson_interval(successes: float, count: float) -> tuple[float, float]:
    """95 % interval of a proportion (Source: Wilson 1927); an effective count need not be whole."""
    z = 1.959964  # 97.5 % quantile of the normal distribution
    share = successes / count
    denominator = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / denominator
    margin = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / denominator
    # Rounding may move an end beyond the share itself, which at 0 and 1 is beyond what a share can be.
    return max(0.0, min(share, centre - margin)), min(1.0, max(share, centre + margin))


def expected_calibration_error(
    confidences: Floats, hits: npt.NDArray[np.bool_], *, bins: int = CALIBRATION_BINS
) -> float:
    """Mean gap between confidence and accuracy, weighted by bin size (Source: Guo et al. 2017)."""
    if not np.isfinite(confidences).all():
        return math.nan
    bin_of = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=confidences.astype(np.float64) - hits, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))


def auroc(positives: Floats, negatives: Floats) -> float:
    """Chance that a positive has a higher score than a negative; ties count half (Source: Hanley & McNeil 1982)."""
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).sum() / (2 * len(positives) * len(negatives)))


def auroc_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """95 % interval of an AUROC over these numbers of scores (Source: Hanley & McNeil 1982, Q1 and Q2)."""
    both_above, above_both = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (both_above - area**2) + (negatives - 1) * (above_both - area**2)
    margin = 1.96 * math.sqrt(max(0.0, variance) / (positives * negatives))
    return max(0.0, area - margin), min(1.0, area + margin)


def share_of(correct: int, images: int) -> dict[str, Any]:
    """Counts with accuracy and its interval, as plain values for a manifest."""
    return {
        "images": images,
        "correct": correct,
        "accuracy": round(correct / images, 6),
        "interval_95": [round(bound, 6) for bound in wilson_interval(correct, images)],
    }


def per_class(confusion: list[list[int]]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each digit; None for 0 / 0."""
    figures = []
    for digit in range(CLASSES):
        right = confusion[digit][digit]
        images, predicted = sum(confusion[digit]), sum(row[digit] for row in confusion)
        figures.append(
            {
                "digit": digit,
                "images": images,
                "precision": _ratio(right, predicted),
                "recall": _ratio(right, images),
                "f1": _ratio(2 * right, images + predicted),
            }
        )
    return figures


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def spread(shares: Sequence[float]) -> str:
    """Describe proportions: mean, standard deviation, and the 95 % interval of the mean (Student's t)."""
    mean = statistics.mean(shares)
    if len(shares) < 2:
        return f"{mean:.3%}"
    deviation = statistics.stdev(shares)
    freedom = len(shares) - 1
    margin = (T_95[freedom - 1] if freedom <= len(T_95) else 1.96) * deviation / math.sqrt(len(shares))
    low, high = mean - margin, mean + margin
    return f"{mean:.3%} ± {deviation:.3%} (95 % interval of the mean {low:.3%} to {high:.3%})"
