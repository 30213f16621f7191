from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.batch import Batch
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.loop import Observer, StepProgress, Trainer, train


def numbered(count: int) -> Batch:
    """Images whose brightness, label and teacher's answer tell their number."""
    numbers = torch.arange(count)
    pixels = (numbers / 255)[:, None, None, None].expand(count, 1, 28, 28).contiguous()
    return Batch(pixels, numbers, numbers[:, None].float())


def test_a_shuffled_batch_keeps_image_label_and_answer_together():
    whole = Batch.joined([numbered(60).packed(), numbered(40).packed()]).shuffled(Generator().manual_seed(1))
    parts = [part.unpacked() for part in whole.split([32, 32, 36])]
    assert [len(part.labels) for part in parts] == [32, 32, 36]
    labels = torch.cat([part.labels for part in parts])
    assert sorted(labels.tolist()) == sorted([*range(60), *range(40)])
    assert labels.tolist() != [*range(60), *range(40)]
    for part in parts:
        assert torch.equal((part.pixels[:, 0, 5, 5] * 255).round().long(), part.labels)
        assert part.taught is not None
        assert torch.equal(part.taught[:, 0].long(), part.labels)


def test_an_epoch_trains_on_each_augmented_image_as_often_as_it_has_passes(
    tiny_config: TrainConfig, tiny_data: TrainingData
):
    trainer = Trainer(replace(tiny_config, passes=3), tiny_data, Observer(), None, None)
    batches = list(trainer._batches(tiny_data.order(trainer.generator), plain=False))
    assert [size for size, _ in batches] == 3 * [*(15 * [64]), 40]
    first, second, third = (packed_rows([batch for _, batch in batches[at : at + 16]]) for at in (0, 16, 32))
    assert first != second != third
    assert sorted(first) == sorted(second) == sorted(third)


def packed_rows(batches: list[Batch]) -> list[bytes]:
    """Each image as bytes, with its label."""
    pixels: Tensor = torch.cat([batch.packed().pixels for batch in batches])
    labels = torch.cat([batch.labels for batch in batches])
    return [image.numpy().tobytes() + bytes([label]) for image, label in zip(pixels, labels.tolist(), strict=True)]


def test_progress_counts_the_images_of_all_passes(tiny_config: TrainConfig, tiny_data: TrainingData):
    seen: list[StepProgress] = []
    config = replace(tiny_config, epochs=1, passes=2)
    result = train(config, tiny_data, Observer(on_step=seen.append))
    assert (seen[-1].step, seen[-1].steps, seen[-1].images) == (32, 32, 2000)
    assert result.epochs[0].learning_rate == pytest.approx(train_rate_at_the_end(config, tiny_data))


def train_rate_at_the_end(config: TrainConfig, data: TrainingData) -> float:
    """The last rate of a training with as many steps in two epochs of one pass."""
    return train(replace(config, epochs=2, passes=1), data).epochs[-1].learning_rate
