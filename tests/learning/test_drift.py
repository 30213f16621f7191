from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from mnist_classifier.core.records import LOW_CONFIDENCE, Verdict
from mnist_classifier.learning.drift import Advice, Drift, Reference, compare, periods
from mnist_classifier.learning.drift_words import in_the_last, percent, sentence
from mnist_classifier.learning.reading_counts import Key, Tally

MONDAY = datetime(2026, 3, 2, tzinfo=timezone.utc)
INK_MEAN, INK_SD = 0.131, 0.043
# As the model in the box reads its validation images.
REFERENCE = Reference(5000, doubtful=53, low_confidence=60, ink=(INK_MEAN, INK_SD), confidence=(0.996, 0.029))
CORRECTIONS = 41


def week(
    rng: np.random.Generator,
    *,
    readings: int,
    doubtful: float = 0.0106,
    ink: float = INK_MEAN,
    people_sd: float = 0.0,
    hours: int = 40,
) -> dict[Key, Tally]:
    """Readings of some hours of a week.

    doubtful: share in doubt.  people_sd: how much each hour's writer differs, in ink as a part of the mean and in doubt
    as a part of the share.
    """
    counts: dict[Key, Tally] = {}
    for hour in rng.choice(168, hours, replace=False):
        person = max(0.0, 1 + people_sd * rng.standard_normal())
        number = int(rng.poisson(readings / hours))
        doubts = int(rng.binomial(number, min(1.0, doubtful * person)))
        for verdict, count in ((Verdict.DIGIT, number - doubts), (Verdict.AMBIGUOUS, doubts)):
            confidences = rng.uniform(0.5, 0.85, count) if verdict is Verdict.AMBIGUOUS else np.full(count, 0.998)
            inks = rng.normal(ink * (1 + people_sd * 0.3 * rng.standard_normal()), INK_SD, count)
            low = int((confidences < LOW_CONFIDENCE).sum())
            counts[Key(MONDAY + timedelta(hours=int(hour)), 3, verdict)] = Tally(
                count, low, float(confidences.sum()), float(inks.sum()), count
            )
    return counts


def compared(counts: dict[Key, Tally], corrections: int = CORRECTIONS) -> Drift:
    return compare(counts, REFERENCE, corrections)


@pytest.mark.parametrize("readings", [150, 1000, 10_000])
@pytest.mark.parametrize("people_sd", [0.0, 0.5])
def test_without_a_change_hardly_a_week_in_hundreds_raises_an_alarm(readings: int, people_sd: float):
    rng = np.random.default_rng(1)
    found = [compared(week(rng, readings=readings, people_sd=people_sd)) for _ in range(300)]
    assert sum(each.advice in (Advice.RETRAIN, Advice.COLLECT) for each in found) <= 1
    assert sum(each.ink_is_different for each in found) <= 1


def test_other_people_who_are_read_worse_are_noticed():
    rng = np.random.default_rng(2)
    found = [compared(week(rng, readings=1200, doubtful=0.08, people_sd=0.5)) for _ in range(200)]
    assert sum(each.advice is Advice.RETRAIN for each in found) >= 195
    assert not any(each.ink_is_different for each in found)


def test_another_pen_that_is_read_well_is_noticed_but_needs_no_retraining():
    rng = np.random.default_rng(3)
    found = [compared(week(rng, readings=1200, ink=0.62 * INK_MEAN)) for _ in range(200)]
    assert all(each.ink_is_different for each in found)
    assert not any(each.advice in (Advice.RETRAIN, Advice.COLLECT) for each in found)


@pytest.mark.parametrize("share", [0.03, 0.05, 0.1])
@pytest.mark.parametrize("people_sd", [0.0, 0.6])
def test_the_interval_holds_the_true_share_in_19_of_20_weeks(share: float, people_sd: float):
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        found = compared(week(rng, readings=1500, doubtful=share, people_sd=people_sd)).doubtful
        assert found is not None
        held += found.low <= share <= found.high
    assert held >= 370


def test_a_single_person_in_one_hour_counts_as_less_than_as_many_people():
    one_hour = compared({Key(MONDAY, 3, Verdict.DIGIT): Tally(190), Key(MONDAY, 3, Verdict.AMBIGUOUS): Tally(10)})
    counts: dict[Key, Tally] = {}
    for hour in range(10):
        counts[Key(MONDAY + timedelta(hours=hour), 3, Verdict.DIGIT)] = Tally(19)
        counts[Key(MONDAY + timedelta(hours=hour), 3, Verdict.AMBIGUOUS)] = Tally(1)
    ten_hours = compared(counts)
    assert one_hour.doubtful is not None
    assert ten_hours.doubtful is not None
    assert one_hour.doubtful.value == ten_hours.doubtful.value == 0.05
    assert one_hour.doubtful.high - one_hour.doubtful.low > ten_hours.doubtful.high - ten_hours.doubtful.low


