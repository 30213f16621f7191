"""Ways of writing that MNIST hardly knows, drawn onto its digits.

MNIST's writers were American: its zeros have no slash, few of its ones a hook
or a foot, few of its sevens a bar.  Here such strokes are added where they
belong, found from the digit itself, with a pen as wide as its own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE
from mnist_classifier.training.synthetic.pen import change_width, draw_segments, fit_like_preprocessing, ink_boxes

# Pens of 10 to 28 px on a 280 px canvas leave strokes of 0.8 to 5 px in the
# glyph; MNIST's are about 2.5 px wide.
WIDTH_CHANGE_PX = (-1.4, 3.2)
NEVER = float("nan")
# Room for strokes around a glyph, px.
MARGIN = 18
# Blur, noise, speckles, drops, fog, stripes: parts of the images that are spoilt so, summed up.
SPOILING_SHARES = torch.tensor([0.36, 0.49, 0.58, 0.76, 0.87, 1.0])


def add_strokes(pixels: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """Give zeros a slash or a dot, ones a hook or a foot, sevens a bar or a serif.

    pixels: (N, 28, 28) in 0..1; labels: (N,).  Other digits stay as they are.
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
    # There is room for strokes that leave the glyph.
    drawn = draw_segments(segments[changed] + MARGIN, pen, side=SIDE_PX + 2 * MARGIN)
    marked = torch.maximum(F.pad(own, (MARGIN,) * 4), drawn)
    left, top, right, bottom = ink_boxes(marked).unbind(1)
    zoom = torch.maximum(right - left, bottom - top) / BOX_SIDE
    # The larger what is drawn, the more its strokes shrink with it; a pen stays as wide as it is.
    lost = pen * (1 - 1 / zoom.clamp(min=1)) * _uniform(len(changed), 0, 1.2, generator)
    result = pixels.clone()
    result[changed] = change_width(fit_like_preprocessing(marked), lost.clamp(max=2.5))
    return result


def stroke_width(pixels: Tensor) -> Tensor:
    """(N, 28, 28) -> (N,) mean width of the strokes in px: twice the area over the length of the edges."""
    area = pixels.sum(dim=(1, 2))
    edges = pixels.diff(dim=1).abs().sum(dim=(1, 2)) + pixels.diff(dim=2).abs().sum(dim=(1, 2))
    # A slanting edge is counted by both of its legs: 4/pi times its length on average.
    return (2 * area / edges.clamp(min=1) * (4 / torch.pi)).clamp(0.8, 5.0)


