"""Augmentation: random variations of a batch of digits.

The whole batch is transformed at once, with random parameters for each image.  At zero strength every
function returns its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.network import DIGITS, PIXEL_MEAN
from mnist_classifier.training.synthetic.styles import add_strokes, spoil, uniform, vary_width

# Ranges of an erased rectangle: its share of the image, and its aspect ratio.  Source: Zhong et al. 2017, Random
# Erasing; the areas are halved, because a digit becomes unreadable sooner than a photograph.
ERASED_AREA = (0.02, 0.15)
ERASED_ASPECT = (0.3, 3.3)

# Smallest side of the square of cutout, as a share of the largest.
CUTOUT_SMALLEST = 2 / 3

# Elastic distortion: random displacements at nodes this far apart, smoothed by a Gaussian of the same width.
# Source: Simard et al. 2003, with a sigma of 4 px on images of 29 px.
ELASTIC_SPACING_PX = 4
WHOLE = slice(None)  # the shard of a process that trains alone


@dataclass(frozen=True)
class Augmentation:
    """The strengths of augmentation; the fields are those of TrainConfig."""

    rotation_degrees: float = 0.0
    translation: float = 0.0
    scale_low: float = 1.0
    scale_high: float = 1.0
    elastic_px: float = 0.0
    erasing_probability: float = 0.0
    cutout_px: int = 12
    cutout_probability: float = 0.0
    slant_degrees: float = 0.0
    aspect: float = 0.0
    style_probability: float = 0.0
    width_probability: float = 0.0
    spoil_probability: float = 0.0
    augmentation_probability: float = 1.0

    @classmethod
    def from_config(cls, config: TrainConfig) -> Augmentation:
        """Take the strengths from the settings of a training."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    def __call__(self, pixels: Tensor, labels: Tensor, generator: Generator, shard: slice = WHOLE) -> Tensor:
        """Vary (N, 1, H, W) float pixels in 0..1 with labels (N,); returns the `shard` of them in the same range.

        The random numbers of an image do not depend on the shard.  Outliers are moved and erased like digits, but keep
        their pen and are not spoilt: otherwise the network could learn to take a spoilt digit for an outlier.
        """
        others = self.style_probability or self.width_probability or self.spoil_probability
        if others or self.augmentation_probability < 1 or not len(pixels[shard]):
            # How many random numbers these draw depends on the images, so every process varies the whole batch.  A
            # process with an empty shard does too, because F.affine_grid refuses a batch without images.
            return to_some(
                pixels,
                self.augmentation_probability,
                lambda p, r: self._vary(p, labels[r], generator, WHOLE),
                generator,
            )[shard]
        return self._vary(pixels, labels, generator, shard)

    def _vary(self, pixels: Tensor, labels: Tensor, generator: Generator, shard: slice) -> Tensor:
        digits = labels < DIGITS
        pixels = to_some(
            pixels, self.style_probability, lambda p, r: add_strokes(p[:, 0], labels[r], generator)[:, None], generator
        )
        pixels = to_some(
            pixels, self.width_probability * digits, lambda p, r: vary_width(p[:, 0], generator)[:, None], generator
        )
        pixels = self._move(pixels, generator, shard)
        pixels = to_some(
            pixels, self.spoil_probability * digits, lambda p, r: spoil(p[:, 0], generator)[:, None], generator
        )
        pixels = erase(pixels, self.erasing_probability, generator, count=len(labels), shard=shard)
        return cut_out(pixels, self.cutout_px, self.cutout_probability, generator, count=len(labels), shard=shard)

    def _move(self, pixels: Tensor, generator: Generator, shard: slice) -> Tensor:
        still = self.rotation_degrees == 0 and self.translation == 0 and self.scale_low == self.scale_high == 1
        if still and self.elastic_px == self.slant_degrees == self.aspect == 0:
            return pixels[shard]
        count, pixels = len(pixels), pixels[shard]
        height, width = pixels.shape[2:]
        matrices = self._matrices(count, generator)[shard].to(pixels.device)
        grid = F.affine_grid(matrices, list(pixels.shape), align_corners=False)  # (N, H, W, 2)
        if self.elastic_px:
            field = elastic_field(count, height, width, self.elastic_px, generator, shard)
            grid = grid + field.to(pixels.device)
        return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def _matrices(self, count: int, generator: Generator) -> Tensor:
        """Random (count, 2, 3) affine matrices from output to input coordinates, both in -1..1."""
        angle = uniform(count, -self.rotation_degrees, self.rotation_degrees, generator) * (math.pi / 180)
        scale = 1 / uniform(count, self.scale_low, self.scale_high, generator)
        # In these coordinates the image is 2 units wide.
        shift_x = 2 * uniform(count, -self.translation, self.translation, generator)
        shift_y = 2 * uniform(count, -self.translation, self.translation, generator)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        if self.slant_degrees == self.aspect == 0:
            return torch.stack([cos, -sin, shift_x, sin, cos, shift_y], dim=1).view(count, 2, 3)
        slant = (uniform(count, -self.slant_degrees, self.slant_degrees, generator) * (math.pi / 180)).tan()
        stretch = uniform(count, -self.aspect, self.aspect, generator).exp()
        # The image is stretched, then slanted, then rotated.  The matrices invert this, because they map output to
        # input.
        across_x, down_x = cos * stretch, (cos * slant - sin) / stretch
        across_y, down_y = sin * stretch, (sin * slant + cos) / stretch
        return torch.stack([across_x, down_x, shift_x, across_y, down_y, shift_y], dim=1).view(count, 2, 3)


