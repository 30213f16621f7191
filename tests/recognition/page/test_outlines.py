from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.imaging.background import extent_of
from mnist_classifier.recognition.page.outlines import may_enclose, remove_outlines
from tests.recognition.page.drawings import Points, circle, digit, frame, ink, line, number, table

SIZE = (420, 170)
NUMBER = number("1701", 60, 50)
PLAIN = ink(NUMBER, SIZE)


def difference(rest: np.ndarray, plain: np.ndarray) -> float:
    """The difference from the plain number, as a share of its ink."""
    return float(np.abs(rest - plain).sum()) / float(plain.sum())


@pytest.mark.parametrize("grey", [0, 150], ids=["black", "grey"])
@pytest.mark.parametrize(
    "outline",
    [
        frame(30, 25, 350, 145),
        frame(30, 25, 350, 145) + frame(22, 17, 358, 153),
        [line((34, 30), (352, 22), (347, 146), (28, 140), (33, 26))],
        circle(190, 82, 178, 72),
        circle(190, 82, 178, 72, turns=0.97),
        table((25, 145), (30, 115, 180, 246, 330)),
    ],
    ids=["frame", "double frame", "hand-drawn frame", "circle", "open circle", "boxes"],
)
def test_what_encloses_a_number_is_removed(outline: list[Points], grey: int):
    rest, outlines = remove_outlines(ink(NUMBER, SIZE, printed=outline, grey=grey))
    assert outlines
    assert difference(rest, PLAIN) < 0.06


@pytest.mark.parametrize("shift", [-3, 0, 3])
def test_digits_survive_the_removal_of_a_box_that_they_touch(shift: int):
    boxes = [edge for place in range(4) for edge in frame(50 + 66 * place, 47 + shift, 116 + 66 * place, 115 + shift)]
    rest, outlines = remove_outlines(ink(NUMBER, SIZE, printed=boxes, grey=60))
    assert outlines
    assert difference(rest, PLAIN) < 0.15


def test_one_digit_that_touches_its_box_survives():
    drawn = digit(7, 60, 50)
    rest, outlines = remove_outlines(ink(drawn, (170, 170), printed=frame(55, 40, 100, 125), grey=0))
    assert [outline.is_straight for outline in outlines] == [True]
    assert difference(rest, ink(drawn, (170, 170))) < 0.2


def test_a_comb_is_removed():
    comb = [line((40, 118), (304, 118)), *(line((x, 95), (x, 118)) for x in range(40, 320, 66))]
    rest, outlines = remove_outlines(ink(NUMBER, SIZE, printed=comb, grey=100))
    assert outlines
    assert difference(rest, PLAIN) < 0.06


@pytest.mark.parametrize("text", ["0", "00", "70", "4", "1701", "0000"])
def test_digits_are_no_outlines(text: str):
    drawn = ink(number(text, 50, 50), SIZE)
    rest, outlines = remove_outlines(drawn)
    assert outlines == []
    assert rest is drawn


def test_a_dot_in_a_zero_is_no_content():
    drawn = ink([*digit(0, 50, 30, 100), line((100, 80), (102, 82))], SIZE)
    assert remove_outlines(drawn)[1] == []


def test_a_square_zero_is_no_frame():
    assert remove_outlines(ink(frame(50, 40, 95, 110), SIZE))[1] == []


def test_a_number_sign_is_no_table():
    sign = [line((60, 40), (50, 110)), line((85, 40), (75, 110)), line((40, 62), (95, 60)), line((38, 88), (93, 86))]
    assert remove_outlines(ink([*sign, *number("17", 130, 40)], SIZE))[1] == []


def test_a_circle_that_the_digit_touches_is_removed():
    drawn = digit(7, 60, 50)
    rest, outlines = remove_outlines(ink([*drawn, *circle(85, 84, 46, 44)], (170, 170)))
    assert [outline.is_straight for outline in outlines] == [False]
    assert difference(rest, ink(drawn, (170, 170))) < 0.3


def test_a_round_slashed_zero_is_no_circle():
    assert remove_outlines(ink([*circle(85, 84, 40, 44), line((56, 112), (114, 56))], (170, 170)))[1] == []


def may_have_outline(written: list[Points]) -> bool:
    levels = np.rint(ink(written, (170, 170)) * 255).astype(np.uint8)
    return may_enclose(levels, extent_of(levels))


@pytest.mark.parametrize("value", [0, 1, 2, 4, 7])
def test_a_digit_alone_is_not_searched_for_outlines(value: int):
    assert not may_have_outline(digit(value, 50, 40, 90))


@pytest.mark.parametrize("outline", [frame(40, 30, 130, 140), circle(85, 85, 60, 62)], ids=["frame", "circle"])
def test_a_digit_in_an_outline_is_searched_for_outlines(outline: list[Points]):
    assert all(may_have_outline([*digit(value, 60, 55), *outline]) for value in (0, 2, 4, 7))


def test_a_four_is_no_comb_and_the_zero_beside_it_no_empty_box():
    four = [line((60, 60), (60, 100), (105, 100)), line((104, 60), (104, 104))]
    drawn = ink([*four, *digit(1, 60, 10, 40), *digit(0, 125, 50)], (220, 130))
    rest, outlines = remove_outlines(drawn)
    assert outlines == []
    assert rest is drawn


def test_an_open_circle_close_around_a_digit_is_removed():
    drawn, opening = digit(7, 60, 50), 0.95
    rest, outlines = remove_outlines(ink([*drawn, *circle(82, 82, 48, 48, turns=opening)], (170, 170)))
    assert len(outlines) == 1
    assert difference(rest, ink(drawn, (170, 170))) < 0.06
