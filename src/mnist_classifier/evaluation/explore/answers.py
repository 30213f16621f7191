"""The answers of a model version for all images of a split."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Integers
from mnist_classifier.core.metrics import measure_probabilities, per_class
from mnist_classifier.core.records import Verdict
from mnist_classifier.evaluation.explore.splits import Part
from mnist_classifier.recognition.recogniser import Recogniser


class Show(str, enum.Enum):
    """Which images to show, and in what order."""

    ALL = "all"  # in the order of the file
    ERRORS = "errors"  # the likeliest digit is not the label, in the order of the file
    UNCERTAIN = "uncertain"  # least confident first
    CONFIDENT = "confident"  # the errors, most confident first


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers for a split.

    opinions: (N, 11) float32, see Recogniser.opinions.  predictions: (N,) the
    likeliest digit regardless of the verdict, as for accuracy.
    """

    part: Part
    opinions: npt.NDArray[np.float32]
    predictions: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float32]
    verdicts: tuple[Verdict, ...]

    @classmethod
    def ask(cls, recogniser: Recogniser, part: Part) -> Answers:
        """Read every image of a part."""
        opinions = recogniser.opinions(part.images)
        confidences = opinions[:, :10].max(axis=1)
        verdicts = tuple(
            recogniser.thresholds.verdict(float(sure), float(none))
            for sure, none in zip(confidences, opinions[:, 10], strict=True)
        )
        return cls(part, opinions, opinions[:, :10].argmax(axis=1), confidences, verdicts)

    def summary(self) -> dict[str, Any]:
        """Summarise the whole split in plain values."""
        measured = measure_probabilities(self.opinions[:, :10], self.part.labels)
        counts = Counter(self.verdicts)
        wrong = self.predictions != self.part.labels
        return {
            **measured.to_dict(),
            "per_class": per_class(measured.confusion),
            "verdicts": {
                verdict.value: counts[verdict] for verdict in (Verdict.DIGIT, Verdict.AMBIGUOUS, Verdict.NOT_A_DIGIT)
            },
            "disputed": {
                "images": int(self.part.disputed.sum()),
                "wrong": int((wrong & self.part.disputed).sum()),
            },
        }

    def select(self, show: Show, label: int | None = None, prediction: int | None = None) -> Integers:
        """Return the positions of the images to show, optionally of one label or prediction."""
        wrong = self.predictions != self.part.labels
        chosen = wrong if show in (Show.ERRORS, Show.CONFIDENT) else np.ones(len(wrong), bool)
        if label is not None:
            chosen = chosen & (self.part.labels == label)
        if prediction is not None:
            chosen = chosen & (self.predictions == prediction)
        found = np.flatnonzero(chosen).astype(np.int64)
        if show is Show.UNCERTAIN:
            return found[np.argsort(self.confidences[found], kind="stable")]
        if show is Show.CONFIDENT:
            return found[np.argsort(-self.confidences[found], kind="stable")]
        return found
