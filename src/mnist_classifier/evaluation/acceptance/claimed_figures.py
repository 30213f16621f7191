"""Check the accuracy that an archive claims against what its network does.

The promotion check compares these figures, so they must be true.  If the MNIST
files are here, the network reads some test images, whose answers are compared
with report.json, and all validation images, for the accuracy in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import DataError, InvalidArchive, ModelCorrupt
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.splits import TEST, VALIDATION
from mnist_classifier.evaluation.explore.splits import Part
from mnist_classifier.registry.manifest import LARGEST_BYTES, REPORT_FILE, read_bounded
from mnist_classifier.registry.manifest_types import parse
from mnist_classifier.registry.metric_types import Count

LoadSplit: TypeAlias = "Callable[[str], Images | Part]"

# Test images to read, besides those that report.json lists as wrong.
SAMPLE = 500
# Answers that may differ, because another processor rounds differently.
TOLERANCE = 2


class _Wrong(msgspec.Struct):
    index: Count
    prediction: Annotated[int, msgspec.Meta(ge=0, le=9)]


class _Test(msgspec.Struct):
    wrong: Annotated[list[_Wrong], msgspec.Meta(max_length=10_000)]


@decodable
class _Report(msgspec.Struct):
    test: _Test


class ClaimedFigures:
    """The figures that a version claims, and the images to check them with."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], load_split: LoadSplit) -> None:
        self._metrics = manifest["metrics"]
        self._wrong = _wrong_answers(folder) if REPORT_FILE in manifest["files"] else None
        self.remarks: tuple[str, ...] = ()
        try:
            self._splits = {split: load_split(split) for split in (TEST, VALIDATION)}
        except DataError:
            self._splits = {}
            self.remarks = ("its figures and answers were not checked, because the MNIST images are not here",)
        self._rows = self._choose_rows() if self._splits and self._wrong is not None else np.empty(0, int)
        if self._splits and self._wrong is None:
            self.remarks = ("its answers were not checked, because it has no report that records them",)

    def _choose_rows(self) -> npt.NDArray[np.int_]:
        """The test images to read: those in the report, and SAMPLE more."""
        count = len(self._splits[TEST].labels)
        sample = np.linspace(0, count - 1, SAMPLE, dtype=int)
        return np.unique([*sample, *(row for row in self._wrong or () if row < count)])

    @property
    def glyphs(self) -> Bytes:
        """The (N, 28, 28) images whose answers `compare` needs."""
        if not self._splits:
            return np.empty((0, 28, 28), np.uint8)
        return np.concatenate([self._splits[TEST].images[self._rows], self._splits[VALIDATION].images])

    def compare(self, digits: Bytes) -> None:
        """Raise InvalidArchive unless the digits read in `glyphs`, (N,), are those that the version claims."""
        self._check_counts()
        if self._splits:
            test, validation = np.split(digits, [len(self._rows)])
            self._check_report(test)
            self._check_manifest(validation)

    def _check_counts(self) -> None:
        """Check that manifest and report count the same errors on the test images."""
        if self._wrong is None:
            return
        claimed = self._metrics[TEST]
        if abs(claimed["images"] - claimed["correct"] - len(self._wrong)) > TOLERANCE:
            raise InvalidArchive(f"the manifest and the report count different numbers of {TEST} images read wrong")

    def _check_report(self, digits: Bytes) -> None:
        """Compare answers to test images with the report, which lists only the wrong ones."""
        labels, wrong = self._splits[TEST].labels, self._wrong or {}
        recorded = [wrong.get(int(row), labels[row]) for row in self._rows]
        differing = int((digits != recorded).sum())
        if differing > TOLERANCE:
            raise InvalidArchive(
                f"the network reads {differing} of {len(recorded)} test images differently than its report says"
            )

    def _check_manifest(self, digits: Bytes) -> None:
        """Compare answers to the validation images with the accuracy in the manifest."""
        claimed, labels = self._metrics[VALIDATION], self._splits[VALIDATION].labels
        correct = int((digits == labels).sum())
        if claimed["images"] != len(labels) or abs(claimed["correct"] - correct) > TOLERANCE:
            raise InvalidArchive(
                f"the network reads {correct} of {len(labels)} validation images right; "
                f"its manifest says {claimed['correct']} of {claimed['images']}"
            )


def _wrong_answers(folder: Path) -> dict[int, int] | None:
    """The wrong answers in report.json: test image -> digit read; None if the report has no valid list."""
    try:
        data = read_bounded(folder / REPORT_FILE, LARGEST_BYTES[REPORT_FILE])
        report = parse(data, _Report, REPORT_FILE)
    except (OSError, ModelCorrupt):
        return None
    return {each["index"]: each["prediction"] for each in report["test"]["wrong"]}
