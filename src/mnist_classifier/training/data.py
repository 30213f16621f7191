"""The images that a training sees, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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
