"""The training and validation images, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.core.arrays import Bytes, Integers
from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data.splits import TRAIN, VALIDATION, load_training_file
from mnist_classifier.training.network import OUTLIER, MNISTClassifier
from mnist_classifier.training.synthetic.handwriting import digit_pool
from mnist_classifier.training.synthetic.outliers import outlier_pool
from mnist_classifier.training.synthetic.written import written_digits

# Outliers in the validation split.  They are always the same, so that losses of different runs are comparable.
VALIDATION_OUTLIERS = 2000
VALIDATION_OUTLIER_SEED = 1999
# A pool has up to so many pictures for each one that an epoch uses.  A new choice in each epoch is harder to memorise.
POOL_FACTOR = 8
# How often an epoch may show a correction.  More often, a few of them would be learned by heart.
MOST_REPEATS = 20
NEEDS_CORRECTIONS = "only `mnist retrain`, `mnist train` and the server can train on corrections (`corrections_share`)"


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


@dataclass(frozen=True, eq=False)
class FineTuning:
    """The network that a training starts from, and the corrections that it learns.

    glyphs: (N, 28, 28) uint8; labels: (N,), 10 for "not a digit".
    """

    network: MNISTClassifier
    glyphs: Bytes
    labels: Integers


def load_training_data(settings: Settings) -> TrainingData:
    """Read MNIST's training file and split it into training and validation.  Raises DataMissing, DataCorrupt."""
    file, rows = load_training_file(settings.data_dirs())
    return TrainingData.from_arrays(file.images, file.labels, rows[TRAIN], rows[VALIDATION])


def drawn_beside(images: int, share: float) -> int:
    """How many drawn images make up `share` of an epoch with `images` others."""
    return round(images * share / (1 - share))


def prepared(data: TrainingData, config: TrainConfig, tuning: FineTuning | None = None) -> TrainingData:
    """Everything that a training with these settings learns from.

    Raises InvalidConfig if it is to learn corrections, and there are none.
    """
    if bool(config.corrections_share) != (tuning is not None):
        raise InvalidConfig(NEEDS_CORRECTIONS, field="corrections_share")
    factor = pool_factor(config.epochs)
    data = data.limited(config.train_images)
    data = with_generated_digits(data, config.template_share, config.seed, factor)
    data = with_written_digits(data, config.pen_share, config.seed, factor)
    data = with_generated_outliers(data, config.outlier_share, config.seed, factor)
    if tuning is not None:
        data = with_corrections(data, tuning.glyphs, tuning.labels, config.corrections_share)
    return data


def pool_factor(epochs: int) -> int:
    """How many pictures a pool has for each one that an epoch uses: no more than all epochs can show."""
    return min(POOL_FACTOR, epochs)


def with_generated_digits(data: TrainingData, share: float, seed: int, factor: int = POOL_FACTOR) -> TrainingData:
    """Add digits drawn from stroke templates, so that they make up `share` of an epoch."""
    return _with_digits(data, share, seed, factor, digit_pool)


def with_written_digits(data: TrainingData, share: float, seed: int, factor: int = POOL_FACTOR) -> TrainingData:
    """Add digits drawn from strokes that people wrote, so that they make up `share` of an epoch."""
    return _with_digits(data, share, seed, factor, written_digits)


def _with_digits(
    data: TrainingData, share: float, seed: int, factor: int, draw: Callable[[int, Generator], tuple[Tensor, Tensor]]
) -> TrainingData:
    if share == 0:
        return data
    count = drawn_beside(data.images_per_epoch, share)
    images, labels = draw(factor * count, Generator().manual_seed(seed))
    return data.with_pool(images, labels, count)


def with_corrections(data: TrainingData, glyphs: Bytes, labels: Integers, share: float) -> TrainingData:
    """Add corrections, (N, 28, 28) uint8 with labels (N,), so that they make up `share` of an epoch.

    If they are few, they make up less: an epoch shows each at most MOST_REPEATS times.
    """
    count = min(drawn_beside(data.images_per_epoch, share), MOST_REPEATS * len(labels))
    rows = np.arange(max(count, len(labels))) % len(labels)
    return data.with_pool(torch.from_numpy(glyphs[rows]), torch.from_numpy(labels[rows].astype(np.int64)), count)


def with_generated_outliers(data: TrainingData, share: float, seed: int, factor: int = POOL_FACTOR) -> TrainingData:
    """Add outliers: `share` of an epoch, and VALIDATION_OUTLIERS to the validation split."""
    if share == 0:
        return data
    count = drawn_beside(data.images_per_epoch, share)
    # Outliers are made from MNIST's digits, not from generated ones.
    digits, labels = data.train_images[: data.unpooled], data.train_labels[: data.unpooled]
    images = outlier_pool(factor * count, Generator().manual_seed(seed), digits, labels)
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
