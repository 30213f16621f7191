"""Styles of writing that MNIST lacks: strokes added to its digits, other pens, and spoilt pictures.

MNIST's writers were American: its zeros have no slash, and few of its ones and sevens have a hook, a foot
or a bar.  The place and width of an added stroke follow from the digit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE
from mnist_classifier.training.synthetic.pen import change_width, draw_segments, fit_like_preprocessing, ink_boxes

# MNIST's strokes are about 2.5 px wide in the glyph; pens of 10 to 28 px on a canvas of 280 px leave 0.8 to 5 px.
WIDTH_CHANGE_PX = (-1.4, 3.2)
NEVER = float("nan")  # the coordinates of a segment that is not drawn
# Space around a glyph for strokes that leave it, px.
MARGIN = 18


def add_strokes(pixels: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """Give zeros a slash or a dot, ones a hook or a foot, sevens a bar or a serif.

    pixels: (N, 28, 28) in 0..1; labels: (N,).  Other digits stay the same.
    """
    segments = torch.full((len(labels), 2, 4), NEVER)
    boxes = ink_boxes(pixels)
    for digit, make in ((0, _slashes), (1, _hooks_and_feet), (7, _bars)):
        rows = (labels == digit).nonzero()[:, 0]
        if len(rows):
            segments[rows] = make(pixels[rows], boxes[rows], generator)
    changed = (~segments.isnan()).any(dim=2).any(dim=1).nonzero()[:, 0]
    if not len(changed):
        return pixels
    own, pen = pixels[changed], stroke_width(pixels[changed])
    drawn = draw_segments(segments[changed] + MARGIN, pen, side=SIDE_PX + 2 * MARGIN)
    marked = torch.maximum(F.pad(own, (MARGIN,) * 4), drawn)
    left, top, right, bottom = ink_boxes(marked).unbind(1)
    zoom = torch.maximum(right - left, bottom - top) / BOX_SIDE
    # A larger drawing and its strokes shrink when they are fitted.  A random share of the lost width is given back.
    lost = pen * (1 - 1 / zoom.clamp(min=1)) * uniform(len(changed), 0, 1.2, generator)
    result = pixels.clone()
    result[changed] = change_width(fit_like_preprocessing(marked), lost.clamp(max=2.5))
    return result


def stroke_width(pixels: Tensor) -> Tensor:
    """(N, 28, 28) -> (N,) mean width of the strokes, px: twice their area divided by the length of their edges."""
    area = pixels.sum(dim=(1, 2))
    edges = pixels.diff(dim=1).abs().sum(dim=(1, 2)) + pixels.diff(dim=2).abs().sum(dim=(1, 2))
    # The differences measure a slanting edge by both of its legs: on average 4/pi times its length.
    return (2 * area / edges.clamp(min=1) * (4 / torch.pi)).clamp(0.8, 5.0)


def _slashes(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """A rising slash, sometimes a falling slash, a horizontal bar or a dot."""
    count = len(pixels)
    left, top, right, bottom = boxes.unbind(1)
    x, y = (left + right) / 2 + _normal(count, 0.6, generator), (top + bottom) / 2 + _normal(count, 0.6, generator)
    kind = torch.rand(count, generator=generator)
    # From inside the hole to beyond the ring.
    reach = uniform(count, 0.45, 1.25, generator)
    dx, dy = (right - left) / 2 * reach, -(bottom - top) / 2 * reach * uniform(count, 0.6, 1.0, generator)
    # A narrow ring gets a steep slash, and one ring in five a nearly upright one.
    dx = torch.maximum(dx, (bottom - top) * 0.08)
    dx = torch.where(torch.rand(count, generator=generator) < 0.2, dx * uniform(count, -0.2, 0.4, generator), dx)
    dy = torch.where(kind > 0.85, -dy, dy)
    dy = torch.where(kind > 0.92, dy * 0.1, dy)
    dot = kind > 0.96
    dx, dy = torch.where(dot, 0.3, dx), torch.where(dot, 0.3, dy)
    # Many slashes go far beyond the ring, by different lengths on the two sides.
    is_long = (torch.rand(count, generator=generator) < 0.45) & ~dot
    before, after = (1 + is_long * uniform(count, 0.0, 1.6, generator) for _ in range(2))
    slash = torch.stack([x - before * dx, y - before * dy, x + after * dx, y + after * dy], dim=1)
    return torch.stack([slash, torch.full_like(slash, NEVER)], dim=1)


def _hooks_and_feet(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """A hook that falls from the top to the left, a foot at the bottom, or both."""
    count = len(pixels)
    _, top, _, bottom = boxes.unbind(1)
    height = bottom - top
    top_x, bottom_x = _ink_x(pixels, top + 0.5), _ink_x(pixels, bottom - 1.5)
    kind = torch.rand(count, generator=generator)
    length = height * uniform(count, 0.15, 0.75, generator)
    angle = uniform(count, 0.45, 1.15, generator)  # below the horizontal
    # Some hooks reach down to the bottom of the stem.
    is_long = torch.rand(count, generator=generator) < 0.2
    length = torch.where(is_long, height * uniform(count, 0.75, 1.1, generator), length)
    angle = torch.where(is_long, uniform(count, 0.8, 1.2, generator), angle)
    hook = torch.stack([top_x, top + 1, top_x - length * angle.cos(), top + 1 + length * angle.sin()], dim=1)
    hook[kind > 0.75] = NEVER
    before, after = (height * uniform(count, 0.12, 0.4, generator) for _ in range(2))
    slope = _normal(count, 0.5, generator)
    # Some feet do not touch the stem.
    y = bottom - 1 + height * (uniform(count, 0, 0.5, generator) - 0.3).clamp(min=0)
    foot = torch.stack([bottom_x - before, y - slope, bottom_x + after, y + slope], dim=1)
    foot[kind < 0.45] = NEVER
    return torch.stack([hook, foot], dim=1)


def _bars(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """A bar through the stem, a serif hanging from the left end of the top, or both."""
    count = len(pixels)
    left, top, _, bottom = boxes.unbind(1)
    height = bottom - top
    kind = torch.rand(count, generator=generator)
    y = top + height * uniform(count, 0.4, 0.65, generator)
    x = _ink_x(pixels, y)
    before, after = (height * uniform(count, 0.12, 0.38, generator) for _ in range(2))
    slope = height * uniform(count, -0.02, 0.1, generator)
    bar = torch.stack([x - before, y + slope, x + after, y - slope], dim=1)
    bar[kind > 0.85] = NEVER
    corner_y = _ink_y(pixels, left + 1)
    drop = height * uniform(count, 0.1, 0.28, generator)
    serif = torch.stack([left + 1, corner_y, left + 1 - uniform(count, 0, 2, generator), corner_y + drop], dim=1)
    serif[kind < 0.65] = NEVER
    return torch.stack([bar, serif], dim=1)


def _ink_x(pixels: Tensor, y: Tensor) -> Tensor:
    """(N,) mean x of the ink in the three rows around `y`."""
    rows = torch.arange(pixels.shape[1]) + 0.5
    near = pixels * ((rows - y[:, None]).abs() <= 1.5)[:, :, None]
    return (near.sum(dim=1) * (torch.arange(pixels.shape[2]) + 0.5)).sum(dim=1) / near.sum(dim=(1, 2)).clamp(min=1e-3)


def _ink_y(pixels: Tensor, x: Tensor) -> Tensor:
    """(N,) mean y of the ink in the three columns around `x`."""
    return _ink_x(pixels.transpose(1, 2), x)


def vary_width(pixels: Tensor, generator: Generator) -> Tensor:
    """Change the pen of (N, 28, 28) pixels in 0..1: thinner or thicker, sharper or softer."""
    count = len(pixels)
    # A thin stroke must not vanish.
    amount = torch.maximum(uniform(count, *WIDTH_CHANGE_PX, generator), 0.9 - stroke_width(pixels))
    changed = change_width(pixels, amount)
    contrast = uniform(count, 1.0, 2.5, generator).view(-1, 1, 1)
    return fit_like_preprocessing(((changed - 0.5) * contrast + 0.5).clamp(0, 1) * (changed > 0.02))


def spoil(pixels: Tensor, generator: Generator) -> Tensor:
    """Spoil each of (N, 28, 28) pixels in 0..1 in one of the ways in SPOILING."""
    kind = torch.bucketize(torch.rand(len(pixels), generator=generator), torch.tensor(list(SPOILING)))
    strength = torch.rand(len(pixels), 1, 1, generator=generator)
    spoilt = pixels.clone()
    for number, change in enumerate(SPOILING.values()):
        rows = (kind == number).nonzero()[:, 0]
        if len(rows):
            spoilt[rows] = change(pixels[rows], strength[rows], generator)
    return spoilt.clamp(0, 1)


def _blur(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Blur in all directions, or along one as a moving hand does."""
    if torch.rand((), generator=generator) < 0.35:
        blurred = pixels[:, None]
        for _ in range(2):
            blurred = F.avg_pool2d(F.pad(blurred, (1, 1, 1, 1)), 3, stride=1)
        mixed = pixels + (0.3 + 0.7 * strength) * (blurred[:, 0] - pixels)
    else:
        angle = torch.rand((), generator=generator) * torch.pi
        mixed = _smear(pixels, strength, torch.stack([angle.cos(), angle.sin()]).round(decimals=2).tolist())
    return fit_like_preprocessing(mixed * (mixed > 0.05))


