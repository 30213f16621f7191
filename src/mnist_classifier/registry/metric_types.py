"""The types of the figures in a model version's JSON files: shares, intervals, metrics of a split."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from mnist_classifier.core.records import LARGEST_ID

# JavaScript represents whole numbers exactly up to 2**53.  The other limits exceed every real value by far: they only
# keep nonsense out of the database and the pages.
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Version = Annotated[int, Meta(ge=0, le=LARGEST_ID)]
Loss = Annotated[float, Meta(ge=0, le=1e6)]
Text = Annotated[str, Meta(max_length=200)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Interval = Annotated[list[Share], Meta(min_length=2, max_length=2)]
Confusion = Annotated[
    list[Annotated[list[Count], Meta(min_length=10, max_length=10)]], Meta(min_length=10, max_length=10)
]


class Losses(Struct):
    """Loss and calibration error before the temperature was fitted."""

    nll: Loss
    ece: Share


class Distribution(Struct):
    """Mean and standard deviation of ink or confidence over a split."""

    mean: Share
    sd: Share


class Verdicts(Struct):
    """How many images of a split had each verdict; none is blank."""

    digit: Count
    ambiguous: Count
    not_a_digit: Count


class Score(Struct):
    """How many images of a split were read right."""

    images: Annotated[int, Meta(ge=1, le=10_000_000)]
    correct: Count
    accuracy: Share
    interval_95: Interval

    def __post_init__(self) -> None:
        """Check that the accuracy and its interval follow from the counts."""
        require(self.correct <= self.images, "must not count more correct images than images")
        require(abs(self.accuracy - self.correct / self.images) < 1e-4, "must have an accuracy of correct / images")
        low, high = self.interval_95
        require(
            low <= self.accuracy + 1e-4 and self.accuracy <= high + 1e-4,
            "must have an interval that contains its accuracy",
        )


class Figures(Score):
    """All metrics of a split; older versions lack some of them."""

    nll: Loss | UnsetType = UNSET
    ece: Share | UnsetType = UNSET
    confusion: Confusion | None | UnsetType = UNSET
    uncalibrated: Losses | UnsetType = UNSET
    ink: Distribution | UnsetType = UNSET
    confidence: Distribution | UnsetType = UNSET
    verdicts: Verdicts | UnsetType = UNSET
    # Images below records.LOW_CONFIDENCE.
    low_confidence: Count | UnsetType = UNSET
    without_disputed_labels: Score | UnsetType = UNSET


class Row(Struct):
    """A row of the robustness table: a share of `n` pictures, its 95 % interval, and its goal if it has one."""

    id: Text
    title: Text
    n: Count
    measured: Share
    interval_95: Interval
    goal: Text | None = None
    reached: bool | None = None


Rows = Annotated[list[Row], Meta(max_length=1000)]


class ScoreBefore(Score):
    """How many held-out corrections the version read right that the training started from."""

    version: Version


class SamePictures(Struct):
    """Rows of the robustness table of both versions, on the same pictures."""

    before: Rows
    after: Rows


class HeldOut(Struct):
    """The held-out corrections: how many the new version reads right, and how many the one before.

    accuracy and interval_95 are left out if none was held out, and so is `before`.
    suspicious: numbers of corrections whose label both versions contradict, the one before with certainty.
    """

    images: Count
    correct: Count
    suspicious: Annotated[list[Count], Meta(max_length=100_000)]
    robustness: SamePictures
    accuracy: Share | UnsetType = UNSET
    interval_95: Interval | UnsetType = UNSET
    before: ScoreBefore | UnsetType = UNSET


class Metrics(Struct):
    """Accuracy and other metrics of each split."""

    validation: Figures | UnsetType = UNSET
    test: Figures | UnsetType = UNSET
    corrections: HeldOut | UnsetType = UNSET


def require(good: bool, message: str) -> None:
    """Raise ValueError with this message unless `good`."""
    if not good:
        raise ValueError(message)
