from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.page.underlines import interpretations
from tests.recognition.page.drawings import HEIGHT_PX, Points, ink, line, number, turned

SIZE = (420, 160)
NUMBER = number("1701", 50, 40)
PLAIN = ink(NUMBER, SIZE)


def smallest_difference(written: list[Points]) -> float:
    """The share of the number's ink by which the best interpretation differs from the plain number."""
    found = interpretations(ink(written, SIZE), HEIGHT_PX)
    return min(float(np.abs(each - PLAIN).sum()) for each in found.inks) / float(PLAIN.sum())


@pytest.mark.parametrize(
    "lines",
    [
        [line((40, 115), (320, 115))],
        [line((40, 112), (320, 125))],
        [line((40, 112), (320, 112)), line((40, 124), (320, 124))],
        [line((30, 99), (330, 99))],
        [line((30, 92), (330, 104))],
    ],
    ids=["level", "rising", "double", "touching every digit", "touching one digit"],
)
def test_an_underline_is_taken_away(lines: list[Points]):
    assert smallest_difference([*NUMBER, *lines]) < 0.15


@pytest.mark.parametrize("text", ["7", "2", "4", "77", "22", "1701", "44"])
def test_bars_and_feet_of_digits_survive(text: str):
    drawn = ink(number(text, 50, 40), SIZE)
    found = interpretations(drawn, HEIGHT_PX)
    assert np.array_equal(found.inks[0], drawn)
    assert found.warnings == ()


@pytest.mark.parametrize(
    "lines",
    [
        [line((35, 70), (310, 70))],
        [line((35, 62), (310, 66)), line((35, 76), (310, 80))],
        turned([line((35, 70), (310, 70))], 8, (170, 70)),
    ],
    ids=["once", "twice", "slanted"],
)
def test_a_struck_through_number_has_a_warning(lines: list[Points]):
    found = interpretations(ink([*NUMBER, *lines], SIZE), HEIGHT_PX)
    assert [warning.code for warning in found.warnings] == ["struck_through"]


def drawing(written: list[Points]) -> npt.NDArray[np.uint8]:
    return np.rint(255 - 255 * ink(written, SIZE)).astype(np.uint8)


@pytest.mark.parametrize("lines", [[115], [115, 128]], ids=["single", "double"])
@pytest.mark.parametrize("digit", ["0", "1", "2", "7"])
def test_a_digit_is_read_without_the_line_under_it(digit: str, lines: list[int]):
    alone = number(digit, 50, 40)
    underlined = [*alone, *(line((40, y), (130, y + 2)) for y in lines)]
    assert np.array_equal(make_glyph(drawing(underlined)), make_glyph(drawing(alone)))


def test_the_foot_of_a_digit_is_no_line_under_it():
    written = [line((60, 40), (100, 40)), line((100, 40), (62, 90)), line((62, 104), (96, 104))]
    assert not np.array_equal(make_glyph(drawing(written)), make_glyph(drawing(written[:2])))


def test_a_wide_foot_beside_other_digits_is_no_underline():
    wide_two = [line((90, 40), (110, 60)), line((110, 60), (90, 100)), line((60, 100), (140, 100))]
    drawn = ink([*number("7", 10, 40), *wide_two, *number("1", 160, 40)], SIZE)
    assert len(interpretations(drawn, HEIGHT_PX).inks) == 1


def test_a_line_apart_from_a_digit_of_two_small_parts_is_taken_away():
    four = [line((70, 40), (60, 62)), line((60, 62), (80, 62)), line((100, 36), (88, 90))]
    found = interpretations(ink([*four, line((50, 100), (120, 100))], SIZE), 26)
    assert np.abs(found.inks[0] - ink(four, SIZE)).max() < 0.1
