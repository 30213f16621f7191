"""The training and validation images, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import TRAIN, VALIDATION, load_training_file
from mnist_classifier.training.network import OUTLIER
from mnist_classifier.training.synthetic.handwriting import digit_pool
from mnist_classifier.training.synthetic.outliers import outlier_pool
from mnist_classifier.training.synthetic.written import written_digits

# Outliers in the validation split.  They are always the same, so that losses of different runs are comparable.
VALIDATION_OUTLIERS = 2000
VALIDATION_OUTLIER_SEED = 1999
# A pool has this many pictures for each one that an epoch uses.  A new choice in each epoch is harder to memorise.
POOL_FACTOR = 8


@dataclass(frozen=True)
class Pool:
    """Training images from `start` to `stop` (exclusive), of which each epoch draws `per_epoch` at random."""

    start: int
    stop: int
    per_epoch: int


@dataclass(frozen=True)
class TrainingData:
    """Images (N, 28, 28) uint8 and labels (N,) int64 of the training and the validation split.

    pools: generated images at the end of the training images.  An epoch uses
    all images before the pools, and a part of each pool.
    """

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    pools: tuple[Pool, ...] = ()

    @classmethod
    def from_arrays(
        cls, images: np.ndarray, labels: np.ndarray, train_rows: np.ndarray, validation_rows: np.ndarray
    ) -> TrainingData:
        """Take the two splits from the arrays of the training file."""
        pixels, classes = torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))
        train, validation = torch.from_numpy(train_rows), torch.from_numpy(validation_rows)
        return cls(pixels[train], classes[train], pixels[validation], classes[validation])

    @property
    def unpooled(self) -> int:
        """How many training images are in no pool; every epoch uses all of them."""
        return self.pools[0].start if self.pools else len(self.train_labels)

    @property
    def images_per_epoch(self) -> int:
        """How many images an epoch has.  All its passes train on the same ones."""
        return self.unpooled + sum(pool.per_epoch for pool in self.pools)

    def order(self, generator: Generator) -> Tensor:
        """Choose the rows of one epoch: (images_per_epoch,) indices of training images, in random order."""
        if not self.pools:
            return torch.randperm(self.unpooled, generator=generator)
        drawn = [
            pool.start + torch.randperm(pool.stop - pool.start, generator=generator)[: pool.per_epoch]
            for pool in self.pools
        ]
        rows = torch.cat([torch.arange(self.unpooled), *drawn])
        return rows[torch.randperm(len(rows), generator=generator)]

    def with_pool(self, images: Tensor, labels: Tensor, per_epoch: int) -> TrainingData:
        """Add a pool of images (N, 28, 28) uint8 with labels (N,)."""
        start = len(self.train_labels)
        return replace(
            self,
            train_images=torch.cat([self.train_images, images]),
            train_labels=torch.cat([self.train_labels, labels]),
            pools=(*self.pools, Pool(start, start + len(labels), per_epoch)),
        )

    def limited(self, count: int) -> TrainingData:
        """Keep the first `count` training images; 0 keeps all."""
        if count == 0 or count >= len(self.train_labels):
            return self
        return replace(self, train_images=self.train_images[:count], train_labels=self.train_labels[:count], pools=())


def load_training_data(settings: Settings) -> TrainingData:
    """Read MNIST's training file and split it into training and validation.  Raises DataMissing, DataCorrupt."""
    file, rows = load_training_file(settings.data_dirs())
    return TrainingData.from_arrays(file.images, file.labels, rows[TRAIN], rows[VALIDATION])


def drawn_beside(images: int, share: float) -> int:
    """How many drawn images make up `share` of an epoch with `images` others."""
    return round(images * share / (1 - share))


def with_generated_digits(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add digits drawn from stroke templates, so that they make up `share` of an epoch."""
    return _with_digits(data, share, seed, digit_pool)


def with_written_digits(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add digits drawn from strokes that people wrote, so that they make up `share` of an epoch."""
    return _with_digits(data, share, seed, written_digits)


def _with_digits(
    data: TrainingData, share: float, seed: int, draw: Callable[[int, Generator], tuple[Tensor, Tensor]]
) -> TrainingData:
    if share == 0:
        return data
    count = drawn_beside(data.images_per_epoch, share)
    images, labels = draw(POOL_FACTOR * count, Generator().manual_seed(seed))
    return data.with_pool(images, labels, count)


def with_generated_outliers(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add outliers: `share` of an epoch, and VALIDATION_OUTLIERS to the validation split."""
    if share == 0:
        return data
    count = drawn_beside(data.images_per_epoch, share)
    # Outliers are made from MNIST's digits, not from generated ones.
    digits, labels = data.train_images[: data.unpooled], data.train_labels[: data.unpooled]
    images = outlier_pool(POOL_FACTOR * count, Generator().manual_seed(seed), digits, labels)
    held_out = outlier_pool(
        VALIDATION_OUTLIERS,
        Generator().manual_seed(VALIDATION_OUTLIER_SEED),
        data.validation_images,
        data.validation_labels,
    )
    return replace(
        data.with_pool(images, torch.full((len(images),), OUTLIER), count),
        validation_images=torch.cat([data.validation_images, held_out]),
        validation_labels=torch.cat([data.validation_labels, torch.full((len(held_out),), OUTLIER)]),
    )
