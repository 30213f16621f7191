from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_classifier.recognition.imaging.filters import (
    close_gaps,
    dilate,
    dilate_round,
    erode,
    running_mean,
    shrink,
    smooth,
)

Pictures = hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)))


@given(Pictures, st.integers(0, 12).map(lambda half: 2 * half + 1))
def test_extremes_are_those_of_each_window(picture: npt.NDArray[np.uint8], window: int):
    half = window // 2
    largest, smallest = dilate(picture, window), erode(picture, window)
    assert largest.shape == smallest.shape == picture.shape
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            near = picture[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1]
            assert (largest[row, column], smallest[row, column]) == (near.max(), near.min())


def test_closing_keeps_the_edge_of_a_shadow_and_fills_a_stroke():
    y, x = np.mgrid[:80, :80]
    light = np.where(x + 2 * y > 120, 100.0, 200.0)
    written = light.copy()
    written[30:34, 20:60] = 20
    # Except for a few pixels where the edge leaves the picture.
    assert (close_gaps(light, 11) != light).mean() < 0.005
    assert (close_gaps(written, 11) != light).mean() < 0.02
    assert (close_gaps(written, 11) >= 100).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_the_running_mean_of_a_plain_picture_is_plain(height: int, width: int, level: int):
    plain = np.full((height, width), level, np.uint8)
    for filtered in (shrink(plain, 16), smooth(plain.astype(np.float32)), running_mean(plain.astype(np.float32), 5)):
        assert np.allclose(filtered, level, atol=1e-3)
    assert max(shrink(plain, 16).shape) <= 16


@given(Pictures, st.integers(1, 20))
def test_a_shrunk_pixel_is_the_mean_of_its_block_also_at_the_edge(picture: npt.NDArray[np.uint8], side_px: int):
    factor = -(-max(picture.shape) // side_px)
    shrunk = shrink(picture, side_px)
    assert shrunk.shape == tuple(-(-length // factor) for length in picture.shape)
    for row, column in np.ndindex(shrunk.shape):
        block = picture[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        assert shrunk[row, column] == np.float32(block.mean())


def test_a_dot_becomes_a_disc():
    dot = np.zeros((9, 9), np.float32)
    dot[4, 4] = 1
    disc = dilate_round(dot, 2)
    assert disc.sum() == 21
    assert np.array_equal(disc, disc.T)
    assert dilate_round(dot, 0).sum() == 1
