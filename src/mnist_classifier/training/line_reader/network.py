"""The network of the line reader: convolutions turn a line into frames, each with the scores of its labels.

Source of the loss: Graves et al. 2006, Connectionist Temporal Classification.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_classifier.recognition.numbers.line_reader import CLASSES, FRAME_PX

# The blank and one label for each class.
LABELS = len(CLASSES) + 1
CHANNELS = (24, 48, 64, 96, 128)
# Rows that are left when the last two-dimensional kernel takes them all.
LAST_ROWS = 5
DROPOUT = 0.1


class LineNetwork(nn.Module):
    """Five two-dimensional convolutions down to one row of frames, then three one-dimensional ones along the line.

    Pooling comes before BatchNorm and ReLU, as in the network that reads single digits.

    forward: (N, 1, HEIGHT_PX, W) float, ink = 1.0 -> (N, LABELS, W / FRAME_PX) scores; label 0 is the blank of CTC.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = CHANNELS
        self.picture = nn.Sequential(
            *_block(1, a, (5, 5), pool=(2, FRAME_PX)),
            *_block(a, b, (3, 3), pool=(2, 1)),
            *_block(b, c, (3, 3), pool=(2, 1)),
            *_block(c, d, (3, 3)),
            nn.Conv2d(d, e, (LAST_ROWS, 1), bias=False),
            nn.BatchNorm2d(e),
            nn.ReLU(inplace=True),
        )
        self.frames = nn.Sequential(
            *_frame_block(e, 7),
            nn.Dropout(DROPOUT),
            *_frame_block(e, 5),
            nn.Conv1d(e, LABELS, 1),
        )

    def forward(self, lines: Tensor) -> Tensor:
        """Score every label in every frame."""
        scores: Tensor = self.frames(self.picture(lines).squeeze(2))
        return scores


def _block(inputs: int, outputs: int, kernel: tuple[int, int], pool: tuple[int, int] | None = None) -> list[nn.Module]:
    padding = (kernel[0] // 2, kernel[1] // 2)
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)]
    if pool is not None:
        layers.append(nn.MaxPool2d(pool))
    return [*layers, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _frame_block(channels: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm1d(channels), nn.ReLU(inplace=True)]


def as_pixels(lines: Tensor) -> Tensor:
    """(N, HEIGHT_PX, W) uint8 lines -> (N, 1, HEIGHT_PX, W) float in 0..1."""
    return lines[:, None].float() / 255


@torch.no_grad()
def predict_log_probabilities(network: LineNetwork, lines: Tensor) -> Tensor:
    """(N, HEIGHT_PX, W) uint8 lines -> (N, W / FRAME_PX, LABELS) log probabilities, in evaluation mode."""
    network.eval()
    return F.log_softmax(network(as_pixels(lines)), dim=1).transpose(1, 2)