def to_some(
    pixels: Tensor, probability: float | Tensor, change: Callable[[Tensor, Tensor], Tensor], generator: Generator
) -> Tensor:
    """Apply `change` to randomly chosen images.

    probability: of each image to be chosen; one for all, or (N,).  change: gets the (M, 1, H, W) pixels of the chosen
    images and their (M,) rows.
    """
    if not isinstance(probability, Tensor) and probability in (0, 1):
        return change(pixels, torch.arange(len(pixels))) if probability else pixels
    if isinstance(probability, Tensor) and not probability.any():
        return pixels
    rows = (torch.rand(len(pixels), generator=generator) < probability).nonzero()[:, 0]
    if not len(rows):
        return pixels
    result = pixels.clone()
    result[rows] = change(pixels[rows], rows)
    return result


def elastic_field(
    count: int, height: int, width: int, strength_px: float, generator: Generator, shard: slice = WHOLE
) -> Tensor:
    """The shard of (count, height, width, 2) smooth random displacements, in -1..1 coordinates.

    strength_px: standard deviation of a displacement in each direction.
    """
    rows, columns = _smoothing_matrix(height), _smoothing_matrix(width)
    noise = torch.randn(count, 2, rows.shape[1], columns.shape[1], generator=generator)[shard]
    field = rows @ noise @ columns.T  # (N, 2, H, W)
    units_a_pixel = torch.tensor([2 / width, 2 / height])
    return field.permute(0, 2, 3, 1) * (strength_px * units_a_pixel)


@lru_cache(maxsize=8)
def _smoothing_matrix(size: int) -> Tensor:
    """(size, nodes) Gaussian weights.  Their squares sum to 1 in each row, so noise keeps its standard deviation."""
    nodes = torch.arange(-ELASTIC_SPACING_PX / 2, size + ELASTIC_SPACING_PX, ELASTIC_SPACING_PX)
    distances = (torch.arange(size)[:, None] + 0.5 - nodes) / ELASTIC_SPACING_PX
    weights = torch.exp(-0.5 * distances.square())
    return weights / weights.square().sum(dim=1, keepdim=True).sqrt()


def erase(
    pixels: Tensor, probability: float, generator: Generator, *, count: int | None = None, shard: slice = WHOLE
) -> Tensor:
    """Erase one rectangle in randomly chosen images of (N, 1, H, W).  It lies inside the image.

    count, shard: the pixels are this shard of a batch of `count` images.
    """
    if probability == 0:
        return pixels
    count = len(pixels) if count is None else count
    height, width = pixels.shape[2:]
    area = uniform(count, *ERASED_AREA, generator) * (height * width)
    log_low, log_high = (math.log(ratio) for ratio in ERASED_ASPECT)
    aspect = uniform(count, log_low, log_high, generator).exp()
    chosen = uniform(count, 0.0, 1.0, generator) < probability
    # A rectangle that is not chosen has no height, so it covers nothing.
    rows = _interval((area * aspect).sqrt() * chosen, height, generator)  # (N, H)
    columns = _interval((area / aspect).sqrt(), width, generator)  # (N, W)
    kept = ~(rows[shard, :, None] & columns[shard, None, :])  # (N, H, W)
    return pixels * kept[:, None].to(pixels.device)


def _interval(length: Tensor, size: int, generator: Generator) -> Tensor:
    """For each of (N,) lengths, a random interval of that length: (N, size) bool."""
    length = length.round().clamp(max=size)
    start = (uniform(len(length), 0.0, 1.0, generator) * (size - length + 1)).floor()
    position = torch.arange(size)
    return (position >= start[:, None]) & (position < (start + length)[:, None])


def cut_out(
    pixels: Tensor,
    largest_px: int,
    probability: float,
    generator: Generator,
    *,
    count: int | None = None,
    shard: slice = WHOLE,
) -> Tensor:
    """Cover a square in randomly chosen images of (N, 1, H, W) with the mean grey.  Its centre may be anywhere.

    largest_px: largest side of the square.  count, shard: as for `erase`.  Source: DeVries and Taylor 2017, Cutout.
    """
    if probability == 0:
        return pixels
    count = len(pixels) if count is None else count
    side = uniform(count, CUTOUT_SMALLEST * largest_px, largest_px, generator)
    side = side * (uniform(count, 0.0, 1.0, generator) < probability)
    rows, columns = (_around(uniform(count, 0.0, size, generator), side, size)[shard] for size in pixels.shape[2:])
    covered = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(covered.to(pixels.device), PIXEL_MEAN, pixels)


def _around(centre: Tensor, length: Tensor, size: int) -> Tensor:
    """For each of (N,) centres, the positions within half the length: (N, size) bool."""
    return (torch.arange(size) + 0.5 - centre[:, None]).abs() < length[:, None] / 2
