from __future__ import annotations

import json

import numpy as np
import pytest

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.evaluation.robustness.strings import Points, draw
from mnist_classifier.recognition.numbers import pen_strokes

SIZE = (400, 200)
FOUR = [
    np.array([(100.0, 40.0), (85.0, 110.0), (160.0, 110.0)]),
    np.array([(140.0, 60.0), (138.0, 170.0)]),
]
ONE = np.array([(220.0, 40.0), (218.0, 160.0)])


def ink_of(written: list[Points], pen_px: float) -> pen_strokes.Floats:
    return draw(written, pen_px, SIZE) / np.float32(255)


@pytest.mark.parametrize("pen_px", [6, 10, 18, 28])
def test_the_pen_is_found(pen_px: float):
    assert pen_strokes.fit_pen(ink_of([*FOUR, ONE], pen_px), [*FOUR, ONE]) == pytest.approx(pen_px, rel=0.2)


def test_each_stroke_is_a_piece_even_where_strokes_cross():
    lines = pen_strokes.find_lines(ink_of([*FOUR, ONE], 12), [*FOUR, ONE])
    assert lines is not None
    assert [piece.part for piece in lines[0].pieces] == [0, 1, 2]
    body, stem, _ = lines[0].pieces
    assert body.right > stem.left
    assert stem.ink.shape[0] == pytest.approx(122, abs=3)


def test_strokes_that_do_not_fit_the_ink_are_refused():
    assert pen_strokes.find_lines(ink_of([ONE], 12), FOUR) is None
    assert pen_strokes.find_lines(ink_of([*FOUR, ONE], 12), [ONE]) is None


def test_good_strokes_pass_the_check():
    (found,) = pen_strokes.parse_strokes(b"[[[1, 2.5], [3, 4]]]")
    assert found.tolist() == [[1, 2.5], [3, 4]]
    assert pen_strokes.parse_strokes(b"[]") == pen_strokes.parse_strokes(b"null") == []


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {},
        [[]],
        [7],
        [[[1]]],
        [[[1, 2, 3]]],
        [[["1", "2"]]],
        [[[True, 1]]],
        [[[None, 1]]],
        [[[float("nan"), 1]]],
        [[[float("inf"), 1]]],
        [[[1e9, 1]]],
        [[[10**400, 1]]],
        [[[0, 0]]] * 501,
        [[[0, 0]] * 20_001],
    ],
    ids=lambda value: str(value)[:24],
)
def test_bad_strokes_are_refused_with_a_reason(value: object):
    with pytest.raises(InvalidInput) as caught:
        pen_strokes.parse_strokes(json.dumps(value).encode())
    assert caught.value.field == "strokes"
