"""Draw pen strokes in a batch of glyphs, change their width, and place pictures as preprocessing does.

A stroke is a chain of straight segments.  The grey level of a pixel follows from its distance to them.
Coordinates are pixels of the glyph, x right, y down; the centre of pixel (0, 0) is at 0.5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, BOX_SIDE

# Width of the soft edge of a stroke.
EDGE_PX = 1.0


def draw_segments(segments: Tensor, width_px: Tensor, *, side: int = SIDE_PX) -> Tensor:
    """Draw segments with round ends.

    segments: (N, S, 4) x, y of the start and of the end; NaN for no segment.
    width_px: (N,) width of each picture's pen.  Returns (N, side, side) in 0..1.
    """
    centres = torch.arange(side) + 0.5
    x, y = centres.view(1, 1, 1, -1), centres.view(1, 1, -1, 1)
    x0, y0, x1, y1 = (segments[..., i, None, None] for i in range(4))  # (N, S, 1, 1)
    along_x, along_y = x1 - x0, y1 - y0
    length = (along_x.square() + along_y.square()).clamp(min=1e-6)
    # Position of the nearest point on the segment: 0 at its start, 1 at its end.
    part = (((x - x0) * along_x + (y - y0) * along_y) / length).clamp(0, 1)
    distance = torch.hypot(x - x0 - part * along_x, y - y0 - part * along_y)  # (N, S, side, side)
    nearest = distance.nan_to_num(side).amin(dim=1)
    return ((width_px.view(-1, 1, 1) / 2 - nearest) / EDGE_PX + 0.5).clamp(0, 1)


def ink_boxes(pixels: Tensor) -> Tensor:
    """Left, top, right and bottom edge of the ink: (N, H, W) in 0..1 -> (N, 4).  A blank image is its own box."""
    count, height, width = pixels.shape
    ink = pixels > BOX_LEVEL
    edges = []
    for present, size in ((ink.any(dim=1), width), (ink.any(dim=2), height)):
        position = torch.arange(size)
        first = torch.where(present, position, size).amin(dim=1)
        last = torch.where(present, position + 1, 0).amax(dim=1)
        blank = last == 0
        edges.append((first.masked_fill(blank, 0), last.masked_fill(blank, size)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=1).float()


def fit_like_preprocessing(pixels: Tensor) -> Tensor:
    """Scale the ink to a longer side of 20 px and move its centre of mass to the centre.

    (N, H, W) in 0..1 -> (N, 28, 28), the strongest ink 1.  Preprocessing does the same to a single picture, with
    better resampling.
    """
    count, height, width = pixels.shape
    if not count:  # F.affine_grid refuses no images
        return pixels.new_zeros(0, SIDE_PX, SIDE_PX)
    boxes = ink_boxes(pixels)
    left, top, right, bottom = boxes.unbind(1)
    zoom = torch.maximum(right - left, bottom - top) / BOX_SIDE  # pixels of the source for one of the glyph
    total = pixels.sum(dim=(1, 2)).clamp(min=1e-6)
    x = (pixels.sum(dim=1) * (torch.arange(width) + 0.5)).sum(dim=1) / total
    y = (pixels.sum(dim=2) * (torch.arange(height) + 0.5)).sum(dim=1) / total
    # The box must stay inside the glyph.
    room = (SIDE_PX / 2) * zoom
    x, y = (
        torch.minimum(torch.maximum(centre, high - room), low + room)
        for centre, low, high in ((x, left, right), (y, top, bottom))
    )
    # MNIST's centre of mass is pixel (14, 14), half a pixel from the centre of the glyph.
    x, y = x - zoom / 2, y - zoom / 2
    nothing = torch.zeros(count)
    across = torch.stack([zoom * SIDE_PX / width, nothing, 2 * x / width - 1], dim=1)
    down = torch.stack([nothing, zoom * SIDE_PX / height, 2 * y / height - 1], dim=1)
    matrices = torch.stack([across, down], dim=1)  # (N, 2, 3)
    grid = F.affine_grid(matrices, [count, 1, SIDE_PX, SIDE_PX], align_corners=False)
    placed = F.grid_sample(pixels[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]
    return placed / placed.amax(dim=(1, 2), keepdim=True).clamp(min=0.2)


def as_glyphs(pixels: Tensor) -> Tensor:
    """(N, H, W) in 0..1 -> (N, 28, 28) uint8 glyphs, placed by `fit_like_preprocessing`."""
    return (fit_like_preprocessing(pixels) * 255).round().to(torch.uint8)


def change_width(pixels: Tensor, amount_px: Tensor) -> Tensor:
    """Make strokes thicker (amount_px > 0) or thinner (< 0) by about `amount_px`.

    pixels: (N, 28, 28) in 0..1; amount_px: (N,) from -2 to 3.  Grey dilation or erosion at twice the resolution, for
    amounts below a pixel.
    """
    large = F.interpolate(pixels[:, None], scale_factor=2, mode="bilinear", align_corners=False)
    sign = torch.where(amount_px < 0, -1.0, 1.0).view(-1, 1, 1, 1)
    steps = amount_px.abs().view(-1, 1, 1, 1)  # a 3x3 maximum at this scale widens a stroke by one pixel of the glyph
    grown = large * sign
    for step in range(int(steps.max().ceil()) if len(steps) else 0):
        share = (steps - step).clamp(0, 1)
        grown = grown + share * (_largest_of_nine(grown) - grown)
    changed = F.avg_pool2d(grown * sign, 2)[:, 0]
    same = (amount_px == 0).view(-1, 1, 1)
    return torch.where(same, pixels, changed.clamp(0, 1))


def _largest_of_nine(pixels: Tensor) -> Tensor:
    """The maximum over 3x3 pixels in two passes, several times as fast as max_pool2d."""
    padded = F.pad(pixels, (1, 1, 1, 1), mode="replicate")
    rows = torch.maximum(torch.maximum(padded[..., :-2], padded[..., 1:-1]), padded[..., 2:])
    return torch.maximum(torch.maximum(rows[..., :-2, :], rows[..., 1:-1, :]), rows[..., 2:, :])
