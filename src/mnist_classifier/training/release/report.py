"""The evaluation report of a model version, report.json, computed from logits.

The manifest has only the metrics of each split (`metrics_of`).  The report adds the metrics by digit and the
images that were read wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_classifier.core.metrics import Floats, Integers, log_softmax, measure, per_class, share_of
from mnist_classifier.core.records import LOW_CONFIDENCE, Thresholds, Verdict
from mnist_classifier.data.mnist import DISPUTED_SOURCE, DISPUTED_TEST_LABELS
from mnist_classifier.data.splits import TEST, VALIDATION

TOO_LONG_FOR_MANIFEST = ("per_class", "wrong")


@dataclass(frozen=True, eq=False)
class Scored:
    """Logits (N, 10) of a split before calibration, its labels (N,), and for each image its mean ink (N,).

    not_a_digit: (N,) the probability of no digit.
    """

    logits: Floats
    labels: Integers
    ink: Floats
    not_a_digit: Floats


def build_report(
    validation: Scored,
    test: Scored,
    temperature: float,
    thresholds: Thresholds,
    *,
    disputed: Collection[int] = DISPUTED_TEST_LABELS,
) -> dict[str, Any]:
    """The whole report, as plain values for JSON.

    temperature, thresholds: fitted on `validation`.  disputed: rows of test images with a disputed label.
    """
    return {
        "temperature": temperature,
        "disputed_labels": {"images": sorted(disputed), "source": DISPUTED_SOURCE},
        VALIDATION: _split(validation, temperature) | _certainty(validation, temperature, thresholds),
        TEST: {
            **_split(test, temperature),
            "without_disputed_labels": _without(test, disputed),
            "wrong": wrong_images(test, temperature, disputed),
        },
    }


def metrics_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a report that goes into the manifest: the metrics of each split without the long lists."""
    return {
        split: {name: value for name, value in report[split].items() if name not in TOO_LONG_FOR_MANIFEST}
        for split in (VALIDATION, TEST)
    }


def _split(scored: Scored, temperature: float) -> dict[str, Any]:
    raw = measure(scored.logits, scored.labels)
    calibrated = measure(scored.logits, scored.labels, temperature=temperature)
    return {
        **calibrated.to_dict(),
        "uncalibrated": {"nll": round(raw.nll, 6), "ece": round(raw.ece, 6)},
        # The server compares these with the pictures that people send (mnist_drift in /metrics).
        "ink": _distribution(scored.ink),
        "confidence": _distribution(np.exp(log_softmax(scored.logits, temperature)).max(axis=1)),
        "per_class": per_class(calibrated.confusion),
    }


def _certainty(scored: Scored, temperature: float, thresholds: Thresholds) -> dict[str, Any]:
    """How many images had each verdict, and how many a low confidence; learning/drift.py compares readings with it."""
    confidences = np.exp(log_softmax(scored.logits, temperature)).max(axis=1)
    verdicts = Counter(map(thresholds.verdict, confidences.tolist(), scored.not_a_digit.tolist()))
    return {
        "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict if verdict is not Verdict.BLANK},
        "low_confidence": int((confidences < LOW_CONFIDENCE).sum()),
    }


def _distribution(figures: Floats) -> dict[str, float]:
    exact = figures.astype(np.float64)
    return {"mean": round(float(exact.mean()), 6), "sd": round(float(exact.std()), 6)}


def _without(scored: Scored, disputed: Collection[int]) -> dict[str, Any]:
    kept = ~np.isin(np.arange(len(scored.labels)), list(disputed))
    right = scored.logits.argmax(axis=1) == scored.labels
    return share_of(int(right[kept].sum()), int(kept.sum()))


def wrong_images(scored: Scored, temperature: float, disputed: Collection[int]) -> list[dict[str, Any]]:
    """The images that were read wrong, with calibrated confidences, in the order of the split."""
    probabilities = np.exp(log_softmax(scored.logits, temperature))
    order = np.argsort(-probabilities, axis=1, kind="stable")  # (N, 10), most likely digit first
    return [
        {
            "index": int(index),
            "label": int(scored.labels[index]),
            "prediction": int(order[index, 0]),
            "confidence": round(float(probabilities[index, order[index, 0]]), 6),
            "second": int(order[index, 1]),
            "second_confidence": round(float(probabilities[index, order[index, 1]]), 6),
            "disputed": int(index) in disputed,
        }
        for index in np.flatnonzero(order[:, 0] != scored.labels)
    ]
