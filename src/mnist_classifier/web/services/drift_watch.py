"""Compare what people send with the validation images of the model version in production."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mnist_classifier.core.database import now
from mnist_classifier.core.errors import DataError
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.splits import VALIDATION
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.learning.corrections import Corrections
from mnist_classifier.learning.drift import Drift, Period, Reference, compare, periods
from mnist_classifier.learning.lineage import seen_by
from mnist_classifier.learning.reading_counts import ReadingCounts

# A chart of more hours shows days.
MOST_HOURS_SHOWN = 72


@dataclass(frozen=True)
class Watched:
    """Drift of one version, and its readings over time."""

    drift: Drift
    periods: list[Period]
    is_daily: bool


class DriftWatch:
    """Answers how the readings of a version differ from its validation images."""

    def __init__(self, counts: ReadingCounts, corrections: Corrections, explorer: Explorer) -> None:
        self._counts = counts
        self._corrections = corrections
        self._explorer = explorer

    def look(self, version: ModelVersion, hours: int) -> Watched:
        """Compare the readings of the last hours, up to the last ones written.  Raises ModelMissing, ModelCorrupt."""
        start = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
        counts = self._counts.find(version.version, start)
        drift = compare(counts, self._reference(version), self._waiting(version))
        is_daily = hours > MOST_HOURS_SHOWN
        return Watched(drift, periods(counts, daily=is_daily), is_daily)

    def _reference(self, version: ModelVersion) -> Reference:
        """From the manifest; measured if it is older than these figures and MNIST is there."""
        known = Reference.of_figures(version.metrics.get("validation", {}))
        if known.doubtful is not None:
            return known
        try:
            return Reference.of_answers(self._explorer.answers(version.version, VALIDATION))
        except DataError:
            return known

    def _waiting(self, version: ModelVersion) -> int:
        """How many corrections came since a version learned from corrections; all if it never did."""
        if not (seen := seen_by(version)):
            return self._corrections.count()
        # Some came during its training, before it was made.
        return self._corrections.count_newer(max(seen), version.created_at)
