from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnist_classifier import dataset
from mnist_classifier.preprocess import (
    BOX_SIDE,
    GLYPH_SIDE,
    centre_of_mass,
    ink_box,
    is_glyph,
    make_glyph,
    resampling_matrix,
)

Bytes = npt.NDArray[np.uint8]


def drawing(side: int = 280, top: int = 60, left: int = 90, height: int = 150, width: int = 80) -> Bytes:
    """A white 7 of bars on black."""
    pixels = np.zeros((side, side), np.uint8)
    thickness = max(2, height // 8)
    pixels[top : top + thickness, left : left + width] = 255
    pixels[top : top + height, left + width - thickness : left + width] = 255
    return pixels


def glyph_of(pixels: Bytes) -> Bytes:
    glyph = make_glyph(pixels)
    assert glyph is not None
    return glyph


@pytest.mark.mnist
@pytest.mark.parametrize("split", [dataset.TRAIN, dataset.TEST])
def test_every_mnist_image_comes_out_unchanged(split: str, mnist_dirs: list[Path]):
    images = dataset.load(mnist_dirs, split).images
    changed = [i for i, image in enumerate(images) if not np.array_equal(make_glyph(image), image)]
    assert changed == []


@pytest.mark.mnist
def test_an_inverted_or_enlarged_mnist_image_keeps_its_glyph(mnist_dirs: list[Path]):
    differences = []
    for image in dataset.load(mnist_dirs, dataset.TEST).images[:300]:
        assert np.array_equal(glyph_of(255 - image), image)
        enlarged = np.kron(image, np.ones((10, 10), np.uint8))
        differences.append(np.abs(glyph_of(enlarged).astype(int) - image).mean())
    assert np.mean(differences) < 0.5  # grey levels of 255
    assert np.quantile(differences, 0.95) < 1  # a few move by a pixel, their centre of mass being between two


def test_the_longer_side_fills_the_box_and_the_mass_the_centre():
    glyph = glyph_of(drawing())
    top, bottom, left, right = ink_box(glyph > 0)
    assert glyph.shape == (GLYPH_SIDE, GLYPH_SIDE)
    assert glyph.max() == 255
    assert max(bottom - top, right - left) == BOX_SIDE
    assert max(abs(c - 14) for c in centre_of_mass(glyph)) <= 0.5


@pytest.mark.parametrize(("top", "left", "height", "width"), [(0, 0, 150, 80), (130, 200, 150, 80), (20, 20, 240, 128)])
def test_place_and_size_of_the_drawing_do_not_matter(top: int, left: int, height: int, width: int):
    moved = glyph_of(drawing(top=top, left=left, height=height, width=width)).astype(int)
    assert np.abs(moved - glyph_of(drawing())).mean() < 4


def test_ink_may_be_dark_light_faint_or_transparent():
    white_on_black = drawing()
    expected = glyph_of(white_on_black)
    alpha = np.stack([np.zeros_like(white_on_black), white_on_black], axis=-1)
    light_alpha = np.stack([np.full_like(white_on_black, 255), white_on_black], axis=-1)
    grey_paper = (180 - (white_on_black.astype(int) * 120) // 255).astype(np.uint8)
    for variant in (255 - white_on_black, alpha, light_alpha, grey_paper):
        assert np.abs(glyph_of(variant).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((280, 280), np.uint8),
        np.full((280, 280), 255, np.uint8),
        np.full((8, 900), 90, np.uint8),
        np.zeros((50, 50, 2), np.uint8),
        np.full((280, 280), 100, np.uint8) + (np.arange(280) % 30).astype(np.uint8),
    ],
    ids=["black", "white", "grey", "transparent", "faint texture"],
)
def test_a_picture_without_ink_gives_no_glyph(pixels: Bytes):
    assert make_glyph(pixels) is None


@given(hnp.arrays(np.uint8, st.tuples(st.integers(8, 40), st.integers(8, 40))))
def test_any_picture_gives_a_glyph_with_ink_or_none(pixels: Bytes):
    glyph = make_glyph(pixels)
    if glyph is not None:
        assert glyph.shape == (GLYPH_SIDE, GLYPH_SIDE)
        assert glyph.dtype == np.uint8
        assert glyph.max() >= 40


def test_a_glyph_of_ours_is_recognised_as_one():
    glyph = glyph_of(drawing())
    assert is_glyph(glyph)
    assert np.array_equal(glyph_of(glyph), glyph)


@given(st.integers(1, 300), st.integers(1, 40))
def test_resampling_keeps_a_plain_area_plain(source: int, target: int):
    assert np.allclose(resampling_matrix(source, target).sum(axis=1), 1, atol=1e-5)


def test_resampling_to_the_same_size_changes_nothing():
    assert np.array_equal(resampling_matrix(20, 20), np.eye(20, dtype=np.float32))
