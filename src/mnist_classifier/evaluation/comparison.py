"""Two model versions side by side: their figures, and the images on which they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.evaluation.explore.explorer import Explorer


@dataclass(frozen=True)
class Disagreement:
    """An image that two models read differently.

    index: its number in the split.  image: (28, 28) uint8.  digits and
    confidences: those of the first and of the second model.
    """

    index: int
    image: Bytes
    label: int
    digits: tuple[int, int]
    confidences: tuple[float, float]


def confusion_difference(first: ModelVersion, second: ModelVersion, split: str) -> list[list[int]] | None:
    """The second confusion matrix minus the first, by [label][prediction]; None if a version has no matrix."""
    matrices = [version.metrics.get(split, {}).get("confusion") for version in (first, second)]
    if matrices[0] is None or matrices[1] is None:
        return None
    difference: list[list[int]] = (np.array(matrices[1]) - np.array(matrices[0])).tolist()
    return difference


def disagreements(explorer: Explorer, first: int, second: int, split: str) -> list[Disagreement]:
    """Images that two versions read differently, first those where both are most confident.

    Raises VersionMissing, ModelCorrupt, DataMissing, DataCorrupt.
    """
    one, other = (explorer.answers(version, split) for version in (first, second))
    rows = np.flatnonzero(one.predictions != other.predictions)
    rows = rows[np.argsort(-np.minimum(one.confidences, other.confidences)[rows], kind="stable")]
    return [
        Disagreement(
            index=one.part.number(int(row)),
            image=one.part.images[row],
            label=int(one.part.labels[row]),
            digits=(int(one.predictions[row]), int(other.predictions[row])),
            confidences=(float(one.confidences[row]), float(other.confidences[row])),
        )
        for row in rows
    ]