def _slashes(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """Rising slash, now and then a falling one, a lying bar, or a dot."""
    count = len(pixels)
    left, top, right, bottom = boxes.unbind(1)
    x, y = (left + right) / 2 + _normal(count, 0.6, generator), (top + bottom) / 2 + _normal(count, 0.6, generator)
    kind = torch.rand(count, generator=generator)
    # From inside the hole to beyond the ring.
    reach = _uniform(count, 0.45, 1.25, generator)
    dx, dy = (right - left) / 2 * reach, -(bottom - top) / 2 * reach * _uniform(count, 0.6, 1.0, generator)
    # The narrower the ring, the steeper it is drawn; and some stand upright in any ring.
    dx = torch.maximum(dx, (bottom - top) * 0.08)
    dx = torch.where(torch.rand(count, generator=generator) < 0.2, dx * _uniform(count, -0.2, 0.4, generator), dx)
    dy = torch.where(kind > 0.85, -dy, dy)
    dy = torch.where(kind > 0.92, dy * 0.1, dy)
    dot = kind > 0.96
    dx, dy = torch.where(dot, 0.3, dx), torch.where(dot, 0.3, dy)
    # Many go on far beyond it, on either side as they like.
    is_long = (torch.rand(count, generator=generator) < 0.45) & ~dot
    before, after = (1 + is_long * _uniform(count, 0.0, 1.6, generator) for _ in range(2))
    return _padded(torch.stack([x - before * dx, y - before * dy, x + after * dx, y + after * dy], dim=1))


def _hooks_and_feet(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """A hook that falls from the top to the left, a foot below, or both."""
    count = len(pixels)
    _, top, _, bottom = boxes.unbind(1)
    height = bottom - top
    top_x, bottom_x = _ink_x(pixels, top + 0.5), _ink_x(pixels, bottom - 1.5)
    kind = torch.rand(count, generator=generator)
    length = height * _uniform(count, 0.15, 0.75, generator)
    angle = _uniform(count, 0.45, 1.15, generator)  # below the horizontal
    # Some begin as low as the stem ends.
    is_long = torch.rand(count, generator=generator) < 0.2
    length = torch.where(is_long, height * _uniform(count, 0.75, 1.1, generator), length)
    angle = torch.where(is_long, _uniform(count, 0.8, 1.2, generator), angle)
    hook = torch.stack([top_x, top + 1, top_x - length * angle.cos(), top + 1 + length * angle.sin()], dim=1)
    hook[kind > 0.75] = NEVER
    before, after = (height * _uniform(count, 0.12, 0.4, generator) for _ in range(2))
    slope = _normal(count, 0.5, generator)
    # Now and then it stands apart.
    y = bottom - 1 + height * (_uniform(count, 0, 0.5, generator) - 0.3).clamp(min=0)
    foot = torch.stack([bottom_x - before, y - slope, bottom_x + after, y + slope], dim=1)
    foot[kind < 0.45] = NEVER
    return torch.stack([hook, foot], dim=1)


def _bars(pixels: Tensor, boxes: Tensor, generator: Generator) -> Tensor:
    """A bar through the stem, a serif hanging from the left end of the top, or both."""
    count = len(pixels)
    left, top, _, bottom = boxes.unbind(1)
    height = bottom - top
    kind = torch.rand(count, generator=generator)
    y = top + height * _uniform(count, 0.4, 0.65, generator)
    x = _ink_x(pixels, y)
    before, after = (height * _uniform(count, 0.12, 0.38, generator) for _ in range(2))
    slope = height * _uniform(count, -0.02, 0.1, generator)
    bar = torch.stack([x - before, y + slope, x + after, y - slope], dim=1)
    bar[kind > 0.85] = NEVER
    corner_y = _ink_y(pixels, left + 1)
    drop = height * _uniform(count, 0.1, 0.28, generator)
    serif = torch.stack([left + 1, corner_y, left + 1 - _uniform(count, 0, 2, generator), corner_y + drop], dim=1)
    serif[kind < 0.65] = NEVER
    return torch.stack([bar, serif], dim=1)


def _padded(segments: Tensor) -> Tensor:
    """(N, 4) -> (N, 2, 4), the second one never drawn."""
    return torch.stack([segments, torch.full_like(segments, NEVER)], dim=1)


def _ink_x(pixels: Tensor, y: Tensor) -> Tensor:
    """(N,) where the ink of three rows about `y` lies, on average."""
    rows = torch.arange(pixels.shape[1]) + 0.5
    near = pixels * ((rows - y[:, None]).abs() <= 1.5)[:, :, None]
    return (near.sum(dim=1) * (torch.arange(pixels.shape[2]) + 0.5)).sum(dim=1) / near.sum(dim=(1, 2)).clamp(min=1e-3)


def _ink_y(pixels: Tensor, x: Tensor) -> Tensor:
    """The same for three columns about `x`."""
    return _ink_x(pixels.transpose(1, 2), x)


def vary_width(pixels: Tensor, generator: Generator) -> Tensor:
    """(N, 28, 28) in 0..1 with another pen: thinner or thicker, crisper or softer."""
    count = len(pixels)
    low, high = WIDTH_CHANGE_PX
    amount = _uniform(count, low, high, generator)
    # A stroke that is thin already would vanish.
    amount = torch.maximum(amount, 0.9 - stroke_width(pixels))
    changed = change_width(pixels, amount)
    contrast = _uniform(count, 1.0, 2.5, generator).view(-1, 1, 1)
    return fit_like_preprocessing(((changed - 0.5) * contrast + 0.5).clamp(0, 1) * (changed > 0.02))


def spoil(pixels: Tensor, generator: Generator) -> Tensor:
    """(N, 28, 28) in 0..1, each spoilt in one way: blurred, noisy, speckled, splashed, fogged, or striped."""
    count, height, width = pixels.shape
    kind = torch.bucketize(torch.rand(count, generator=generator), SPOILING_SHARES)
    strength = torch.rand(count, 1, 1, generator=generator)
    spoilt = pixels.clone()
    for number, way in enumerate((_blur, _noise, _speckles, _splashes, _fog, _stripes)):
        rows = (kind == number).nonzero()[:, 0]
        if len(rows):
            spoilt[rows] = way(pixels[rows], strength[rows], generator)
    return spoilt.clamp(0, 1)


def _blur(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Round, or along one direction as by a moving hand."""
    if torch.rand((), generator=generator) < 0.35:
        blurred = pixels[:, None]
        for _ in range(2):
            blurred = F.avg_pool2d(F.pad(blurred, (1, 1, 1, 1)), 3, stride=1)
        mixed = pixels + (0.3 + 0.7 * strength) * (blurred[:, 0] - pixels)
    else:
        angle = torch.rand((), generator=generator) * torch.pi
        direction = torch.stack([angle.cos(), angle.sin()]).round(decimals=2).tolist()
        mixed = _smear(pixels, strength, direction)
    return fit_like_preprocessing(mixed * (mixed > 0.05))


def _smear(pixels: Tensor, strength: Tensor, direction: list[float]) -> Tensor:
    """Copies moved along a direction, up to 4 px to each side, averaged."""
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
    """Single pixels, lit or put out."""
    hit = torch.rand(pixels.shape, generator=generator) < 0.15 * strength
    return torch.where(hit, torch.rand(pixels.shape, generator=generator).round(), pixels)


def _splashes(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """One to ten round drops of ink."""
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
    veil = F.interpolate(torch.rand(len(pixels), 1, 5, 5, generator=generator), size=pixels.shape[1:], mode="bicubic")[
        :, 0
    ]
    fogged = pixels * (1 - 0.5 * strength) + 0.7 * strength * veil
    return fogged / fogged.amax(dim=(1, 2), keepdim=True).clamp(min=0.2)


def _stripes(pixels: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A ruled line of ink, or one that was wiped away."""
    count, size = len(pixels), pixels.shape[1]
    place = torch.rand(count, 1, generator=generator) * size
    near = ((torch.arange(size) - place).abs() < 0.4 + 0.8 * strength[:, 0])[:, :, None].expand_as(pixels)
    near = torch.where(torch.rand(count, 1, 1, generator=generator) < 0.5, near, near.transpose(1, 2))
    ink = (torch.rand(count, 1, 1, generator=generator) < 0.6) * strength
    return torch.where(near, ink, pixels)


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _normal(count: int, deviation: float, generator: Generator) -> Tensor:
    return torch.randn(count, generator=generator) * deviation
