"""Compare the readings of a model version with its validation images, without labels.

The question is whether people's digits are harder to read than the validation
images: whether more of them are refused or ambiguous.  docs/evaluation.md
explains the rule.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from mnist_classifier.core.metrics import T_95, wilson_interval
from mnist_classifier.core.records import LOW_CONFIDENCE, Verdict
from mnist_classifier.evaluation.explore import Answers
from mnist_classifier.learning.reading_counts import Key, Tally
from mnist_classifier.recognition.imaging.preprocess import mean_ink

# Say nothing from fewer readings.
FEWEST_READINGS = 100
# The share in doubt is raised if its whole interval lies above so many times that of the validation images.
TIMES_RAISED = 2.0
# The thresholds are set so that about 1 % of the validation images are in doubt (training/release/calibrate.py).
LEAST_DOUBTFUL = 0.01
# Two means of ink differ if the whole interval lies beyond so many standard deviations of the validation images.
INK_SDS = 0.2
# Fewer corrections teach a model little.
FEWEST_CORRECTIONS = 20
# With readings of fewer hours, their spread over the hours says little: a person's readings resemble each other.
# Readings count as half as many then.
FEWEST_HOURS, DESIGN_EFFECT = 8, 2.0

DOUBTFUL = (Verdict.AMBIGUOUS, Verdict.NOT_A_DIGIT)


class Advice(str, enum.Enum):
    """What to do about drift."""

    WAIT = "wait"  # too few readings, or the interval is too wide
    NOTHING = "nothing"  # they are read as well as the validation images
    RETRAIN = "retrain"  # more are in doubt, and corrections wait
    COLLECT = "collect"  # more are in doubt, but too few corrections wait
    UNKNOWN = "unknown"  # the validation images were not measured


@dataclass(frozen=True)
class Reference:
    """How a version reads its validation images.

    doubtful, low_confidence: numbers of `images`; None if unknown.  ink, confidence: (mean, standard deviation).
    """

    images: int
    doubtful: int | None
    low_confidence: int | None
    ink: tuple[float, float] | None
    confidence: tuple[float, float] | None

    @classmethod
    def of_figures(cls, figures: Mapping[str, Any]) -> Reference:
        """From the validation metrics in a manifest; older versions lack some."""
        verdicts = figures.get("verdicts")
        return cls(
            images=figures.get("images", 0),
            doubtful=verdicts and sum(verdicts[verdict.value] for verdict in DOUBTFUL),
            low_confidence=figures.get("low_confidence"),
            ink=_mean_and_sd(figures.get("ink")),
            confidence=_mean_and_sd(figures.get("confidence")),
        )

    @classmethod
    def of_answers(cls, answers: Answers) -> Reference:
        """From the answers of a version for the validation images."""
        ink, confidences = mean_ink(answers.part.images), answers.confidences
        return cls(
            images=len(confidences),
            doubtful=sum(verdict in DOUBTFUL for verdict in answers.verdicts),
            low_confidence=int((confidences < LOW_CONFIDENCE).sum()),
            ink=(float(ink.mean(dtype=np.float64)), float(ink.std(dtype=np.float64))),
            confidence=(float(confidences.mean(dtype=np.float64)), float(confidences.std(dtype=np.float64))),
        )


@dataclass(frozen=True)
class Estimate:
    """A share or a mean with its 95 % interval, and the same of the validation images, None if unknown."""

    value: float
    low: float
    high: float
    reference: float | None


@dataclass(frozen=True)
class Period:
    """The readings of one hour or day that are not blank, from `start` on."""

    start: datetime
    readings: int
    doubtful: int
    ink: float | None


@dataclass(frozen=True)
class Drift:
    """How the readings of some time differ from the validation images.

    readings: those that are not blank.  doubtful, low_confidence, confidence, ink: None from too few readings.
    ink_is_different: whether it is certain that strokes are thicker or thinner.
    """

    readings: int
    verdicts: Mapping[Verdict, int]
    doubtful: Estimate | None
    low_confidence: Estimate | None
    confidence: Estimate | None
    ink: Estimate | None
    ink_is_different: bool
    corrections: int
    advice: Advice


def compare(counts: Mapping[Key, Tally], reference: Reference, corrections: int) -> Drift:
    """Compare the counts of a version with its validation images.

    corrections: how many wait that the version did not learn from.
    """
    hours = _by_hour(counts)
    readings = sum(hour.count for hour in hours)
    verdicts = {verdict: 0 for verdict in Verdict}
    for key, tally in counts.items():
        verdicts[key.verdict] += tally.count
    if readings < FEWEST_READINGS:
        return Drift(readings, verdicts, None, None, None, None, False, corrections, Advice.WAIT)
    doubtful = _share([(hour.doubtful, hour.count) for hour in hours], reference.doubtful, reference.images)
    ink = _mean([(hour.ink_sum, hour.ink_count) for hour in hours], reference.ink)
    return Drift(
        readings=readings,
        verdicts=verdicts,
        doubtful=doubtful,
        low_confidence=_share(
            [(hour.low_confidence, hour.count) for hour in hours], reference.low_confidence, reference.images
        ),
        confidence=_mean([(hour.confidence_sum, hour.count) for hour in hours], reference.confidence),
        ink=ink,
        ink_is_different=ink is not None and _differs(ink, reference.ink),
        corrections=corrections,
        advice=_advice(doubtful, corrections),
    )


def periods(counts: Mapping[Key, Tally], *, daily: bool) -> list[Period]:
    """The readings of each hour, or of each day in UTC, in their order; those without readings are left out."""
    parts: dict[datetime, list[_Hour]] = {}
    for hour in _by_hour(counts):
        parts.setdefault(hour.start.replace(hour=0) if daily else hour.start, []).append(hour)
    return [_period(start, hours) for start, hours in parts.items()]


@dataclass
class _Hour(Tally):
    """The readings of an hour that are not blank."""

    start: datetime = datetime.min
    doubtful: int = 0


def _by_hour(counts: Mapping[Key, Tally]) -> list[_Hour]:
    hours: dict[datetime, _Hour] = {}
    for key, tally in sorted(counts.items()):
        if key.verdict is not Verdict.BLANK:
            hour = hours.setdefault(key.hour, _Hour(start=key.hour))
            hour.add(tally)
            hour.doubtful += tally.count if key.verdict in DOUBTFUL else 0
    return list(hours.values())


def _period(start: datetime, hours: Iterable[_Hour]) -> Period:
    total, doubtful = Tally(), 0
    for hour in hours:
        total.add(Tally(hour.count, ink_sum=hour.ink_sum, ink_count=hour.ink_count))
        doubtful += hour.doubtful
    return Period(start, total.count, doubtful, total.ink_sum / total.ink_count if total.ink_count else None)


def _advice(doubtful: Estimate, corrections: int) -> Advice:
    if doubtful.reference is None:
        return Advice.UNKNOWN
    limit = TIMES_RAISED * max(doubtful.reference, LEAST_DOUBTFUL)
    if doubtful.low > limit:
        return Advice.RETRAIN if corrections >= FEWEST_CORRECTIONS else Advice.COLLECT
    return Advice.NOTHING if doubtful.high <= limit else Advice.WAIT


def _share(hours: Sequence[tuple[int, int]], reference: int | None, images: int) -> Estimate:
    """A share of readings: (hits, readings) of each hour.  Wilson's interval over an effective number of readings."""
    count = sum(readings for _, readings in hours)
    share = sum(hits for hits, _ in hours) / count
    effect = _design_effect(hours, share, share * (1 - share))
    low, high = wilson_interval(share * count / effect, count / effect)
    return Estimate(share, low, high, None if reference is None or not images else reference / images)


