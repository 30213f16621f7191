from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness.photographs import photograph, photograph_number
from mnist_classifier.recognition.imaging.background import needs_flattening
from mnist_classifier.recognition.imaging.colour import luminance
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.imaging.photograph import read_photograph
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.numbers.looks import read_ink


def seven() -> np.ndarray:
    glyph = np.zeros((28, 28), np.uint8)
    glyph[4:7, 8:20] = 255
    glyph[4:24, 17:20] = 255
    return glyph


def test_a_photograph_follows_from_its_generator():
    first, again, other = (photograph(seven(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("size_px", [96, 480, 900])
def test_a_photograph_is_in_colour_and_of_the_size_that_was_asked_for(size_px: int):
    picture = photograph(seven(), np.random.default_rng(3), size_px=size_px)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert max(picture.shape[:2]) == size_px
    assert min(picture.shape[:2]) >= 0.69 * size_px


def test_photographs_differ_in_light_and_are_no_plain_drawings():
    pictures = [luminance(photograph(seven(), np.random.default_rng(seed))) for seed in range(12)]
    medians = [float(np.median(picture)) for picture in pictures]
    assert max(medians) - min(medians) > 40
    assert all(needs_flattening(picture, None) for picture in pictures)


def test_a_blank_page_has_no_digit():
    blank = np.zeros((28, 28), np.uint8)
    found = [make_glyph(photograph(blank, np.random.default_rng(seed))) for seed in range(30)]
    assert sum(glyph is not None for glyph in found) <= 5


@pytest.mark.parametrize("shape", [(30, 200), (60, 60), (200, 50)])
def test_a_photograph_of_a_number_holds_all_of_it(shape: tuple[int, int]):
    frame = np.zeros(shape, np.uint8)
    frame[:4] = frame[-4:] = frame[:, :4] = frame[:, -4:] = 255
    for seed in range(4):
        picture = photograph_number(frame, np.random.default_rng(seed))
        assert picture.shape[1] == 640
        inked = read_ink(picture)
        assert inked is not None
        assert inked.ink[[0, -1]].max() < BOX_LEVEL
        assert inked.ink[:, [0, -1]].max() < BOX_LEVEL


@pytest.mark.parametrize(("margin", "is_chalk"), [(0, False), (30, False), (30, True)])
def test_bold_ink_is_told_from_its_paper_whatever_its_share(margin: int, is_chalk: bool):
    """A ring that fills its crop: most of what is there is ink, and the border is not all paper."""
    y, x = np.mgrid[-70:70, -50:50]
    ring = np.pad((np.abs(np.hypot(x / 50, y / 70) - 0.72) < 0.27), margin)
    light = np.linspace(0.7, 1.0, ring.shape[1]) * (1 + np.random.default_rng(2).normal(0, 0.02, ring.shape))
    dark, bright = (60, 190) if is_chalk else (50, 180)
    picture = np.clip(light * np.where(ring != is_chalk, dark, bright), 0, 255).astype(np.uint8)
    sheet = read_photograph(picture, may_be_cropped=True)
    assert sheet is not None
    assert (sheet.mask == ring).mean() > 0.93
