from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.numbers import cuts


def two_bars(bridge: int = 0, lean: float = 0.0) -> np.ndarray:
    """Two strokes, 6 px wide and 40 px tall, 20 px apart, joined by a bridge of `bridge` rows."""
    ink = np.zeros((40, 60), np.float32)
    for row in range(40):
        shift = round(lean * (20 - row))
        for left in (14, 40):
            ink[row, left + shift : left + shift + 6] = 1
    ink[20 : 20 + bridge, 16:44] = 1
    return ink


@pytest.mark.parametrize("lean", [-0.25, 0.0, 0.3])
def test_the_cheapest_cut_goes_between_two_strokes(lean: float):
    ink = two_bars(bridge=4, lean=lean)
    best = min(cuts.find_cuts(ink, 6), key=lambda cut: cut.crossing)
    left, right = cuts.split(ink, [best])
    assert left.sum() == pytest.approx(right.sum(), rel=0.25)
    assert best.crossing < 1
    assert best.runs == 1


def test_a_cut_through_a_ring_crosses_twice():
    y, x = np.mgrid[-25:26, -20:21]
    radius = np.hypot(y, x * 1.25)
    ring = ((radius < 25) & (radius > 19)).astype(np.float32)
    middle = [cut for cut in cuts.find_cuts(ring, 6) if 15 < cut.columns[25] < 26]
    assert {cut.runs for cut in middle} == {2}
    assert all(cut.crossing > 1 for cut in middle)


def test_cutting_neither_loses_nor_duplicates_ink():
    ink = two_bars(bridge=4)
    parts = cuts.split(ink, cuts.find_cuts(ink, 6))
    assert np.array_equal(sum(parts), ink)


def test_a_block_is_not_cut():
    assert cuts.find_cuts(np.ones((40, 40), np.float32), 6) == []