def _mean(hours: Sequence[tuple[float, int]], reference: tuple[float, float] | None) -> Estimate | None:
    """A mean: (sum, number) of each hour.  The spread of single readings is that of the validation images."""
    count = sum(number for _, number in hours)
    if count < FEWEST_READINGS or reference is None:
        return None
    mean = sum(total for total, _ in hours) / count
    sd = reference[1]
    margin = 1.96 * sd * math.sqrt(_design_effect(hours, mean, sd * sd) / count)
    return Estimate(mean, mean - margin, mean + margin, reference[0])


def _design_effect(hours: Sequence[tuple[float, int]], mean: float, variance: float) -> float:
    """How many times as much a mean varies as one of independent readings with this variance.

    Readings of an hour resemble each other, because few people write them.  The hours' own spread shows how much.
    Source: Cochran 1977, Sampling Techniques, section 9A (ratio estimate of clusters).
    """
    used = [(total, number) for total, number in hours if number]
    count = sum(number for _, number in used)
    if len(used) < FEWEST_HOURS or variance <= 0:
        return DESIGN_EFFECT
    degrees = len(used) - 1
    spread = sum((total - mean * number) ** 2 for total, number in used) * len(used) / degrees / count
    quantile = T_95[degrees - 1] / 1.96 if degrees <= len(T_95) else 1.0
    return max(1.0, spread / variance * quantile**2)


def _differs(ink: Estimate, reference: tuple[float, float] | None) -> bool:
    assert reference is not None
    mean, sd = reference
    return ink.low > mean + INK_SDS * sd or ink.high < mean - INK_SDS * sd


def _mean_and_sd(figures: Mapping[str, float] | None) -> tuple[float, float] | None:
    return None if figures is None else (figures["mean"], figures["sd"])
