"""Figures as rows of the table, with their 95 % intervals."""

from __future__ import annotations

import numpy as np

from mnist_classifier.core.arrays import Doubles, Mask
from mnist_classifier.core.metrics import expected_calibration_error, wilson_interval
from mnist_classifier.evaluation.robustness.bench import rng_of
from mnist_classifier.evaluation.robustness.report import Goal, Row

BOOTSTRAP_SAMPLES = 200


def share(id: str, title: str, hits: Mask, goal: Goal | None = None) -> Row:
    """A row with the share of hits.  hits: (N,) or, for K pictures of each of N digits, (K, N).

    Pictures of the same digit are alike, so the interval uses the effective sample size: as many independent pictures
    as would give the mean the same variance.
    """
    pictures = np.atleast_2d(hits)
    mean, digits = float(pictures.mean()), pictures.shape[1]
    variance = float(pictures.mean(axis=0).var()) / digits
    effective = mean * (1 - mean) / variance if variance > 0 else digits
    return Row(id, title, pictures.size, mean, wilson_interval(mean * effective, effective), goal)


def calibration(id: str, title: str, confidences: Doubles, hits: Mask, goal: Goal) -> Row:
    """A row with the calibration error.  confidences, hits: (K, N), K pictures of each of N digits.

    The interval is ± 1.96 standard deviations of a bootstrap: resamples have larger errors than the set itself, so
    only their spread counts.
    """
    measured = expected_calibration_error(confidences.ravel(), hits.ravel())
    rng, digits = rng_of(id, 0), hits.shape[1]
    resampled = []
    for _ in range(BOOTSTRAP_SAMPLES):
        rows = rng.integers(0, digits, digits)
        resampled.append(expected_calibration_error(confidences[:, rows].ravel(), hits[:, rows].ravel()))
    margin = 1.96 * float(np.std(resampled))
    return Row(id, title, hits.size, measured, (max(0.0, measured - margin), min(1.0, measured + margin)), goal)
