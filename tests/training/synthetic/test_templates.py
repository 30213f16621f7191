from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.training.synthetic.templates import DIGITS, DOODLES, LETTERS, SIGNS, parse


def test_every_template_consists_of_strokes_in_or_near_its_box():
    for ways in (*DIGITS, *LETTERS.values(), *SIGNS.values(), *DOODLES.values()):
        assert ways
        for _, points in (stroke for template in ways for stroke in parse(template)):
            assert points.ndim == 2
            assert points.shape[0] >= 2
            assert points.shape[1] == 2
            assert -50 <= points.min() < points.max() <= 150


def test_the_ten_digits_and_letters_of_both_cases_have_templates():
    assert len(DIGITS) == 10
    assert {"A", "a", "E", "e"} <= set(LETTERS)


def test_lines_curves_and_ellipses_are_told_apart():
    strokes = parse("0,0 10,-20 / -5,0 10,0 / ~0,0 5,5 10,0 / o50,40,30,20")
    assert [is_smooth for is_smooth, _ in strokes] == [False, False, True, True]
    assert strokes[0][1].tolist() == [[0, 0], [10, -20]]
    assert np.ptp(strokes[3][1], axis=0) == pytest.approx([60, 40], rel=0.02)


def test_comments_are_no_part_of_a_template():
    assert not any("#" in template for ways in DIGITS for template in ways)
