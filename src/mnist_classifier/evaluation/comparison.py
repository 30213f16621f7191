"""Two model versions side by side: their figures, and the images on which they differ."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.splits import SPLITS
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import LARGEST_BYTES, ONNX_FILE, REPORT_FILE, read_bounded
from mnist_classifier.registry.versions import Registry

# Answers of so many models on so many splits are kept; 10,000 of them are 50 kB.
KEPT = 16


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of a split: (N,) digits and their (N,) calibrated confidences."""

    digits: Bytes
    confidences: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Disagreement:
    """An image that two models read differently: each one's digit and confidence."""

    index: int
    label: int
    digits: tuple[int, int]
    confidences: tuple[float, float]


def confusion_difference(first: ModelVersion, second: ModelVersion, split: str) -> list[list[int]] | None:
    """Images of [true][read] that the second has more than the first; None where a matrix is missing."""
    matrices = [version.metrics.get(split, {}).get("confusion") for version in (first, second)]
    if matrices[0] is None or matrices[1] is None:
        return None
    difference: list[list[int]] = (np.array(matrices[1]) - np.array(matrices[0])).tolist()
    return difference


def report_of(folder: Path) -> dict[str, Any] | None:
    """The evaluation report in a version's folder; None when it has none that can be read."""
    try:
        report = json.loads(read_bounded(folder / REPORT_FILE, LARGEST_BYTES[REPORT_FILE]))
    except (OSError, ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def checked_split(split: str) -> str:
    """One of SPLITS.  Raises InvalidInput."""
    if split not in SPLITS:
        raise InvalidInput(f"split must be {' or '.join(SPLITS)}, not {split!r}", field="split")
    return split


class Comparisons:
    """Reads whole splits with models, one at a time, and remembers their answers.

    A split is read in seconds by one thread; whoever asks meanwhile waits, so
    that comparing never takes more than one processor from the readings.
    """

    def __init__(self, registry: Registry, load: Callable[[str], Images]) -> None:
        self._registry = registry
        self._load = load
        self._lock = threading.Lock()
        self._splits: dict[str, Images] = {}
        self._answers: OrderedDict[tuple[str, ...], Answers] = OrderedDict()

    def disagreements(self, first: int, second: int, split: str) -> list[Disagreement]:
        """Images that the two read differently, the surest disagreement first.

        Raises VersionMissing, ModelCorrupt, DataMissing, InvalidInput.
        """
        with self._lock:
            images = self.images(checked_split(split))
            one, other = (self._answers_of(version, split, images) for version in (first, second))
        rows = np.flatnonzero(one.digits != other.digits)
        rows = rows[np.argsort(-np.minimum(one.confidences, other.confidences)[rows], kind="stable")]
        return [
            Disagreement(
                index=int(row),
                label=int(images.labels[row]),
                digits=(int(one.digits[row]), int(other.digits[row])),
                confidences=(float(one.confidences[row]), float(other.confidences[row])),
            )
            for row in rows
        ]

    def glyph(self, split: str, index: int) -> Bytes:
        """The (28, 28) pixels of an image."""
        glyph: Bytes = self.images(split).images[index]
        return glyph

    def images(self, split: str) -> Images:
        """A split, read when it is first asked for.  Raises DataMissing, DataCorrupt."""
        if split not in self._splits:
            self._splits[split] = self._load(split)
        return self._splits[split]

    def _answers_of(self, number: int, split: str, images: Images) -> Answers:
        version = self._registry.get(number)
        key = (split, *_identity(version.manifest))
        if key not in self._answers:
            opinions = self._registry.read(number, Recogniser.open).opinions(images.images)[:, :10]
            self._answers[key] = Answers(opinions.argmax(axis=1).astype(np.uint8), opinions.max(axis=1))
        self._answers.move_to_end(key)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        return self._answers[key]


def _identity(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return str(manifest["files"].get(ONNX_FILE, {}).get("sha256")), repr(manifest["temperature"])
