from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_classifier.core.arrays import Mask
from mnist_classifier.recognition.imaging.components import find_components, label, runs
from mnist_classifier.recognition.imaging.parts import digit_parts, number_parts


def flooded(mask: Mask) -> npt.NDArray[np.int32]:
    """Label components by flood filling."""
    labels = np.zeros(mask.shape, np.int32)
    for seed in zip(*np.nonzero(mask), strict=True):
        if labels[seed]:
            continue
        labels[seed] = labels.max() + 1
        waiting = deque([seed])
        while waiting:
            row, column = waiting.popleft()
            near = (slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2))
            for y, x in zip(*np.nonzero(mask[near] & (labels[near] == 0)), strict=True):
                spot = (near[0].start + y, near[1].start + x)
                labels[spot] = labels[seed]
                waiting.append(spot)
    return labels


@given(hnp.arrays(bool, st.tuples(st.integers(1, 16), st.integers(1, 16))))
def test_components_are_those_of_a_flood(mask: Mask):
    labels, count = label(mask)
    expected = flooded(mask)
    assert count == expected.max()
    assert np.array_equal(labels, expected)
    found = find_components(mask, np.ones(mask.shape, np.float32))
    assert found.masses.tolist() == np.bincount(expected.ravel(), minlength=1)[1:].tolist()
    for number, (top, bottom, left, right) in enumerate(found.boxes, 1):
        rows, columns = np.nonzero(expected == number)
        assert (top, bottom, left, right) == (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)


def test_a_spiral_is_one_component():
    turns = np.linspace(0, 12 * np.pi, 20_000)
    mask = np.zeros((200, 200), bool)
    mask[
        np.rint(100 + 2.5 * turns * np.sin(turns)).astype(int), np.rint(100 + 2.5 * turns * np.cos(turns)).astype(int)
    ] = True
    assert label(mask)[1] == 1


def test_specks_are_removed_and_strokes_are_kept():
    mask = np.zeros((100, 100), bool)
    mask[20:80, 40:48] = True  # a stem
    mask[14:18, 40:70] = True  # a separate bar, as of a 5
    mask[5:7, 90:92] = True  # a speck
    mask[70:80, 90:95] = True  # a blot at some distance
    kept = digit_parts(mask, mask.astype(np.float32))
    assert kept[50, 44]
    assert kept[15, 60]
    assert not kept[5:7, 90:92].any()
    assert not kept[75, 92]


def test_both_of_two_digits_are_kept():
    mask = np.zeros((100, 200), bool)
    mask[20:80, 40:48] = True
    mask[20:80, 150:158] = True
    assert np.array_equal(digit_parts(mask, mask.astype(np.float32)), mask)


def test_runs_are_found_in_reading_order():
    mask = np.zeros((3, 8), bool)
    mask[0, 1:3] = mask[0, 5:] = mask[2, :4] = True
    starts, ends = runs(mask)
    # Each row has two more indices than pixels.
    assert (starts.tolist(), ends.tolist()) == ([1, 5, 20], [3, 8, 24])


def test_only_the_digits_of_a_photographed_number_are_kept():
    mask = np.zeros((200, 400), bool)
    digits = [(slice(60, 140), slice(x, x + 40)) for x in (60, 130, 200)]
    flag_of_a_five = slice(50, 56), slice(270, 310)
    cut_off = slice(70, 140), slice(380, 400)
    for kept in (*digits, flag_of_a_five, cut_off):
        mask[kept] = True
    expected = mask.copy()
    rest_of_a_line, rim_of_a_shadow, speck = np.s_[160:164, 100:300], np.s_[0:12, 100:400], np.s_[20:23, 20:23]
    for dirt in (rest_of_a_line, rim_of_a_shadow, speck):
        mask[dirt] = True
    assert np.array_equal(number_parts(mask, mask.astype(np.float32)), expected)


def test_a_single_component_is_the_number():
    mask = np.zeros((20, 30), bool)
    mask[0:20, 3:9] = True
    assert np.array_equal(number_parts(mask, mask.astype(np.float32)), mask)
