from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_classifier import components


def flood(mask: np.ndarray) -> np.ndarray:
    """The same as components.label, pixel by pixel."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        count += 1
        waiting = [start]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x] and not labels[y, x]:
                labels[y, x] = count
                waiting += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return labels


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_parts_are_those_that_a_flood_would_fill(mask: np.ndarray):
    labels, count = components.label(mask)
    expected = flood(mask)
    assert count == expected.max(initial=0)
    assert np.array_equal(labels, expected)


def test_corners_connect():
    assert components.label(np.eye(5, dtype=bool))[1] == 1


def test_boxes_enclose_their_parts():
    mask = np.zeros((10, 20), bool)
    mask[2:5, 3:9] = True
    mask[7, 15] = True
    labels, count = components.label(mask)
    assert components.boxes(labels, count).tolist() == [[2, 5, 3, 9], [7, 8, 15, 16]]


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3)])
def test_nothing_and_everything(shape: tuple[int, int]):
    assert components.label(np.zeros(shape, bool))[1] == 0
    labels, count = components.label(np.ones(shape, bool))
    assert (count, labels.min()) == (1, 1)
