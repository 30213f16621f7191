"""The network: two convolutional blocks and two fully connected layers.

With `patch` 2 or 4, each patch of pixels first becomes channels, so that the blocks work on fewer positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats, in_batches
from mnist_classifier.core.train_config import TrainConfig

# Mean and standard deviation of the 60,000 training images, in 0..1.
PIXEL_MEAN = 0.1307
PIXEL_STD = 0.3081

DIGITS = 10
# The eleventh class, "not a digit", in networks that have one.
OUTLIER = 10
# Images in one forward pass.  The activations of more images do not fit into the processor's cache.
EVALUATION_BATCH = 500


class MNISTClassifier(nn.Module):
    """Two blocks of Conv2d, MaxPool, BatchNorm, ReLU and Dropout, then two linear layers.

    A block of L layers (`conv1_layers`, `conv2_layers`) starts with L - 1 times Conv2d, BatchNorm, ReLU.
    Pooling comes before BatchNorm and ReLU, which then work on a quarter of the values.  Max-pooling commutes with
    every increasing function, so the network can learn the same functions as in the usual order.

    forward: (N, 1, 28, 28) float, ink = 1.0 -> (N, classes) logits; an eleventh class means "not a digit".
    """

    def __init__(
        self,
        *,
        patch: int = 1,
        conv1_channels: int = 32,
        conv2_channels: int = 64,
        conv1_kernel: int = 5,
        conv2_kernel: int = 5,
        conv1_layers: int = 1,
        conv2_layers: int = 1,
        hidden_units: int = 256,
        classes: int = 10,
        conv_dropout: float = 0.1,
        hidden_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "patch": patch,
            "conv1_channels": conv1_channels,
            "conv2_channels": conv2_channels,
            "conv1_kernel": conv1_kernel,
            "conv2_kernel": conv2_kernel,
            "conv1_layers": conv1_layers,
            "conv2_layers": conv2_layers,
            "hidden_units": hidden_units,
            "classes": classes,
            "conv_dropout": conv_dropout,
            "hidden_dropout": hidden_dropout,
        }
        self.patches = Patches(patch)
        self.block1 = convolutional_block(patch * patch, conv1_channels, conv1_kernel, conv1_layers, conv_dropout)
        self.block2 = convolutional_block(conv1_channels, conv2_channels, conv2_kernel, conv2_layers, conv_dropout)
        self.hidden = nn.Sequential(
            FlattenPixels(),
            nn.Linear(conv2_channels * (SIDE_PX // patch // 4) ** 2, hidden_units, bias=False),
            nn.BatchNorm1d(hidden_units),
            nn.ReLU(),
            nn.Dropout(hidden_dropout),
        )
        self.output = nn.Linear(hidden_units, classes)

    @classmethod
    def from_config(cls, config: TrainConfig) -> MNISTClassifier:
        """Build the network that a training's settings describe."""
        return cls(
            patch=config.patch,
            conv1_channels=config.conv1_channels,
            conv2_channels=config.conv2_channels,
            conv1_kernel=config.conv1_kernel,
            conv2_kernel=config.conv2_kernel,
            conv1_layers=config.conv1_layers,
            conv2_layers=config.conv2_layers,
            hidden_units=config.hidden_units,
            classes=DIGITS + 1 if config.outlier_share else DIGITS,
            conv_dropout=config.conv_dropout,
            hidden_dropout=config.hidden_dropout,
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 1, 28, 28) -> (N, classes) logits."""
        x = (pixels - PIXEL_MEAN) / PIXEL_STD  # (N, 1, 28, 28)
        x = self.patches(x)  # (N, P*P, 28/P, 28/P)
        x = self.block1(x)  # (N, C1, 14/P, 14/P)
        x = self.block2(x)  # (N, C2, 7/P, 7/P), rounded down
        x = self.hidden(x)  # (N, H)
        logits: Tensor = self.output(x)  # (N, classes)
        return logits


class Patches(nn.PixelUnshuffle):
    """Turns each patch of P * P pixels into one pixel with P * P channels."""

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 1, S, S) -> (N, P*P, S/P, S/P)."""
        if pixels.numel():
            return super().forward(pixels)
        # Without images PyTorch keeps the shape.  A process has none if a batch has fewer images than processes.
        side = SIDE_PX // self.downscale_factor
        return pixels.reshape(0, self.downscale_factor**2, side, side)


class FlattenPixels(nn.Module):
    """Flattens (N, C, H, W) to (N, H*W*C), pixel by pixel.

    The blocks compute in channels_last, where this is the order in memory, so nothing is copied.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Flatten."""
        return x.permute(0, 2, 3, 1).flatten(1)


def convolutional_block(inputs: int, outputs: int, kernel: int, layers: int, dropout: float) -> nn.Sequential:
    """Make a block that maps (N, inputs, S, S) to (N, outputs, S/2, S/2).  Pooling follows the last convolution."""
    modules: list[nn.Module] = []
    for layer in range(1, layers + 1):
        # BatchNorm subtracts the mean, so a bias before it would have no effect.
        modules.append(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False))
        if layer == layers:
            modules.append(nn.MaxPool2d(2))
        modules += [nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    # Dropping single values has little effect, because their neighbours are similar.  Whole channels also need
    # 196 times fewer random numbers.
    return nn.Sequential(*modules, nn.Dropout2d(dropout))


def parameter_count(network: nn.Module) -> int:
    """The number of trained weights."""
    return sum(p.numel() for p in network.parameters())


def multiply_accumulates(network: MNISTClassifier) -> int:
    """Multiply-accumulates of one forward pass in convolutions and linear layers."""
    side = SIDE_PX // network.arguments["patch"]
    total = 0
    for block in (network.block1, network.block2):
        convolutions = [m for m in block if isinstance(m, nn.Conv2d)]
        total += sum(m.weight.numel() for m in convolutions) * side * side
        side //= 2
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    return total + sum(m.weight.numel() for m in linear)


def as_pixels(images_u8: Tensor) -> Tensor:
    """Convert (N, 28, 28) uint8 images to (N, 1, 28, 28) float32 pixels in 0..1, the input of the network."""
    return images_u8.unsqueeze(1).to(torch.float32) / 255.0


@torch.no_grad()
def predict_logits(
    network: nn.Module,
    images_u8: Tensor,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Run a network in `dtype` on (N, 28, 28) uint8 images; returns (N, classes) float32 logits on the CPU."""
    network.eval()
    device = torch.device(device)

    def logits(part: Bytes) -> Floats:
        pixels = as_pixels(torch.from_numpy(part).to(device)).contiguous(memory_format=torch.channels_last)
        found: Floats = network(pixels).float().cpu().numpy()
        return found

    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        return torch.from_numpy(in_batches(logits, images_u8.numpy(), EVALUATION_BATCH))


def keep_statistics(network: nn.Module) -> None:
    """Let BatchNorm normalise with the statistics that it has, also in training mode, and leave them as they are."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
