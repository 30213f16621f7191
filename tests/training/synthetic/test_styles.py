from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_classifier.training.augment import Augmentation
from mnist_classifier.training.synthetic import styles
from mnist_classifier.training.synthetic.handwriting import CURVE_PARTS, digit_pool, trace
from mnist_classifier.training.synthetic.pen import ink_boxes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = digit_pool(200, generator(1))
    return images.float() / 255, labels


def test_only_zeros_ones_and_sevens_get_strokes(digits: tuple[torch.Tensor, torch.Tensor]):
    pixels, labels = digits
    changed = styles.add_strokes(pixels, labels, generator())
    differs = (changed != pixels).flatten(1).any(dim=1)
    styled = torch.isin(labels, torch.tensor([0, 1, 7]))
    assert torch.equal(differs, styled)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_slash_adds_ink_inside_a_zero():
    ring = torch.zeros(1, 28, 28)
    ring[0, 4:24, 7:21] = 1.0
    ring[0, 7:21, 10:18] = 0.0
    many = ring.repeat(50, 1, 1)
    changed = styles.add_strokes(many, torch.zeros(50, dtype=torch.int64), generator())
    assert (changed[:, 11:17, 12:16].sum(dim=(1, 2)) > 0.5).float().mean() > 0.9
    assert len(changed.flatten(1).unique(dim=0)) == 50


@pytest.mark.parametrize("change", [styles.vary_width, styles.spoil])
def test_pictures_stay_in_range_and_differ(
    digits: tuple[torch.Tensor, torch.Tensor], change: Callable[[torch.Tensor, torch.Generator], torch.Tensor]
):
    pixels, _ = digits
    changed = change(pixels, generator())
    assert changed.shape == pixels.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert torch.equal(changed, change(pixels, generator()))
    assert not torch.equal(changed, change(pixels, generator(1)))


def test_other_pens_make_other_widths(digits: tuple[torch.Tensor, torch.Tensor]):
    changed = styles.vary_width(digits[0], generator())
    widths = styles.stroke_width(changed)
    assert widths.min() < 1.8
    assert widths.max() > 4
    assert (changed.amax(dim=(1, 2)) > 0.5).all()  # none has vanished


@pytest.mark.parametrize(
    "name", ["style_probability", "width_probability", "spoil_probability", "slant_degrees", "aspect"]
)
def test_each_strength_acts_and_does_nothing_at_zero(digits: tuple[torch.Tensor, torch.Tensor], name: str):
    pixels, labels = digits[0][:, None], digits[1]
    off, on = Augmentation(**{name: 0.0}), Augmentation(**{name: 1.0 if "probability" in name else 0.3})
    assert torch.equal(off(pixels, labels, generator()), pixels)
    changed = (on(pixels, labels, generator()) != pixels).flatten(1).any(dim=1).float().mean()
    assert changed > (0.2 if name == "style_probability" else 0.8)


def test_half_of_the_images_are_changed_when_that_is_the_chance(digits: tuple[torch.Tensor, torch.Tensor]):
    pixels, labels = digits[0][:, None], digits[1]
    changed = Augmentation(width_probability=0.5)(pixels, labels, generator())
    assert 0.35 < (changed != pixels).flatten(1).any(dim=1).float().mean() < 0.65


def test_slanting_moves_the_top_against_the_bottom_and_keeps_the_middle():
    bar = torch.zeros(200, 1, 28, 28)
    bar[:, :, 4:24, 13:15] = 1.0
    slanted = Augmentation(slant_degrees=20.0)(bar, torch.ones(200), generator())[:, 0]
    place = torch.arange(28.0)
    top, middle, bottom = ((slanted[:, row] * place).sum(1) / slanted[:, row].sum(1) for row in (5, 13, 22))
    assert (middle - 13.5).abs().max() < 0.5
    assert torch.corrcoef(torch.stack([top - 13.5, bottom - 13.5]))[0, 1] < -0.95
    assert (top - 13.5).abs().max() > 2


def test_a_stroke_ends_early_or_late_or_as_it_is_drawn():
    rng = np.random.default_rng(0)
    numbers = {len(trace("~0,0 0,50 0,100", rng)[0]) for _ in range(200)}
    as_drawn = 2 * CURVE_PARTS + 1
    assert {as_drawn - 1, as_drawn, as_drawn + 3, as_drawn + 6} <= numbers
    assert min(numbers) > as_drawn - 4


def test_digits_from_templates_are_placed_like_mnists(digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path):
    pixels, labels = digits
    boxes = ink_boxes(pixels)
    longer = torch.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    assert ((longer >= 19) & (longer <= 22)).all()
    assert set(labels.tolist()) == set(range(10))
    again, _ = digit_pool(200, generator(1))
    assert torch.equal(again.float() / 255, pixels)


def test_some_slashes_go_far_beyond_the_ring_and_stay_in_the_glyph(digits: tuple[torch.Tensor, torch.Tensor]):
    zeros = digits[0][digits[1] == 0][:1].repeat(100, 1, 1)
    changed = styles.add_strokes(zeros, torch.zeros(100, dtype=torch.int64), generator())
    left, top, right, bottom = ink_boxes(changed).unbind(1)
    assert (torch.maximum(right - left, bottom - top) <= 23).all()
    # Where the slash is long, the ring is small, and so there is less ink.
    ink = changed.sum(dim=(1, 2))
    assert 0.1 < (ink < 0.75 * ink.max()).float().mean() < 0.9


def test_drops_leave_the_digit_where_it_is(digits: tuple[torch.Tensor, torch.Tensor]):
    splashed = styles._splashes(digits[0], torch.ones(200, 1, 1), generator())
    assert (splashed >= digits[0]).all()
    assert (splashed > digits[0]).flatten(1).any(dim=1).all()
