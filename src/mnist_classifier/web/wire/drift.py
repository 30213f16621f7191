"""Drift as the API returns it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, TypedDict, cast

from msgspec import Meta

from mnist_classifier.learning import drift as learning
from mnist_classifier.learning.drift import FEWEST_READINGS, Drift
from mnist_classifier.learning.drift_words import sentence
from mnist_classifier.web.wire.fields import Probability, Time, VersionNumber


class Estimate(TypedDict):
    """A share or a mean with its 95 % interval."""

    value: float
    low: float
    high: float
    reference: Annotated[float | None, Meta(description="of the validation images; null if unknown")]


class Period(TypedDict):
    """The readings of an hour or a day that are not blank."""

    start: Time
    readings: int
    doubtful: Annotated[int, Meta(description="refused or ambiguous")]
    ink: Annotated[Probability | None, Meta(description="mean pixel of the glyphs; null if unknown")]


class DriftReport(TypedDict):
    """How readings differ from the validation images of the version in production."""

    version: VersionNumber
    hours: int
    sentence: Annotated[str, Meta(description="whether retraining is worth it, and why")]
    advice: Literal["wait", "nothing", "retrain", "collect", "unknown"]
    readings: Annotated[int, Meta(description="of this version, not blank, written to the database")]
    least: Annotated[int, Meta(description="fewest readings that can be compared")]
    verdicts: Annotated[dict[str, int], Meta(description="readings by verdict")]
    doubtful: Annotated[Estimate | None, Meta(description="share refused or ambiguous; null if there are too few")]
    low_confidence: Annotated[Estimate | None, Meta(description="share with a confidence below 0.9")]
    confidence: Estimate | None
    ink: Annotated[Estimate | None, Meta(description="mean pixel of the glyphs, 0 to 1; not of digits of numbers")]
    ink_is_different: Annotated[bool, Meta(description="whether strokes are certainly thicker or thinner")]
    corrections: Annotated[int, Meta(description="not learned by this version yet")]
    is_daily: Annotated[bool, Meta(description="whether the periods are days, in UTC; hours otherwise")]
    periods: list[Period]


def report(found: Drift, periods: list[learning.Period], *, is_daily: bool, version: int, hours: int) -> DriftReport:
    """The report for a version over some hours."""
    view = {
        **asdict(found),
        "version": version,
        "hours": hours,
        "sentence": sentence(found, hours),
        "advice": found.advice.value,
        "least": FEWEST_READINGS,
        "verdicts": {verdict.value: count for verdict, count in found.verdicts.items()},
        "is_daily": is_daily,
        "periods": [{**asdict(each), "start": each.start.isoformat()} for each in periods],
    }
    return cast(DriftReport, view)
