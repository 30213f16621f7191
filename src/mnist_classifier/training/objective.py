"""The training loss: cross entropy with the labels and with a teacher's probabilities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_classifier.training.ensemble import Ensemble, Network
from mnist_classifier.training.network import OUTLIER


class Teacher:
    """A trained network whose probabilities another network learns.

    A random member of an ensemble answers for each batch.  On average over many batches, this is
    the answer of the whole ensemble, at the cost of one network.
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.dtype = dtype

    @torch.no_grad()
    def probabilities(self, pixels: Tensor, generator: Generator) -> Tensor:
        """Answer (N, 1, 28, 28) pixels with (N, C) probabilities."""
        network = self.network.one_of(generator) if isinstance(self.network, Ensemble) else self.network
        with torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32):
            logits: Tensor = network(pixels)
        return logits.float().softmax(dim=1)


def training_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float,
    taught: Tensor | None = None,
    weight: float = 0.0,
    labels_decide: bool = False,
) -> Tensor:
    """Cross entropy with the labels and, with `weight` (0..1), with the probabilities of a teacher.

    logits: (N, C); labels: (N,); taught: (N, C) probabilities of the teacher.  If the teacher takes an outlier for a
    digit, or with `labels_decide` contradicts any label, the label replaces its probabilities.  The loss of a batch
    without images is 0.
    Source: Hinton et al. 2015, Distilling the Knowledge in a Neural Network.
    """
    if not len(labels):
        return logits.sum()
    hard = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    if taught is None:
        return hard
    errs = taught.argmax(dim=1) != labels
    if not labels_decide:
        errs &= labels == OUTLIER
    taught = torch.where(errs[:, None], F.one_hot(labels, logits.shape[1]).to(taught.dtype), taught)
    return (1 - weight) * hard + weight * F.cross_entropy(logits, taught)
