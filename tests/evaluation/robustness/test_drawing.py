from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness.drawing import (
    CANVAS_SIDE_PX,
    SIZES,
    Placement,
    draw,
    render,
    smooth,
    thin_out,
)
from mnist_classifier.recognition.imaging.normalise import ink_box
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from tests.handwriting import STROKES


def box_of(picture: np.ndarray) -> tuple[int, int, int, int]:
    return ink_box(picture < 128)


@pytest.mark.parametrize("pen_px", [10, 18, 28])
@pytest.mark.parametrize("digit", STROKES)
def test_ink_has_a_size_in_range_and_lies_wholly_inside(digit: int, pen_px: int):
    for seed in range(40):
        picture = draw(STROKES[digit], pen_px=pen_px, rng=np.random.default_rng(seed))
        assert (picture.shape, picture.dtype) == ((CANVAS_SIDE_PX, CANVAS_SIDE_PX), np.uint8)
        top, bottom, left, right = box_of(picture)
        side = max(bottom - top, right - left)
        assert SIZES[0] * CANVAS_SIDE_PX - 3 <= side <= SIZES[1] * CANVAS_SIDE_PX + 3
        assert make_glyph(picture) is not None
        # All of the stroke is there: nothing was cut off at an edge.
        assert min(bottom - top, right - left) >= pen_px - 2


def test_place_and_size_vary_over_their_range():
    boxes = [box_of(draw(STROKES[1], pen_px=18, rng=np.random.default_rng(seed))) for seed in range(200)]
    heights = [bottom - top for top, bottom, _, _ in boxes]
    assert min(heights) < 0.45 * CANVAS_SIDE_PX
    assert max(heights) > 0.80 * CANVAS_SIDE_PX
    assert min(left for _, _, left, _ in boxes) < 20
    assert max(right for _, _, _, right in boxes) > CANVAS_SIDE_PX - 20


def test_the_same_seed_draws_the_same_picture_and_another_one_another():
    first, same, other = (draw(STROKES[7], pen_px=18, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_placement_is_kept_to_the_pixel():
    picture = draw(STROKES[1], pen_px=20, placement=Placement(200, left_px=60, top_px=40))
    top, bottom, left, _ = box_of(picture)
    assert abs(top - 40) <= 1
    assert abs(bottom - 240) <= 1
    assert abs(left - 60) <= 1


@pytest.mark.parametrize("pen_px", [10, 18, 28])
def test_a_line_is_as_wide_as_the_pen_with_round_ends_and_soft_edges(pen_px: int):
    picture = render([np.array([[60.0, 140.0], [220.0, 140.0]])], pen_px=pen_px)
    assert (255 - picture[:, 140].astype(float)).sum() / 255 == pytest.approx(pen_px, abs=0.5)
    top, bottom, left, right = box_of(picture)
    assert right - left == pytest.approx(160 + pen_px, abs=2)
    corner = picture[top, left]  # a square end would be black here
    assert corner > 200
    assert len(np.unique(picture)) > 4


def test_a_tap_is_a_dot_of_the_pens_width():
    picture = draw([[[5, 5]]], pen_px=18, rng=np.random.default_rng(0))
    assert (255 - picture.astype(float)).sum() / 255 == pytest.approx(np.pi * 81, rel=0.03)


def test_a_corner_of_a_wide_line_has_no_notch():
    corner = np.array([[60.0, 60.0], [200.0, 60.0], [200.0, 200.0]])
    dense = np.concatenate([np.linspace(a, b, 50) for a, b in zip(corner, corner[1:], strict=False)])
    assert render([dense], pen_px=28)[60 - 8, 200 + 8] < 128  # within 14 px of the corner


def test_points_too_near_to_be_seen_are_dropped():
    line = np.array([[0, 0], [0.5, 0], [0.7, 0], [1.0, 0], [5, 0]], float)
    assert thin_out(line).tolist() == [[0, 0], [1.0, 0], [5, 0]]


def test_curves_go_through_the_middles_of_neighbouring_points_as_on_the_page():
    line = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    smoothed = smooth(line)
    assert smoothed[0].tolist() == [0, 0]
    assert smoothed[-1].tolist() == [0, 10]
    for middle in ([10, 5], [5, 10]):
        assert np.abs(smoothed - middle).sum(axis=1).min() < 1e-9
    assert np.abs(smoothed - [10, 10]).sum(axis=1).min() > 2  # the control point itself is not on the curve


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="no stroke"):
        draw([], pen_px=18, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="rng or placement"):
        draw(STROKES[1], pen_px=18)
