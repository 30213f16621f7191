"""The batches of an epoch: augmented images, on which one or several passes train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.augment import Augmentation
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.network import as_pixels
from mnist_classifier.training.objective import Teacher
from mnist_classifier.training.workers import Workers


@dataclass(frozen=True)
class Batch:
    """Images with their labels (N,) and, if there is a teacher, its probabilities (N, C).

    pixels: (N, 1, 28, 28) float in 0..1, channels last; after `packed`, (N, 28, 28) uint8.
    """

    pixels: Tensor
    labels: Tensor
    taught: Tensor | None

    def packed(self) -> Batch:
        """The same batch with one byte a pixel."""
        pixels = (self.pixels[:, 0].float() * 255).round().clamp(0, 255).to(torch.uint8)
        return Batch(pixels, self.labels, self.taught)

    def unpacked(self) -> Batch:
        """The same batch with float pixels, as the network takes them."""
        return Batch(_channels_last(as_pixels(self.pixels)), self.labels, self.taught)

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """One batch of all images."""
        taught = [batch.taught for batch in batches if batch.taught is not None]
        return cls(
            torch.cat([batch.pixels for batch in batches]),
            torch.cat([batch.labels for batch in batches]),
            torch.cat(taught) if taught else None,
        )

    def chosen(self, rows: Tensor) -> Batch:
        """The images at these rows, in this order."""
        return Batch(self.pixels[rows], self.labels[rows], None if self.taught is None else self.taught[rows])


class Batches:
    """Makes the batches of a training; in each process, only the shard of that process."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        device: torch.device,
        generator: Generator,
        teacher: Teacher | None,
        workers: Workers,
    ) -> None:
        self.config = config
        self.data = data
        self.images = data.train_images.to(device)
        self.labels = data.train_labels.to(device)
        self.generator = generator
        self.teacher = teacher
        self.workers = workers
        self.augmentation = Augmentation.from_config(config)

    def of_epoch(self, plain: bool) -> Iterator[tuple[int, Batch]]:
        """The batches of all passes of an epoch, each with its size before it is split among processes.

        The first pass augments the images and asks the teacher.  Each later pass shuffles the images of this process
        again, and moves each batch by up to a pixel.  plain: images are neither augmented nor moved.
        Source: Choi et al. 2019, Faster Neural Network Training with Data Echoing.
        """
        order = self.data.order(self.generator).to(self.images.device)
        sizes: list[int] = []
        made: list[Batch] = []
        for rows in torch.split(order, self.config.batch_size):
            batch = self.make(rows, plain)
            yield len(rows), batch
            if self.config.passes > 1:
                sizes.append(len(rows))
                made.append(batch.packed())
        if made:
            whole, own_sizes = Batch.joined(made), [len(batch.labels) for batch in made]
            made.clear()
            for _ in range(self.config.passes - 1):
                yield from zip(sizes, self._mixed(whole, own_sizes, plain), strict=True)

    def make(self, rows: Tensor, plain: bool) -> Batch:
        """Make the shard of the images at these rows, augmented unless `plain`, with labels and teacher's answers."""
        shard = self.workers.shard(len(rows))
        if plain:
            pixels, labels = as_pixels(self.images[rows[shard]]), self.labels[rows[shard]]
        else:
            pixels, labels = as_pixels(self.images[rows]), self.labels[rows]
            pixels, labels = self.augmentation(pixels, labels, self.generator, shard), labels[shard]
        pixels = _channels_last(pixels)
        return Batch(pixels, labels, self.teacher.probabilities(pixels, self.generator) if self.teacher else None)

    def _mixed(self, whole: Batch, sizes: Sequence[int], plain: bool) -> Iterator[Batch]:
        """All images of this process, shuffled, in batches of these sizes; moved unless `plain`."""
        # Shards may differ in length, so each process draws only one number here, and generators stay in step.
        seed = int(torch.randint(2**31, (), generator=self.generator))
        generator = Generator().manual_seed(seed)
        order = torch.randperm(len(whole.labels), generator=generator).to(whole.labels.device)
        for rows in torch.split(order, list(sizes)):
            batch = whole.chosen(rows).unpacked()
            yield batch if plain else moved(batch, generator)


def moved(batch: Batch, generator: Generator) -> Batch:
    """Move all images of a batch by the same random step of up to a pixel.

    Without it, a network learns by heart the images that it sees several times.  The teacher's answers stay the same.
    """
    down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
    pixels = F.pad(batch.pixels, (right, -right, down, -down))
    return Batch(_channels_last(pixels), batch.labels, batch.taught)


def _channels_last(pixels: Tensor) -> Tensor:
    return pixels.contiguous(memory_format=torch.channels_last)
