from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.batches import Batch, Batches
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.loop import Observer, StepProgress, train
from mnist_classifier.training.objective import Teacher
from mnist_classifier.training.workers import Workers


class Brightness(torch.nn.Module):
    """A network whose first logit is the brightness of the image."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(pixels.sum((1, 2, 3))[:, None], (0, 9))


def epoch_of(config: TrainConfig, data: TrainingData, *, plain: bool) -> list[tuple[int, Batch]]:
    teacher = Teacher(Brightness(), torch.device("cpu"), torch.float32)  # type: ignore[arg-type]
    batches = Batches(config, data, torch.device("cpu"), Generator().manual_seed(1), teacher, Workers())
    return list(batches.of_epoch(plain))


def rows(batches: list[tuple[int, Batch]]) -> list[bytes]:
    """Each image with its label and its teacher's answer."""
    found = []
    for _, batch in batches:
        assert batch.taught is not None
        for image, label, taught in zip(batch.packed().pixels, batch.labels.tolist(), batch.taught, strict=True):
            found.append(image.numpy().tobytes() + bytes([label]) + taught.numpy().tobytes())
    return found


def test_an_epoch_trains_on_each_image_as_often_as_it_has_passes(tiny_config: TrainConfig, tiny_data: TrainingData):
    batches = epoch_of(replace(tiny_config, passes=3), tiny_data, plain=True)
    assert [size for size, _ in batches] == 3 * [*(15 * [64]), 40]
    assert all(size == len(batch.labels) for size, batch in batches)
    first, second, third = (rows(batches[at : at + 16]) for at in (0, 16, 32))
    assert first != second != third
    assert sorted(first) == sorted(second) == sorted(third)


def test_later_passes_move_the_augmented_images_by_up_to_a_pixel(tiny_config: TrainConfig, tiny_data: TrainingData):
    batches = epoch_of(replace(tiny_config, passes=4, rotation_degrees=20.0), tiny_data, plain=False)
    made = {inner(batch.pixels, 0, 0) for batch in singles(batches[:16])}
    moves = set()
    for batch in singles(batches[16:]):
        fits = {move for move in MOVES if inner(batch.pixels, *move) in made}
        assert len(fits) == 1
        moves |= fits
    assert moves == set(MOVES)


MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def singles(batches: list[tuple[int, Batch]]) -> list[Batch]:
    return [batch.chosen(torch.tensor([row])) for _, batch in batches for row in range(len(batch.labels))]


def inner(pixels: torch.Tensor, down: int, right: int) -> bytes:
    """The middle of an image that was moved, without the pixels that a move may have cut off."""
    size = pixels.shape[-1]
    part = pixels[0, 0, 2 + down : size - 2 + down, 2 + right : size - 2 + right]
    return (part * 255).round().to(torch.uint8).contiguous().numpy().tobytes()


def test_progress_counts_the_images_of_all_passes(tiny_config: TrainConfig, tiny_data: TrainingData):
    seen: list[StepProgress] = []
    result = train(replace(tiny_config, epochs=1, passes=2), tiny_data, Observer(on_step=seen.append))
    assert (seen[-1].step, seen[-1].steps, seen[-1].images) == (32, 32, 2000)
    # The schedule takes one epoch of two passes like two epochs of one.
    two_epochs = train(replace(tiny_config, epochs=2), tiny_data)
    assert result.epochs[0].learning_rate == pytest.approx(two_epochs.epochs[-1].learning_rate)
