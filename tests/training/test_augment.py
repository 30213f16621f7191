from __future__ import annotations

import pytest
import torch

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.augment import Augmentation, cut_out, elastic_field, erase
from mnist_classifier.training.network import PIXEL_MEAN


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(64, 1, 28, 28, generator=generator())


def varied(augmentation: Augmentation, pixels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The batch as the augmentation changes it, its labels going round."""
    return augmentation(pixels, torch.arange(len(pixels)) % 10, generator(seed))


def blob(count: int, row: int = 14, column: int = 14) -> torch.Tensor:
    """A bright 3x3 spot, far from the edge."""
    pixels = torch.zeros(count, 1, 28, 28)
    pixels[:, :, row - 1 : row + 2, column - 1 : column + 2] = 1.0
    return pixels


def centres(pixels: torch.Tensor) -> torch.Tensor:
    """(N, 2) row and column of the mean ink."""
    ink = pixels[:, 0]
    total = ink.sum(dim=(1, 2))
    positions = torch.arange(28.0)
    return torch.stack([(ink.sum(2) @ positions) / total, (ink.sum(1) @ positions) / total], dim=1)


def test_zero_strength_changes_nothing(pixels: torch.Tensor):
    assert torch.equal(varied(Augmentation(), pixels), pixels)


def test_a_vanishing_movement_is_the_identity_within_interpolation(pixels: torch.Tensor):
    moved = varied(Augmentation(rotation_degrees=1e-6), pixels)
    assert torch.allclose(moved, pixels, atol=1e-4)


def test_the_values_stay_in_range(pixels: torch.Tensor):
    changed = varied(Augmentation.from_config(TrainConfig()), pixels)
    assert changed.shape == pixels.shape
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_shifts_differ_between_images_and_stay_within_their_bound():
    shifts = centres(varied(Augmentation(translation=0.1), blob(500))) - 14
    assert shifts.abs().max() <= 2.8 + 1e-3
    assert shifts.abs().max() > 2.5
    assert len(torch.unique(shifts[:, 0].round(decimals=3))) > 400
    assert torch.corrcoef(shifts.T)[0, 1].abs() < 0.15


def test_a_turn_stays_within_its_bound():
    moved = centres(varied(Augmentation(rotation_degrees=10), blob(500, row=4))) - 13.5
    angles = torch.rad2deg(torch.atan2(moved[:, 1], -moved[:, 0]))
    reference = torch.rad2deg(torch.atan2(torch.tensor(0.5), torch.tensor(9.5)))
    turned = angles - reference
    assert turned.abs().max() <= 10.1
    assert turned.min() < -8
    assert turned.max() > 8


def test_scaling_stays_within_its_bounds():
    distance = (centres(varied(Augmentation(scale_low=0.9, scale_high=1.1), blob(500, row=4))) - 13.5).norm(dim=1)
    factors = distance / (centres(blob(1, row=4)) - 13.5).norm()
    assert factors.min() > 0.88
    assert factors.max() < 1.13
    assert factors.max() - factors.min() > 0.15


def test_bending_is_smooth_of_the_asked_strength_and_different_for_each_image():
    field = elastic_field(400, 28, 28, 1.5, generator()) * 14  # in pixels
    assert field.shape == (400, 28, 28, 2)
    spread = field.std(dim=0)
    assert spread.mean() == pytest.approx(1.5, rel=0.05)
    assert spread.max() < 1.5 * 1.25
    assert spread.min() > 1.5 * 0.75
    steps = (field[:, 1:] - field[:, :-1]).square().mean().sqrt()
    assert steps < 0.5 * 1.5  # neighbours move together
    assert not torch.allclose(field[0], field[1])


def test_bending_moves_ink_but_keeps_it():
    bent = varied(Augmentation(elastic_px=1.5), blob(100))
    assert bent.sum(dim=(1, 2, 3)).mean() == pytest.approx(9.0, rel=0.1)
    assert (centres(bent) - 14).abs().amax(dim=1).mean() > 0.5


def test_erasing_blackens_one_rectangle_in_the_asked_share_of_images():
    white = torch.ones(2000, 1, 28, 28)
    erased = erase(white, 0.25, generator())
    hit = erased[:, 0].amin(dim=(1, 2)) == 0
    assert 0.2 < hit.float().mean() < 0.3
    for image in erased[hit][:50, 0]:
        black = image == 0
        rows, columns = black.any(1).sum(), black.any(0).sum()
        assert black.sum() == rows * columns  # a full rectangle
        assert 0.01 < black.float().mean() < 0.2


def test_cutout_covers_one_square_in_the_asked_share_of_images():
    covered = cut_out(torch.ones(2000, 1, 28, 28), 12, 0.5, generator())[:, 0] != 1
    hit = covered.any(dim=(1, 2))
    assert 0.45 < hit.float().mean() < 0.55
    assert covered.any(dim=2).sum(dim=1).max() == 12
    whole = covered[covered.sum(dim=(1, 2)) >= 64]  # those at the edge are smaller
    rows, columns = whole.any(dim=2).sum(dim=1), whole.any(dim=1).sum(dim=1)
    assert torch.equal(whole.sum(dim=(1, 2)), rows * columns)
    assert rows.min() >= 6


def test_cutout_fills_with_the_mean_of_mnist_and_leaves_the_rest():
    ink = torch.ones(200, 1, 28, 28)
    changed = varied(Augmentation(cutout_probability=1.0), ink)
    assert changed.unique().tolist() == pytest.approx([PIXEL_MEAN, 1.0])
    # The centre may be in a corner, so any pixel can be covered.
    assert (changed != 1).any(dim=0).all()


def test_a_shard_of_a_batch_is_covered_as_in_the_whole_batch(pixels: torch.Tensor):
    whole = cut_out(pixels, 12, 0.5, generator())
    shard = slice(16, 48)
    part = cut_out(pixels[shard], 12, 0.5, generator(), count=len(pixels), shard=shard)
    assert torch.equal(part, whole[shard])


def test_the_same_seed_gives_the_same_batch(pixels: torch.Tensor):
    augmentation = Augmentation.from_config(TrainConfig())
    assert torch.equal(varied(augmentation, pixels, 3), varied(augmentation, pixels, 3))
    assert not torch.equal(varied(augmentation, pixels, 3), varied(augmentation, pixels, 4))