def _smear(pixels: Tensor, strength: Tensor, direction: list[float]) -> Tensor:
    """The mean of copies that are moved along a direction, by up to 4 px to each side."""
    half = torch.arange(-4, 5)
    weights = ((1.0 + 3.0 * strength.view(-1, 1)) - half.abs() + 1).clamp(0, 1)  # (N, 9)
    weights = weights / weights.sum(dim=1, keepdim=True)
    padded = F.pad(pixels, (4, 4, 4, 4))
    size = pixels.shape[1]
    moved = torch.zeros_like(pixels)
    for index, step in enumerate(half.tolist()):
        x, y = 4 + round(step * direction[0]), 4 + round(step * direction[1])
        moved = moved + weights[:, index].view(-1, 1, 1) * padded[:, y : y + size, x : x + size]
    return moved


def _noise(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    return pixels + 0.35 * strength * torch.randn(pixels.shape, generator=generator)


def _speckles(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Single pixels turned white or black."""
    hit = torch.rand(pixels.shape, generator=generator) < 0.15 * strength
    return torch.where(hit, torch.rand(pixels.shape, generator=generator).round(), pixels)


def _splashes(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Add one to ten round drops of ink."""
    count, size = len(pixels), pixels.shape[1]
    places = torch.rand(count, 10, 2, generator=generator) * size
    radii = 0.4 + 1.2 * torch.rand(count, 10, generator=generator)
    radii = radii.where(torch.rand(count, 10, generator=generator) < 0.1 + 0.9 * strength[:, 0], torch.tensor(-1.0))
    position = torch.arange(size) + 0.5
    dx = position - places[..., :1]  # (N, 10, size)
    dy = position - places[..., 1:]
    distance = torch.hypot(dx[:, :, None, :], dy[:, :, :, None])
    drops = (radii[..., None, None] + 0.5 - distance).clamp(0, 1).amax(dim=1)
    return torch.maximum(pixels, drops)


def _fog(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    coarse = torch.rand(len(pixels), 1, 5, 5, generator=generator)
    veil = F.interpolate(coarse, size=pixels.shape[1:], mode="bicubic")[:, 0]
    fogged = pixels * (1 - 0.5 * strength) + 0.7 * strength * veil
    return fogged / fogged.amax(dim=(1, 2), keepdim=True).clamp(min=0.2)


def _stripes(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Draw or erase one horizontal or vertical line."""
    count, size = len(pixels), pixels.shape[1]
    place = torch.rand(count, 1, generator=generator) * size
    near = ((torch.arange(size) - place).abs() < 0.4 + 0.8 * strength[:, 0])[:, :, None].expand_as(pixels)
    near = torch.where(torch.rand(count, 1, 1, generator=generator) < 0.5, near, near.transpose(1, 2))
    ink = (torch.rand(count, 1, 1, generator=generator) < 0.6) * strength
    return torch.where(near, ink, pixels)


# Cumulative share of the pictures: the way to spoil them.
SPOILING = {0.36: _blur, 0.49: _noise, 0.58: _speckles, 0.76: _splashes, 0.87: _fog, 1.0: _stripes}


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """(count,) float32, uniform in [low, high)."""
    return torch.rand(count, generator=generator) * (high - low) + low


def _normal(count: int, deviation: float, generator: Generator) -> Tensor:
    return torch.randn(count, generator=generator) * deviation
