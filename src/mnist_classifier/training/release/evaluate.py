"""Measure a network on a labelled set."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mnist_classifier.core import metrics
from mnist_classifier.core.metrics import Measurement
from mnist_classifier.training.network import as_pixels

# Images in one forward pass; larger ones leave the processor's cache.
EVALUATION_BATCH = 500


@torch.no_grad()
def predict_logits(
    network: nn.Module,
    images_u8: Tensor,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """(N, 28, 28) uint8 -> (N, 10) float32 logits on the CPU, computed in `dtype`."""
    network.eval()
    device = torch.device(device)
    parts = []
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for part in torch.split(images_u8, EVALUATION_BATCH):
            pixels = as_pixels(part.to(device)).contiguous(memory_format=torch.channels_last)
            parts.append(network(pixels).float().cpu())
    return torch.cat(parts)


def measure(logits: Tensor, labels: Tensor, *, temperature: float = 1.0) -> Measurement:
    """Compare (N, 10) logits with (N,) labels, both on the CPU."""
    return metrics.measure(logits.numpy(), labels.numpy(), temperature=temperature)