def test_nothing_is_said_from_99_readings_and_blanks_are_none():
    counts = {Key(MONDAY, 3, Verdict.AMBIGUOUS): Tally(99), Key(MONDAY, 3, Verdict.BLANK): Tally(500)}
    found = compared(counts)
    assert (found.readings, found.doubtful, found.ink, found.advice) == (99, None, None, Advice.WAIT)
    assert sentence(found, 168) == (
        "In the last week, the model in production read 99 digits. "
        "At least 100 are needed to compare them with the validation images."
    )
    assert compared({}).readings == 0


def test_no_ink_is_known_of_digits_of_numbers():
    found = compared({Key(MONDAY, 3, Verdict.DIGIT): Tally(500, 0, 499.0)})
    assert (found.ink, found.ink_is_different) == (None, False)
    assert found.confidence is not None


def many(doubtful: int, ink: float = INK_MEAN, readings: int = 1240) -> dict[Key, Tally]:
    """Readings of ten hours."""
    counts = {}
    for hour in range(10):
        at = MONDAY + timedelta(hours=hour)
        for verdict, count in ((Verdict.DIGIT, (readings - doubtful) // 10), (Verdict.NOT_A_DIGIT, doubtful // 10)):
            counts[Key(at, 3, verdict)] = Tally(count, 0, 0.9 * count, ink * count, count)
    return counts


@pytest.mark.parametrize(
    ("doubtful", "ink", "corrections", "words"),
    [
        (
            110, 0.62 * INK_MEAN, 41,
            "In the last week, 8.9 % of 1,240 digits were refused or ambiguous, "
            "against 1.1 % of the validation images. "
            "Strokes are thinner (ink 62 instead of 100). "
            "41 corrections are waiting: retrain with them. "
            "With fewer than about 100 in all, you decide whether to use the new version.",
        ),
        (
            110, INK_MEAN, 100,
            "In the last week, 8.9 % of 1,240 digits were refused or ambiguous, "
            "against 1.1 % of the validation images. "
            "100 corrections are waiting: retrain with them.",
        ),
        (
            110, INK_MEAN, 1,
            "In the last week, 8.9 % of 1,240 digits were refused or ambiguous, "
            "against 1.1 % of the validation images. "
            "Only one correction is waiting; it takes 20 to teach the model something. Label more, then retrain.",
        ),
        (
            10, 1.5 * INK_MEAN, 41,
            "In the last week, 0.8 % of 1,240 digits were refused or ambiguous, "
            "against 1.1 % of the validation images. "
            "Strokes are thicker (ink 150 instead of 100). "
            "They are read about as well as the validation images, so retraining is not needed.",
        ),
        (
            30, INK_MEAN, 41,
            "In the last week, 2.4 % of 1,240 digits were refused or ambiguous, "
            "against 1.1 % of the validation images. "
            "The true share lies between 1.7 % and 3.4 %, so this may be chance. Wait for more readings.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_says_whether_retraining_is_worth_it_and_why(
    doubtful: int, ink: float, corrections: int, words: str
):
    assert sentence(compared(many(doubtful, ink), corrections), 168) == words


def test_without_figures_of_the_validation_images_there_is_nothing_to_compare_with():
    known = Reference.of_figures({"images": 5000})
    found = compare(many(110), known, CORRECTIONS)
    assert (found.advice, found.ink, found.doubtful and found.doubtful.reference) == (Advice.UNKNOWN, None, None)
    assert "nothing to compare with" in sentence(found, 24)


def test_figures_of_a_manifest_are_the_reference():
    verdicts = {"digit": 4947, "ambiguous": 50, "not_a_digit": 3}
    figures = {"images": 5000, "verdicts": verdicts, "low_confidence": 60, "ink": {"mean": INK_MEAN, "sd": INK_SD}}
    assert Reference.of_figures(figures) == Reference(5000, 53, 60, (INK_MEAN, INK_SD), None)


def test_hours_are_summed_to_days():
    counts = {
        Key(MONDAY + timedelta(hours=hour), 3, verdict): Tally(count, ink_sum=0.1 * count, ink_count=count)
        for hour, verdict, count in (
            (1, Verdict.DIGIT, 9), (1, Verdict.AMBIGUOUS, 1), (23, Verdict.NOT_A_DIGIT, 2), (25, Verdict.DIGIT, 4),
            (50, Verdict.BLANK, 5),
        )
    }  # fmt: skip
    hourly, daily = periods(counts, daily=False), periods(counts, daily=True)
    assert [(each.start.hour, each.readings, each.doubtful) for each in hourly] == [(1, 10, 1), (23, 2, 2), (1, 4, 0)]
    assert [(each.start, each.readings, each.doubtful) for each in daily] == [
        (MONDAY, 12, 3),
        (MONDAY + timedelta(days=1), 4, 0),
    ]
    assert daily[0].ink == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(168, "In the last week"), (336, "In the last 2 weeks"), (48, "In the last 2 days"), (1, "In the last hour")],
)
def test_a_time_is_said_in_its_largest_unit(hours: int, words: str):
    assert in_the_last(hours) == words


@pytest.mark.parametrize(("share", "words"), [(0.0, "0 %"), (0.0106, "1.1 %"), (0.09, "9 %"), (0.25, "25 %")])
def test_shares_are_said_with_few_digits(share: float, words: str):
    assert percent(share) == words
