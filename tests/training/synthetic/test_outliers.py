from __future__ import annotations

import numpy as np
import pytest
import torch

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.data import POOL_FACTOR, TrainingData, with_generated_digits, with_generated_outliers
from mnist_classifier.training.network import OUTLIER
from mnist_classifier.training.synthetic.handwriting import digit_pool
from mnist_classifier.training.synthetic.outliers import FAMILIES, _Source, filled, outlier_pool
from mnist_classifier.training.synthetic.templates import LETTERS, SIGNS


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    return digit_pool(300, generator(9))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_makes_different_pictures_none_of_them_blank(
    digits: tuple[torch.Tensor, torch.Tensor], family: str
):
    _, make = FAMILIES[family]
    pictures = make(30, _Source(*digits, generator()))
    assert (pictures.dtype, pictures.shape) == (torch.uint8, (30, 28, 28))
    assert (pictures.flatten(1).amax(dim=1) > 100).all()
    assert len(pictures.flatten(1).unique(dim=0)) > 20
    assert torch.equal(pictures, make(30, _Source(*digits, generator())))


def test_no_picture_is_one_of_the_digits_it_was_made_from(digits: tuple[torch.Tensor, torch.Tensor]):
    pool = outlier_pool(200, generator(), *digits)
    known = {picture.numpy().tobytes() for picture in digits[0]}
    assert not known & {picture.numpy().tobytes() for picture in pool}


@pytest.mark.parametrize("count", [0, 1, 57])
def test_as_many_as_were_asked_for(digits: tuple[torch.Tensor, torch.Tensor], count: int):
    assert outlier_pool(count, generator(), *digits).shape == (count, 28, 28)


def test_no_look_alike_of_a_digit_is_among_the_characters():
    assert not {*LETTERS, *SIGNS} & set("0123456789BbDGgIJjlOoQqSsyZz")  # its "i" is the Cyrillic one


@pytest.mark.slow
def test_both_splits_get_an_eleventh_class_and_validation_always_the_same(digits: tuple[torch.Tensor, torch.Tensor]):
    data = TrainingData.from_arrays(digits[0].numpy(), digits[1].numpy(), np.arange(200), np.arange(200, 300))
    one, two = (with_generated_outliers(data, 0.2, seed) for seed in (1, 2))
    epochs = [one.order(generator(seed)) for seed in (1, 2)]
    for rows in epochs:
        assert len(rows) == one.images_per_epoch == 250
        assert (one.train_labels[rows] == OUTLIER).float().mean() == pytest.approx(0.2, abs=0.01)
        assert set(range(200)) <= set(rows.tolist())  # every digit, and some of the others
    assert set(epochs[0].tolist()) != set(epochs[1].tolist())
    assert len(one.train_labels) == 200 + POOL_FACTOR * 50
    assert torch.equal(one.validation_images, two.validation_images)
    assert not torch.equal(one.train_images, two.train_images)
    assert torch.equal(one.train_images[:200], data.train_images)
    assert with_generated_outliers(data, 0.0, 1) is data


def test_template_digits_are_added_to_what_is_trained_on_alone(digits: tuple[torch.Tensor, torch.Tensor]):
    data = TrainingData.from_arrays(digits[0].numpy(), digits[1].numpy(), np.arange(200), np.arange(200, 300))
    more = with_generated_digits(data, 0.5, 3)
    assert more.images_per_epoch == 400
    assert more.order(generator()).bincount(minlength=len(more.train_labels)).max() == 1
    assert torch.equal(more.validation_images, data.validation_images)
    assert TrainConfig().template_share == TrainConfig().outlier_share == 0


def test_filled_shapes_are_solid(digits: tuple[torch.Tensor, torch.Tensor]):
    pictures = filled(20, _Source(digits[0], digits[1], generator()))
    assert pictures.shape == (20, 28, 28)
    assert ((pictures > 200).sum(dim=(1, 2)) > 40).all()
