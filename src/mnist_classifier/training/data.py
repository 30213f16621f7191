"""The images that a training sees, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import TRAIN, VALIDATION, load_training_file
from mnist_classifier.training.network import OUTLIER
from mnist_classifier.training.synthetic.handwriting import digit_pool
from mnist_classifier.training.synthetic.outliers import outlier_pool

# Pictures of no digit beside the validation split: always the same ones, so
# that thresholds and losses of different runs can be compared.
VALIDATION_OUTLIERS = 2000
VALIDATION_OUTLIER_SEED = 1999
# So many times as many pictures are generated as one epoch sees: a new choice
# of them each epoch is harder to learn by heart.
POOL_FACTOR = 4


@dataclass(frozen=True)
class Pool:
    """Rows of the training images of which each epoch sees `an_epoch`, drawn anew."""

    start: int
    stop: int
    an_epoch: int


@dataclass(frozen=True)
class TrainingData:
    """uint8 images (N, 28, 28) and int64 labels (N,) of the two splits.

    What stands before the first of the `pools` is seen in every epoch.
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
        """Cut the two splits out of the training file's arrays."""
        pixels, classes = torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))
        train, validation = torch.from_numpy(train_rows), torch.from_numpy(validation_rows)
        return cls(pixels[train], classes[train], pixels[validation], classes[validation])

    @property
    def always(self) -> int:
        """Images that every epoch sees."""
        return self.pools[0].start if self.pools else len(self.train_labels)

    @property
    def an_epoch(self) -> int:
        """Images in one epoch."""
        return self.always + sum(pool.an_epoch for pool in self.pools)

    def order(self, generator: Generator) -> Tensor:
        """The rows of one epoch, (an_epoch,), in random order."""
        if not self.pools:
            return torch.randperm(self.always, generator=generator)
        drawn = [
            pool.start + torch.randperm(pool.stop - pool.start, generator=generator)[: pool.an_epoch]
            for pool in self.pools
        ]
        rows = torch.cat([torch.arange(self.always), *drawn])
        return rows[torch.randperm(len(rows), generator=generator)]

    def with_pool(self, images: Tensor, labels: Tensor, an_epoch: int) -> TrainingData:
        """Add images (N, 28, 28) uint8 with labels (N,), of which an epoch sees a part."""
        start = len(self.train_labels)
        return replace(
            self,
            train_images=torch.cat([self.train_images, images]),
            train_labels=torch.cat([self.train_labels, labels]),
            pools=(*self.pools, Pool(start, start + len(labels), an_epoch)),
        )

    def with_validation_outliers(self, images: Tensor) -> TrainingData:
        """Add pictures of no digit, (N, 28, 28) uint8, to the validation split."""
        return replace(
            self,
            validation_images=torch.cat([self.validation_images, images]),
            validation_labels=torch.cat([self.validation_labels, torch.full((len(images),), OUTLIER)]),
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


def load_training_data(settings: Settings) -> TrainingData:
    """MNIST's training file, cut into training and validation split.  Raises DataMissing, DataCorrupt."""
    file, rows = load_training_file(settings.data_dirs())
    return TrainingData.from_arrays(file.images, file.labels, rows[TRAIN], rows[VALIDATION])


def with_generated_digits(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add so many digits written from templates that they are `share` of what an epoch sees."""
    if share == 0:
        return data
    count = round(data.an_epoch * share / (1 - share))
    images, labels = digit_pool(POOL_FACTOR * count, Generator().manual_seed(seed))
    return data.with_pool(images, labels, count)


def with_generated_outliers(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Add so many pictures of no digit that they are `share` of what an epoch sees."""
    if share == 0:
        return data
    count = round(data.an_epoch * share / (1 - share))
    # They are made from MNIST's digits alone.
    digits, labels = data.train_images[: data.always], data.train_labels[: data.always]
    images = outlier_pool(POOL_FACTOR * count, Generator().manual_seed(seed), digits, labels)
    with_pool = data.with_pool(images, torch.full((len(images),), OUTLIER), count)
    return with_pool.with_validation_outliers(validation_outliers(data))


def validation_outliers(data: TrainingData) -> Tensor:
    """(VALIDATION_OUTLIERS, 28, 28) uint8 pictures of no digit, made from the validation split."""
    generator = Generator().manual_seed(VALIDATION_OUTLIER_SEED)
    return outlier_pool(VALIDATION_OUTLIERS, generator, data.validation_images, data.validation_labels)
