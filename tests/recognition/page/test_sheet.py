from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.arrays import Doubles, Mask
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.imaging.ink import separate_ink
from mnist_classifier.recognition.page import sheet
from mnist_classifier.recognition.page.polygons import filled, four_sides, hull
from mnist_classifier.recognition.page.sheet import find_sheet, straighten
from mnist_classifier.recognition.recogniser import Recogniser
from tests.recognition.page.scenes import Scene, page_alone, page_with_edge, sheet_on_desk

# A found edge may be off by this share of the picture.
TOLERANCE = 0.012


def beyond(points: Doubles, corners: Doubles) -> float:
    """How far the farthest point lies outside of a convex polygon, px."""
    distances = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.hypot(*(end - start))
        distances.append(-((points - start) @ [-along[1], along[0]]))
    return float(np.max(distances))


def assert_found(scene: Scene) -> None:
    sheet = find_sheet(scene.picture)
    assert sheet is not None
    assert scene.corners is not None
    size = np.array(scene.picture.shape[::-1])
    visible = scene.ink[((scene.ink >= 0) & (scene.ink <= size)).all(axis=1)]
    assert beyond(visible, sheet.corners) <= 2
    assert beyond(sheet.corners.clip(0, size), scene.corners) <= TOLERANCE * size.max()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("desk", ["dark", "light", "wood", "cloth"])
def test_a_sheet_is_found_on_any_desk(desk: str, seed: int):
    assert_found(sheet_on_desk(np.random.default_rng([1, seed]), desk))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trouble", ["cut", "hand", "soft", "hard"])
def test_a_sheet_is_found_although_part_of_it_is_outside_or_covered_or_in_the_shadow(trouble: str, seed: int):
    rng = np.random.default_rng([2, seed])
    shadow = trouble if trouble in ("soft", "hard") else ""
    desk = "dark" if shadow else "wood"
    assert_found(sheet_on_desk(rng, desk, cut=trouble == "cut", hand=trouble == "hand", shadow=shadow))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("sides", "soft"), [(1, False), (2, False), (1, True)])
def test_the_dark_edge_of_a_page_is_left_out(sides: int, soft: bool, seed: int):
    assert_found(page_with_edge(np.random.default_rng([3, seed]), sides, soft=soft))


def test_a_shadow_across_a_sheet_never_hides_what_is_written_in_it():
    for seed in range(12):
        scene = sheet_on_desk(np.random.default_rng([2, seed]), "wood", shadow="hard")
        sheet = find_sheet(scene.picture)
        assert sheet is None or beyond(scene.ink, sheet.corners) <= 2


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shadow", ["", "soft", "hard"])
def test_a_page_that_fills_the_picture_is_no_sheet_on_a_desk(shadow: str, seed: int):
    assert find_sheet(page_alone(np.random.default_rng([4, seed]), shadow).picture) is None


WHITE, BLACK = 255, 0
# Drawings that look like sheets, 600 by 400 px: the background, and bars (left, top, right, bottom, level).
DRAWINGS = {
    "black box": (WHITE, [(150, 100, 450, 300, BLACK)]),
    "white bar": (BLACK, [(250, 40, 350, 360, WHITE)]),
    "white frame": (BLACK, [(100, 60, 500, 340, WHITE), (140, 100, 460, 300, BLACK)]),
    "dark page": (BLACK, [(60, top, 540, top + 16, WHITE) for top in range(40, 360, 40)]),
    "boxes": (WHITE, [(x + i, 150 + i, x + 100 - i, 250 - i, i * 25) for x in range(20, 560, 110) for i in (0, 10)]),
    "tinted form": (150, [(left, 100, left + 95, 300, WHITE) for left in range(20, 560, 110)]),
    "chalk": (40, [(150, 70, 400, 84, 220), (300, 84, 314, 320, 220)]),
    "bold one": (WHITE, [(245, 20, 355, 380, BLACK)]),
    "bold seven": (WHITE, [(100, 20, 500, 120, BLACK), (400, 20, 500, 380, BLACK)]),
}


@pytest.mark.parametrize("noise", [0, 4])
@pytest.mark.parametrize("draw_on", DRAWINGS)
def test_a_drawing_is_no_sheet(draw_on: str, noise: int):
    background, bars = DRAWINGS[draw_on]
    levels = background + np.random.default_rng(5).normal(0, noise, (400, 600))
    for left, top, right, bottom, level in bars:
        levels[top:bottom, left:right] = level + np.random.default_rng(6).normal(0, noise, (bottom - top, right - left))
    assert separate_ink(levels.clip(0, 255).astype(np.uint8), is_number=True).sheet is None


def test_a_bold_drawing_is_searched_once_and_a_photograph_at_every_threshold(monkeypatch: pytest.MonkeyPatch):
    """Every threshold finds the same parts of two levels; a bold digit took 13 ms."""
    searched: list[int] = []
    largest = sheet._largest

    def counted(mask: Mask) -> Doubles | None:
        searched.append(int(mask.sum()))
        return largest(mask)

    monkeypatch.setattr(sheet, "_largest", counted)
    drawing = np.zeros((280, 280), np.uint8)
    drawing[60:220, 60:220] = 255
    drawing[90:190, 90:190] = 0
    find_sheet(drawing)
    assert len(searched) == 2  # lighter and darker than the desk
    searched.clear()
    noise = np.random.default_rng(0).integers(0, 12, drawing.shape, dtype=np.uint8)
    find_sheet(drawing // 2 + noise)
    assert len(searched) >= sheet.THRESHOLDS


def test_a_straightened_sheet_shows_its_ink_where_to_picture_says():
    scene = sheet_on_desk(np.random.default_rng([6, 0]), "dark")
    sheet = find_sheet(scene.picture)
    assert sheet is not None
    straight = straighten(scene.picture, sheet)
    assert straight.shape == sheet.size[::-1]
    for x, y in [(3.5, 3.5), (straight.shape[1] / 2, straight.shape[0] / 3), (straight.shape[1] - 9, 20)]:
        column, row = sheet.to_picture(x, y)
        seen, there = straight[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3], scene.picture[int(row), int(column)]
        assert abs(float(np.median(seen)) - float(there)) < 40


def test_boxes_of_digits_on_a_tilted_sheet_are_in_px_of_the_picture():
    recogniser = Recogniser.open(PRETRAINED_DIR)
    checked = 0
    for seed in range(4):
        scene = sheet_on_desk(np.random.default_rng([7, seed]), "dark")
        reading = recogniser.read_number(scene.picture)
        tolerance = 0.03 * max(scene.picture.shape)
        if len(reading.digits) == 0:
            continue
        boxes = np.array([digit.box for digit in reading.digits])
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        assert np.abs(low - scene.ink.min(axis=0)).max() < tolerance
        assert np.abs(high - scene.ink.max(axis=0)).max() < tolerance
        checked += 1
    assert checked >= 3


def test_a_corner_that_the_picture_cuts_off_is_found_outside_of_it():
    corners = np.array([(-5, 5), (85, 12), (90, 90), (8, 85)], np.float64)
    found = four_sides(hull(filled(corners, (100, 100))))
    assert found is not None
    assert beyond(corners, found) < 3
    assert beyond(found, corners) < 3
