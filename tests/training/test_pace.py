"""How long a training takes here, from a short measurement."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training import pace
from mnist_classifier.training.data import (
    TrainingData,
    with_generated_digits,
    with_generated_outliers,
    with_written_digits,
)
from mnist_classifier.training.loop import train
from mnist_classifier.training.pace import Pace
from mnist_classifier.training.synthetic.handwriting import digit_pool


def test_the_estimate_is_the_sum_of_its_parts(tiny_config: TrainConfig):
    config = replace(tiny_config, epochs=5, plain_epochs=2, train_images=1000)
    parts = Pace(augmented_image_s=0.003, plain_image_s=0.002, validation_s=0.5, drawing_s=7.0)
    assert parts.training_s(config) == pytest.approx(3 * 3.0 + 2 * 2.0 + 5 * 0.5 + 7.0)


def test_more_plain_epochs_than_epochs_cost_no_more(tiny_config: TrainConfig):
    parts = Pace(augmented_image_s=0.003, plain_image_s=0.002, validation_s=0.0)
    assert parts.training_s(replace(tiny_config, epochs=1, plain_epochs=9, train_images=1000)) == pytest.approx(2.0)


@pytest.mark.slow
def test_drawn_images_count_as_in_a_training(tiny_config: TrainConfig):
    config = replace(tiny_config, train_images=100, template_share=0.16, pen_share=0.11, outlier_share=0.25)
    images, labels = digit_pool(100, torch.Generator().manual_seed(0))
    data = TrainingData(images, labels, images, labels)
    data = with_generated_digits(data, config.template_share, seed=0)
    data = with_written_digits(data, config.pen_share, seed=0)
    data = with_generated_outliers(data, config.outlier_share, seed=0)
    assert pace.epoch_images(config) == data.images_per_epoch


@pytest.mark.slow
def test_a_process_measures_once_for_all_seeds(tiny_config: TrainConfig):
    pace._measured.cache_clear()
    first = pace.training_s(tiny_config)
    assert first > 0
    assert pace.training_s(replace(tiny_config, seed=5)) == first
    assert pace._measured.cache_info().misses == 1


@pytest.mark.slow
def test_a_measurement_does_not_change_what_a_training_learns(tiny_config: TrainConfig, tiny_data: TrainingData):
    before = train(tiny_config, tiny_data).network.state_dict()
    pace._measured.cache_clear()
    pace.training_s(tiny_config)
    after = train(tiny_config, tiny_data).network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
