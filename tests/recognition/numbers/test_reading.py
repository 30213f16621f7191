from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mnist_classifier.core.records import MarkKind, NumberReading, NumberVerdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.numbers import doubts, reading
from mnist_classifier.recognition.numbers.expected import Expected
from mnist_classifier.recognition.numbers.looks import read_ink
from mnist_classifier.recognition.recogniser import Recogniser
from tests.recognition.page.drawings import Points, line, number, paper, table

SIZE = (640, 160)
TOP = 50


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def slash(x: float) -> Points:
    return line((x + 26, TOP - 6), (x, TOP + 66))


def date() -> np.ndarray:
    parts = [*number("12", 30, TOP), slash(165), *number("0", 205, TOP), *number("7", 275, TOP), slash(345)]
    return paper([*parts, *number("24", 390, TOP)], SIZE)


def test_a_date_has_its_slashes_in_the_text_and_not_in_the_number(recogniser: Recogniser):
    found = recogniser.read_number(date())
    assert (found.text, found.number) == ("12/07/24", "120724")
    assert [mark.kind for mark in found.marks] == [MarkKind.SLASH, MarkKind.SLASH]
    for mark, left in zip(found.marks, (165, 345), strict=True):
        assert abs(mark.box[0] - left) <= 6
    assert [digit.reading.prediction for digit in found.digits] == [1, 2, 0, 7, 2, 4]


def test_each_line_has_its_number_and_its_box(recogniser: Recogniser):
    found = recogniser.read_number(paper([*number("17", 30, 30), *number("204", 30, 130)], (400, 240)))
    assert [each.number for each in found.lines] == ["17", "204"]
    assert found.number == found.text == "17\n204"
    upper, lower = (each.box for each in found.lines)
    assert abs(upper[1] - 30) <= 6
    assert abs(lower[1] - 130) <= 6


def test_a_table_has_cells_and_empty_ones_are_blank(recogniser: Recogniser):
    grid = table((20, 130, 240), (20, 200, 380))
    found = recogniser.read_number(paper([*number("17", 40, 45), *number("4", 240, 155)], (400, 260), printed=grid))
    assert [(cell.row, cell.column, cell.number) for cell in found.cells] == [
        (0, 0, "17"), (0, 1, None), (1, 0, None), (1, 1, "4"),
    ]  # fmt: skip
    assert [cell.verdict for cell in found.cells[:2]] == [NumberVerdict.NUMBER, NumberVerdict.BLANK]


@pytest.mark.parametrize(("expected", "is_unexpected"), [(Expected(length=3), False), (Expected(length=5), True)])
def test_a_number_of_another_length_is_unexpected(recogniser: Recogniser, expected: Expected, is_unexpected: bool):
    found = recogniser.read_number(paper(number("741", 40, TOP), SIZE), expected=expected)
    assert found.number == "741"
    assert [warning.code for warning in found.warnings] == ["unexpected"] * is_unexpected
    assert found.verdict is (NumberVerdict.AMBIGUOUS if is_unexpected else NumberVerdict.NUMBER)


def test_only_allowed_digits_are_read(recogniser: Recogniser):
    found = recogniser.read_number(paper(number("17", 40, TOP), SIZE), expected=Expected(allowed="0123456789"))
    assert found.number == "17"
    restricted = recogniser.read_number(paper(number("17", 40, TOP), SIZE), expected=Expected(allowed="12"))
    assert "7" not in (restricted.number or "")
    assert restricted.verdict is not NumberVerdict.NUMBER


def test_what_looks_like_a_forbidden_digit_is_likelier_none():
    opinions = np.array([[0.0] * 7 + [0.99, 0.01, 0.0, 0.02]], np.float32)
    assert reading.allowing(opinions, "0123456789") is opinions
    allowed = reading.allowing(opinions, "89")
    assert allowed[0, :10].sum() == pytest.approx(1)
    assert allowed[0, 7] == 0
    assert allowed[0, 10] > 0.6


def test_candidates_are_sorted_and_their_probabilities_are_at_most_one(recogniser: Recogniser):
    found = recogniser.read_number(date())
    probabilities = [candidate.probability for candidate in found.candidates]
    assert found.candidates[0].number == found.number
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1 + 1e-9


def test_ink_as_tall_as_a_digit_that_is_left_out_is_a_doubt(recogniser: Recogniser):
    picture = paper(number("741", 40, TOP), SIZE)
    inked = read_ink(picture)
    assert inked is not None
    whole = recogniser.read_number(picture).scaled(1 / inked.scale)
    assert doubts.with_doubts(whole, inked) == whole
    partial = dataclasses.replace(whole, digits=whole.digits[:2])
    doubtful = doubts.with_doubts(partial, inked)
    assert doubtful.verdict is NumberVerdict.AMBIGUOUS
    assert [warning.code for warning in doubtful.warnings] == ["unexplained_ink"]


def test_an_outline_of_a_digits_size_around_nothing_is_a_doubt(recogniser: Recogniser):
    picture = paper(number("741", 40, TOP), SIZE)
    inked = read_ink(picture)
    assert inked is not None
    whole = recogniser.read_number(picture).scaled(1 / inked.scale)
    height = round(inked.height)
    suspicious = dataclasses.replace(inked, outlines=((inked.ink.shape[1] - height, 0, height, height),))
    assert doubts.with_doubts(whole, suspicious).verdict is NumberVerdict.AMBIGUOUS


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (NumberReading("10", 0.5, NumberVerdict.AMBIGUOUS), NumberVerdict.NUMBER),
        (NumberReading("7", 0.8, NumberVerdict.AMBIGUOUS), NumberVerdict.AMBIGUOUS),
        (NumberReading("0", 0.98, NumberVerdict.NUMBER), NumberVerdict.NUMBER),
    ],
    ids=["unsure", "another that is likely", "the same"],
)
def test_a_sure_reading_is_doubted_if_another_number_is_likely(other: NumberReading, expected: NumberVerdict):
    best = doubts.choose([other, NumberReading("0", 0.999, NumberVerdict.NUMBER)], ())
    assert (best.number, best.verdict) == ("0", expected)


def test_a_reading_in_doubt_stays_in_doubt():
    best = doubts.choose(
        [NumberReading("10", 0.5, NumberVerdict.AMBIGUOUS), NumberReading("0", 0.6, NumberVerdict.AMBIGUOUS)], ()
    )
    assert (best.number, best.verdict) == ("0", NumberVerdict.AMBIGUOUS)


def test_a_border_moves_to_where_the_line_reader_sees_nothing():
    blank = np.log(np.array([0.99, 0.99, 0.01, 0.3, 0.99, 0.99, 0.01, 0.99], np.float32))
    opinions = np.full((8, 23), -5, np.float32)
    opinions[:, 0] = blank
    assert reading.between_spikes(np.array([0, 4, 8]), opinions).tolist() == [0, 5, 8]
