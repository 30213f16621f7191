from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness import strings


def bars(count: int) -> np.ndarray:
    """Glyphs of an upright bar, 4 px wide and 20 px tall."""
    glyphs = np.zeros((count, 28, 28), np.uint8)
    glyphs[:, 4:24, 12:16] = 255
    return glyphs


def test_the_same_generator_makes_the_same_picture():
    first, second = (strings.compose(bars(4), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first[:30, :30], strings.compose(bars(4), np.random.default_rng(4))[:30, :30])


@pytest.mark.parametrize("seed", range(20))
def test_digits_stand_in_order_within_the_picture_and_are_its_only_ink(seed: int):
    placed = strings.arrange(bars(5), np.random.default_rng(seed))
    picture = strings.paint(placed)
    lefts = [digit.left for digit in placed]
    assert lefts == sorted(lefts)
    rest = picture.copy()
    for digit in placed:
        x, y, width, height = digit.box
        assert np.all(picture[y : y + height, x : x + width] >= digit.ink)
        rest[y : y + height, x : x + width] = 0
    assert rest.max() == 0


def test_sizes_vary_but_none_is_smaller_than_in_mnist():
    heights = [
        digit.ink.shape[0] for seed in range(50) for digit in strings.arrange(bars(3), np.random.default_rng(seed))
    ]
    assert min(heights) >= 19
    assert max(heights) <= 20 * 4 * 1.3 + 2 * 4
    assert max(heights) > 2 * min(heights)


def test_gaps_are_mostly_narrow_some_wide_and_a_few_none():
    rng = np.random.default_rng(0)
    gaps = np.array([strings.draw_gap(rng) for _ in range(5000)])
    assert 0.04 < (gaps <= 0).mean() < 0.06
    assert 0.05 < (gaps > 0.5).mean() < 0.09
    assert gaps.min() >= -0.08


def test_digits_that_are_to_touch_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(strings, "draw_gap", lambda rng: 0.0)
    for seed in range(10):
        placed = strings.arrange(bars(2), np.random.default_rng(seed))
        columns = strings.paint(placed).max(axis=0)
        inked = np.flatnonzero(columns)  # in a part of the seeds one digit stands above the other's end
        assert columns[inked[0] : inked[-1]].min() > 0


def test_strokes_lie_on_the_ink_they_left():
    rng = np.random.default_rng(1)
    picture, strokes = strings.compose_strokes([strings.write(digit, rng) for digit in (4, 0, 7)], rng)
    assert picture.dtype == np.uint8
    for x, y in np.concatenate(strokes):
        assert picture[round(y), round(x)] == 255


@pytest.mark.parametrize("digit", range(10))
def test_a_written_digit_measures_a_thousand_units(digit: int):
    for seed in range(10):
        points = np.concatenate(strings.write(digit, np.random.default_rng(seed)))
        assert points.min() == 0
        assert points.max() == pytest.approx(1000)


def test_pens_are_of_ten_to_28_px():
    widths = [
        strings.arrange_strokes([strings.write(1, rng)], rng).pen_px for rng in map(np.random.default_rng, range(200))
    ]
    assert 10 <= min(widths) < 12
    assert 24 < max(widths) <= 28
