"""The images that a training sees, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.training.handwriting import digit_pool
from mnist_classifier.training.network import OUTLIER
from mnist_classifier.training.outliers import outlier_pool

# Pictures of no digit beside the validation split: always the same ones, so
# that thresholds and losses of different runs can be compared.
VALIDATION_OUTLIERS = 2000
VALIDATION_OUTLIER_SEED = 1999


@dataclass(frozen=True)
class TrainingData:
    """uint8 images (N, 28, 28) and int64 labels (N,) of the two splits."""

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor

    @classmethod
    def from_arrays(
        cls, images: np.ndarray, labels: np.ndarray, train_rows: np.ndarray, validation_rows: np.ndarray
    ) -> TrainingData:
        """Cut the two splits out of the training file's arrays."""
        pixels, classes = torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))
        train, validation = torch.from_numpy(train_rows), torch.from_numpy(validation_rows)
        return cls(pixels[train], classes[train], pixels[validation], classes[validation])

    def with_outliers(self, train: Tensor, validation: Tensor) -> TrainingData:
        """Add pictures of no digit, (N, 28, 28) uint8, to both splits, as an eleventh class."""
        return TrainingData(
            torch.cat([self.train_images, train]),
            torch.cat([self.train_labels, torch.full((len(train),), OUTLIER)]),
            torch.cat([self.validation_images, validation]),
            torch.cat([self.validation_labels, torch.full((len(validation),), OUTLIER)]),
        )

    def limited(self, count: int) -> TrainingData:
        """Keep the first `count` training images; 0 keeps all."""
        if count == 0 or count >= len(self.train_labels):
            return self
        return TrainingData(
            self.train_images[:count],
            self.train_labels[:count],
            self.validation_images,
            self.validation_labels,
        )


def with_generated_digits(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add so many digits written from templates that they are `share` of what is trained on."""
    if share == 0:
        return data
    count = round(len(data.train_labels) * share / (1 - share))
    images, labels = digit_pool(count, Generator().manual_seed(seed))
    return replace(
        data, train_images=torch.cat([data.train_images, images]), train_labels=torch.cat([data.train_labels, labels])
    )


def with_generated_outliers(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add so many pictures of no digit that they are `share` of what is trained on."""
    if share == 0:
        return data
    count = round(len(data.train_labels) * share / (1 - share))
    generator = Generator().manual_seed(seed)
    train = outlier_pool(count, generator, data.train_images, data.train_labels)
    return data.with_outliers(train, validation_outliers(data))


def validation_outliers(data: TrainingData) -> Tensor:
    """(VALIDATION_OUTLIERS, 28, 28) uint8 pictures of no digit, made from the validation split."""
    generator = Generator().manual_seed(VALIDATION_OUTLIER_SEED)
    return outlier_pool(VALIDATION_OUTLIERS, generator, data.validation_images, data.validation_labels)
