"""A batch of augmented images, which an epoch can train on more than once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mnist_classifier.training.network import as_pixels


@dataclass(frozen=True)
class Batch:
    """Images, their labels (N,), and a teacher's probabilities (N, C) of the classes, if there is one.

    pixels: (N, 1, 28, 28) float in 0..1, channels last; packed, they are (N, 28, 28) uint8.
    """

    pixels: Tensor
    labels: Tensor
    taught: Tensor | None

    def packed(self) -> Batch:
        """The same with a byte for each pixel."""
        pixels = (self.pixels[:, 0].float() * 255).round().clamp(0, 255).to(torch.uint8)
        return Batch(pixels, self.labels, self.taught)

    def unpacked(self) -> Batch:
        """The same with the pixels that a network takes."""
        pixels = as_pixels(self.pixels).contiguous(memory_format=torch.channels_last)
        return Batch(pixels, self.labels, self.taught)

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """One batch of all images."""
        taught = [batch.taught for batch in batches if batch.taught is not None]
        return cls(
            torch.cat([batch.pixels for batch in batches]),
            torch.cat([batch.labels for batch in batches]),
            torch.cat(taught) if taught else None,
        )

    def shuffled(self, generator: Generator) -> Batch:
        """The same images in random order."""
        return self._chosen(torch.randperm(len(self.labels), generator=generator).to(self.labels.device))

    def split(self, sizes: Sequence[int]) -> Iterator[Batch]:
        """Batches of these sizes."""
        for rows in torch.split(torch.arange(len(self.labels), device=self.labels.device), list(sizes)):
            yield self._chosen(rows)

    def _chosen(self, rows: Tensor) -> Batch:
        return Batch(self.pixels[rows], self.labels[rows], None if self.taught is None else self.taught[rows])
