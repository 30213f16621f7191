from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.recognition.imaging.normalise import ink_box
from mnist_classifier.recognition.numbers.looks import read_ink
from tests.handwriting import STROKES


def number(ink: int = 0, pen_px: int = 14) -> Bytes:
    """The number 701 on white, with a margin of 40 px."""
    image = Image.new("L", (440, 200), 255)
    draw = ImageDraw.Draw(image)
    for left, digit in ((50, 7), (180, 0), (300, 1)):
        for stroke in STROKES[digit]:
            points = np.array(stroke) * 0.12 + (left, 40)
            draw.line(points.ravel().tolist(), ink, pen_px, "curve")
            for x, y in points:
                draw.ellipse((x - pen_px / 2, y - pen_px / 2, x + pen_px / 2, y + pen_px / 2), ink)
    return np.asarray(image)


def codes(pixels: Bytes) -> set[str]:
    inked = read_ink(pixels)
    return set() if inked is None else {warning.code for warning in inked.warnings}


def photographed(pixels: Bytes) -> Bytes:
    rng = np.random.default_rng(0)
    lit = (60 + 0.6 * pixels) * np.linspace(0.7, 1, pixels.shape[1]) + rng.normal(0, 2, pixels.shape)
    return lit.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("is_photograph", [False, True])
@pytest.mark.parametrize("part", [np.s_[:130], np.s_[90:], np.s_[:, :255], np.s_[:, 250:]])
def test_digits_that_the_border_cuts_off_are_warned_of(part: object, is_photograph: bool):
    cut = number()[part]  # type: ignore[index]
    assert "cut_off" in codes(photographed(cut) if is_photograph else cut)


@pytest.mark.parametrize("is_photograph", [False, True])
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("lean", [0.3, 0.6])
def test_a_sliver_of_a_stroke_along_the_border_is_cut_off(lean: float, turns: int, is_photograph: bool):
    image = Image.new("L", (300, 300), 255)
    draw = ImageDraw.Draw(image)
    draw.line([140, 60, 140, 240], 0, 14)
    draw.line([302 + 70 * lean, 80, 302 - 70 * lean, 220], 0, 14)
    cut = np.rot90(np.asarray(image), turns)
    assert "cut_off" in codes(photographed(cut) if is_photograph else cut)


def test_a_whole_number_is_not_cut_off_however_near_the_border_is():
    drawn = number()
    top, bottom, left, right = ink_box(drawn < 128)
    for margin in (0, 1, 3, 20):
        near = drawn[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        assert codes(near) == set()
    assert codes(photographed(drawn)) == set()


@pytest.mark.parametrize(("level", "warned"), [(0, False), (120, False), (200, True), (240, True)])
def test_faint_ink_is_found_and_warned_of(level: int, warned: bool):
    inked = read_ink(number(level))
    assert inked is not None
    assert (inked.ink >= 0.5).sum() * inked.scale**2 == pytest.approx((number() < 128).sum(), rel=0.1)
    assert ("low_contrast" in codes(number(level))) is warned


@pytest.mark.parametrize("seed", range(5))
def test_faint_noise_is_no_faint_ink(seed: int):
    rng = np.random.default_rng(seed)
    scan = np.full((150, 250), 250, np.uint8)
    noise = np.clip(200 + rng.normal(0, rng.uniform(0.5, 6), (150, 250)), 0, 255).astype(np.uint8)
    scan[rng.integers(0, 150, 5), rng.integers(0, 250, 5)] -= np.uint8(11)
    assert read_ink(scan) is None
    assert read_ink(noise) is None
