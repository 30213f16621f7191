from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness.pages import scene
from mnist_classifier.evaluation.robustness.pages.scene import Scene

Surround = Callable[[Scene, np.random.Generator], Scene]
SURROUNDINGS = [scene.unchanged, scene.photographed, scene.on_desk, scene.beside_binding]
# A black rectangle on a white sheet: left, top, right, bottom on the sheet, which has 20 px of bleed.
SPOT = (100, 40, 140, 70)


def spotted(channels: int = 0) -> Scene:
    picture = np.full((160, 340, 3), 255, np.uint8)
    left, top, right, bottom = SPOT
    picture[top + 20 : bottom + 20, left + 20 : right + 20] = 0
    return Scene(picture if channels else picture[..., 0], scene.shift(20, 20), bleed=20)


@pytest.mark.parametrize("surround", SURROUNDINGS)
@pytest.mark.parametrize("channels", [0, 3])
def test_a_box_of_the_sheet_is_where_the_picture_shows_it(surround: Surround, channels: int):
    for seed in range(5):
        seen = surround(spotted(channels), np.random.default_rng(seed))
        x, y, width, height = seen.box(*SPOT)
        grey = seen.picture if channels == 0 else seen.picture[..., 0]
        paper = np.percentile(grey, 90)
        inside = grey[y : y + height, x : x + width]
        around = grey[max(0, y - 6) : y + height + 6, max(0, x - 6) : x + width + 6]
        # The rest of the wider box is paper.
        dark = (inside < 0.5 * paper).sum()
        assert dark > 0.6 * inside.size
        assert (around < 0.5 * paper).sum() < 1.1 * dark


def test_four_points_go_to_four_others():
    corners = np.array([[0, 0], [90, 0], [90, 40], [0, 40]], np.float64)
    seen = np.array([[12, 7], [80, 0], [95, 61], [3, 44]], np.float64)
    moved = np.column_stack([corners, np.ones(4)]) @ scene.homography(corners, seen).T
    assert moved[:, :2] / moved[:, 2:] == pytest.approx(seen)


def test_a_note_lies_wholly_on_its_darker_desk():
    for seed in range(20):
        seen = scene.on_desk(spotted(), np.random.default_rng(seed)).picture
        edges = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
        assert edges.max() < 130 < seen.max()


def test_a_binding_is_at_one_side_of_the_whole_height():
    for seed in range(10):
        seen = scene.beside_binding(spotted(), np.random.default_rng(seed)).picture
        dark = [seen[:, column].max() < 90 for column in (0, -1)]
        assert dark.count(True) == 1


def test_the_edge_cuts_through_the_ink():
    for seed in range(10):
        seen = scene.cut_off(spotted(), np.random.default_rng(seed)).picture
        assert (seen[:, -1] == 0).any()
        assert seen.shape[1] < 140
