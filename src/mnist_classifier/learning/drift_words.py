"""Drift in a few plain sentences: what was measured, whether retraining is worth it, and why."""

from __future__ import annotations

from mnist_classifier.evaluation.correction_checks import FEWEST_HELD_OUT
from mnist_classifier.learning.drift import FEWEST_CORRECTIONS, FEWEST_READINGS, Advice, Drift, Estimate
from mnist_classifier.learning.held_out import PARTS

# With fewer, a training holds out too few to put its version into use.
ENOUGH_TO_DECIDE = PARTS * FEWEST_HELD_OUT
HOURS_A_DAY, HOURS_A_WEEK = 24, 168


def sentence(drift: Drift, hours: int) -> str:
    """The result for people.  hours: how long the readings were counted."""
    when = in_the_last(hours)
    if drift.doubtful is None:
        return (
            f"{when}, the model in production read {_readings(drift.readings)}. "
            f"At least {FEWEST_READINGS} are needed to compare them with the validation images."
        )
    return " ".join(
        [f"{when}, {_compared(drift.doubtful, drift.readings)}", *_ink(drift), _advice(drift, drift.doubtful)]
    )


def in_the_last(hours: int) -> str:
    """A time in words."""
    for unit, name in ((HOURS_A_WEEK, "week"), (HOURS_A_DAY, "day"), (1, "hour")):
        if hours % unit == 0:
            number = hours // unit
            return f"In the last {name}" if number == 1 else f"In the last {number} {name}s"
    raise AssertionError(hours)


def _compared(doubtful: Estimate, readings: int) -> str:
    found = f"{percent(doubtful.value)} of {_readings(readings)} were refused or ambiguous"
    if doubtful.reference is None:
        return f"{found}."
    return f"{found}, against {percent(doubtful.reference)} of the validation images."


def _ink(drift: Drift) -> list[str]:
    ink = drift.ink
    if ink is None or not ink.reference or not drift.ink_is_different:
        return []
    kind = "thinner" if ink.value < ink.reference else "thicker"
    return [f"Strokes are {kind} (ink {100 * ink.value / ink.reference:.0f} instead of 100)."]


def _advice(drift: Drift, doubtful: Estimate) -> str:
    if drift.advice is Advice.UNKNOWN:
        return "This version has no figures of the validation images, so there is nothing to compare with."
    if drift.advice is Advice.NOTHING:
        return "They are read about as well as the validation images, so retraining is not needed."
    if drift.advice is Advice.WAIT:
        return (
            f"The true share lies between {percent(doubtful.low)} and {percent(doubtful.high)}, so this may be chance. "
            "Wait for more readings."
        )
    if drift.advice is Advice.RETRAIN:
        found = f"{drift.corrections:,} corrections are waiting: retrain with them."
        if drift.corrections >= ENOUGH_TO_DECIDE:
            return found
        return f"{found} With fewer than about {ENOUGH_TO_DECIDE} in all, you decide whether to use the new version."
    waiting = {0: "No correction is", 1: "Only one correction is"}.get(
        drift.corrections, f"Only {drift.corrections} corrections are"
    )
    return f"{waiting} waiting; it takes {FEWEST_CORRECTIONS} to teach the model something. Label more, then retrain."


def percent(share: float) -> str:
    """A share as people say it: one decimal below 10 %, none above."""
    return f"{100 * share:.{1 if share < 0.0995 else 0}f} %".replace(".0 %", " %")


def _readings(count: int) -> str:
    return "1 digit" if count == 1 else f"{count:,} digits"
