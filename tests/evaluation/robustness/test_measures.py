from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist, pen_digits
from mnist_classifier.evaluation.robustness import measures
from mnist_classifier.evaluation.robustness.bench import Answers, Bench, accepted, digit_score, rng_of
from mnist_classifier.evaluation.robustness.corruptions import CORRUPTIONS
from mnist_classifier.evaluation.robustness.report import Goal, Row
from mnist_classifier.evaluation.robustness.rows import calibration, share
from mnist_classifier.recognition.recogniser import BLANK, Recogniser


def reading(digit: int | None, confidence: float = 0.9, verdict: Verdict = Verdict.DIGIT) -> Reading:
    likeliest = digit or 0
    rest = (1 - confidence) / 9
    probabilities = tuple(confidence if i == likeliest else rest for i in range(10))
    return Reading(digit, confidence, probabilities, verdict)


@pytest.fixture
def bench(digits: mnist.Images, pen_dir: Path) -> Bench:
    return Bench(Recogniser.open(PRETRAINED_DIR), digits, pen_digits.load([pen_dir]), limit=6)


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row.id: row for row in rows}


def test_a_refused_digit_is_no_right_answer_and_an_ambiguous_one_is():
    answers = Answers(
        [reading(3), reading(None, verdict=Verdict.NOT_A_DIGIT), reading(5, verdict=Verdict.AMBIGUOUS), reading(2)],
        np.array([3, 0, 5, 1]),
    )
    assert answers.hits.tolist() == [True, False, True, False]
    assert answers.likeliest_hits.tolist() == [True, True, True, False]
    assert accepted(answers.readings).tolist() == [True, False, False, True]


def test_a_blank_scores_below_whatever_is_drawn():
    assert digit_score(BLANK) == 0
    assert digit_score(reading(1, 0.11)) > 0


def test_what_separates_digits_from_the_rest_is_not_which_digit_it_is():
    clear, unclear = (replace(reading(1, sure), not_a_digit=0.2) for sure in (0.99, 0.5))
    assert digit_score(clear) == digit_score(unclear) > digit_score(replace(clear, not_a_digit=0.3))
    # A model that knows digits alone has nothing but its confidence.
    assert digit_score(reading(1, 0.99)) > digit_score(reading(1, 0.98))


def test_a_share_of_single_pictures_has_wilsons_interval():
    row = share("a", "a", np.arange(100) < 80)
    assert (row.n, row.measured) == (100, 0.8)
    assert row.interval_95 == pytest.approx((0.7112, 0.8666), abs=1e-3)


def test_pictures_of_the_same_thing_count_as_less():
    rng = np.random.default_rng(0)
    hits = rng.random(300) < 0.9
    alike, unlike = np.stack([hits] * 3), rng.random((3, 300)) < 0.9
    widths = [np.ptp(share("a", "a", h).interval_95) for h in (hits, alike, unlike)]
    assert widths[1] == pytest.approx(widths[0])
    assert widths[2] < 0.7 * widths[0]


def test_a_perfect_share_still_has_an_interval():
    low, high = share("a", "a", np.ones((3, 50), bool)).interval_95
    assert 0.9 < low < 0.95
    assert high == pytest.approx(1)


def test_calibration_is_the_gap_and_its_interval_holds_it():
    hits = np.random.default_rng(0).random((3, 1000)) < 0.8
    row = calibration("a", "a", np.full((3, 1000), 0.9), hits, Goal(0.005, at_most=True))
    assert row.measured == pytest.approx(0.9 - hits.mean())
    low, high = row.interval_95
    assert low < 0.1 < high
    assert high - low < 0.1
    assert row.reached is False


def test_goals_are_bounds_that_the_figure_itself_keeps():
    assert Goal(0.99).is_reached_by(0.99)
    assert not Goal(0.99).is_reached_by(0.9899)
    assert Goal(0.02, at_most=True).is_reached_by(0.02)
    assert not Goal(0.02, at_most=True).is_reached_by(0.021)
    assert str(Goal(0.02, at_most=True)) == "<= 2.00%"


def test_pen_digits_have_a_row_for_each_width_the_mean_and_each_style(bench: Bench):
    rows = by_id(measures.pen_digits(bench))
    assert list(rows) == [f"pen_digits.{name}" for name in ("10px", "18px", "28px", "mean", "zeros", "ones", "sevens")]
    assert (rows["pen_digits.10px"].n, rows["pen_digits.mean"].n, rows["pen_digits.zeros"].n) == (6, 18, 6)
    assert rows["pen_digits.mean"].measured >= 0.9  # these are plain digits
    mean = np.mean([rows[f"pen_digits.{width}px"].measured for width in (10, 18, 28)])
    assert rows["pen_digits.mean"].measured == pytest.approx(mean)


def test_lookalikes_are_left_out_of_the_characters(bench: Bench):
    rows = by_id(measures.pen_characters(bench))
    assert {row.n for row in rows.values()} == {2}
    assert set(rows) == {"characters.auroc", "characters.accepted_at_1", "characters.accepted"}


def test_every_family_is_measured_with_pictures_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, list[bytes]] = {}

    def read(name: str, pictures: object) -> list[Reading]:
        seen[name] = [picture.tobytes() for picture in pictures]  # type: ignore[attr-defined]
        return [BLANK] * len(seen[name])

    monkeypatch.setattr(bench, "read", read)
    rows = measures.non_digits(bench)
    assert len(rows) == 7
    assert all(row.reached and row.n == 6 for row in rows)
    pictures = [picture for family in seen.values() for picture in family]
    assert len(set(pictures)) == len(pictures) == 7 * 6


def test_corruptions_have_a_row_each_the_mean_and_the_worst(bench: Bench):
    rows = by_id(measures.corruptions(bench))
    single = [rows[f"corruptions.{name}"].measured for name in CORRUPTIONS]
    assert rows["corruptions.mean"].measured == pytest.approx(np.mean(single))
    assert rows["corruptions.worst"].measured == min(single)
    assert rows["corruptions.mean"].n == 15 * 6


def test_a_part_is_a_part_of_the_same_pictures(bench: Bench):
    few, more = bench.chosen(1000), Bench(bench.recogniser, bench.digits, limit=60).chosen(1000)
    assert len(few) == 6
    assert set(few) < set(more)
    assert Bench(bench.recogniser, bench.digits).chosen(10).tolist() == list(range(10))
    assert rng_of("fog", 3).random() == rng_of("fog", 3).random()
    assert rng_of("fog", 3).random() != rng_of("thin", 3).random()


@pytest.mark.usefixtures("few_kinds_of_pages")
def test_what_several_measures_need_is_read_once(digits: mnist.Images, pen_dir: Path):
    parts: list[str] = []
    bench = Bench(Recogniser.open(PRETRAINED_DIR), digits, pen_digits.load([pen_dir]), 2, parts.append)
    for measure in measures.MEASURES.values():
        measure.make(bench)
    assert len(parts) == len(set(parts)) == sum(measure.parts for measure in measures.MEASURES.values())
