"""Outliers: generated pictures that show no digit, for the eleventh class.

No family makes pictures that look like a digit, because it is right to read those as one.  FAMILIES lists the kinds
of pictures and their shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Generator, Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.training.synthetic import shapes
from mnist_classifier.training.synthetic.handwriting import draw_all, drawn_by, numpy_rng, write
from mnist_classifier.training.synthetic.pen import as_glyphs, ink_boxes
from mnist_classifier.training.synthetic.templates import DOODLES, LETTERS, SIGNS, Points
from mnist_classifier.training.synthetic.written import written_characters

# A fragment of a digit that is narrower (width over height) looks like a one.
MIN_ASPECT = 0.45
# Width over height of letters, signs and doodles.  Templates are as wide as high.
SIGN_ASPECT, DOODLE_ASPECT = (0.5, 1.35), (0.7, 1.3)
# A broader pen would turn a doodle into a spot.
DOODLE_PENS_PX = (0.9, 3.2)
# Digits that do not look like a digit when they are mirrored, or turned by 90 degrees.  A mirrored two looks like a
# five, for example, so it is not among them.
MIRRORED, TURNED = (3, 7, 9), (2, 3, 4, 5)
# Digits whose halves do not look like a digit.  The lower half of a six looks like a zero.
BREAKABLE = (0, 3, 5)
# Digits that cannot be read when they lie on top of each other.  A one or a seven would be a slash or a bar, and a
# zero the ring of an eight.
MIXED = (2, 3, 4, 5, 6, 8, 9)
# Side of the pictures in which shapes are filled, px.
FILLED_SIDE = 96


def outlier_pool(count: int, generator: Generator, digits: Tensor, labels: Tensor) -> Tensor:
    """Make `count` outliers: (count, 28, 28) uint8 glyphs in random order.

    digits: (N, 28, 28) uint8 with labels (N,) int64; some families are made from them.
    """
    source = _Source(digits, labels, generator)
    shares = np.array([share for share, _ in FAMILIES.values()])
    numbers = np.diff(np.round(np.concatenate([[0], np.cumsum(shares / shares.sum())]) * count).astype(int), prepend=0)
    pictures = [make(int(n), source) for n, (_, make) in zip(numbers[1:], FAMILIES.values(), strict=True) if n]
    if not pictures:
        return torch.zeros(0, SIDE_PX, SIDE_PX, dtype=torch.uint8)
    return torch.cat(pictures)[torch.randperm(count, generator=generator)]


class _Source:
    """The digits and random generators that families make pictures from."""

    def __init__(self, digits: Tensor, labels: Tensor, generator: Generator) -> None:
        self.digits, self.labels, self.generator = digits, labels, generator
        self.rng = numpy_rng(generator)

    def pick(self, count: int, among: tuple[int, ...] = tuple(range(10))) -> tuple[Tensor, Tensor]:
        """Random digits as (count, 28, 28) float in 0..1, and their labels."""
        rows = torch.isin(self.labels, torch.tensor(among)).nonzero()[:, 0]
        chosen = rows[torch.randint(len(rows), (count,), generator=self.generator)]
        return self.digits[chosen].float() / 255, self.labels[chosen]


Family: TypeAlias = Callable[[int, _Source], Tensor]


def characters(count: int, source: _Source) -> Tensor:
    """Letters and signs; a letter is twice as likely as a sign."""
    known = [*LETTERS.values(), *LETTERS.values(), *SIGNS.values()]
    chosen = source.rng.integers(0, len(known), count)
    return draw_all([write(known[i], source.rng, SIGN_ASPECT) for i in chosen])


def written(count: int, source: _Source) -> Tensor:
    """Letters and signs that people wrote with a pen."""
    return written_characters(count, source.rng)


def doodles(count: int, source: _Source) -> Tensor:
    """Things that people draw for fun: one in four is a face, one in eight is a wheel or the like."""
    rng, known = source.rng, list(DOODLES.values())

    def doodle() -> tuple[Points, float]:
        kind = rng.random()
        if kind < 3 / 8:
            return drawn_by(shapes.face if kind < 1 / 4 else shapes.filled_ring, rng, DOODLE_PENS_PX)
        return write(known[rng.integers(len(known))], rng, DOODLE_ASPECT, DOODLE_PENS_PX)

    return draw_all([doodle() for _ in range(count)])


def filled(count: int, source: _Source) -> Tensor:
    """Filled polygons and outlines: triangles, stars, hearts and so on."""
    side = FILLED_SIDE
    pictures = np.zeros((count, side, side), np.float32)
    for picture in pictures:
        points = (shapes.polygon if source.rng.random() < 0.6 else shapes.outline)(source.rng)[0]
        low, size = points.min(axis=0), np.ptp(points, axis=0).max()
        image = Image.new("L", (side, side))
        corners = (points - low) / size * (side - 16) + 8
        ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], fill=255)
        picture[:] = np.asarray(image, np.float32) / 255
    return as_glyphs(torch.from_numpy(pictures))


def fragments(count: int, source: _Source) -> Tensor:
    """Parts of digits: a straight cut takes away 45 to 65 % of the ink."""
    kept: list[Tensor] = []
    while sum(map(len, kept)) < count:
        pixels, _ = source.pick(2 * count, BREAKABLE)
        angle = torch.rand(len(pixels), generator=source.generator) * 2 * torch.pi
        place = torch.arange(SIDE_PX) - SIDE_PX / 2 + 0.5
        across = angle.cos().view(-1, 1, 1) * place + angle.sin().view(-1, 1, 1) * place[:, None]
        level = torch.rand(len(pixels), generator=source.generator).view(-1, 1, 1) * 6 - 3
        cut = pixels * (across > level)
        share = cut.sum(dim=(1, 2)) / pixels.sum(dim=(1, 2))
        left, top, right, bottom = ink_boxes(cut).unbind(1)
        wide = (right - left) / (bottom - top).clamp(min=1) > MIN_ASPECT
        kept.append(as_glyphs(cut[(share > 0.35) & (share < 0.55) & wide]))
    return torch.cat(kept)[:count]


def mixtures(count: int, source: _Source) -> Tensor:
    """Two different digits on top of each other."""
    kept: list[Tensor] = []
    while sum(map(len, kept)) < count:
        (one, first), (two, second) = source.pick(2 * count, MIXED), source.pick(2 * count, MIXED)
        kept.append(as_glyphs(torch.maximum(one, two)[first != second]))
    return torch.cat(kept)[:count]


def clusters(count: int, source: _Source) -> Tensor:
    """Two or three digits side by side, touching or apart."""
    pictures = torch.zeros(count, SIDE_PX + 8, 4 * SIDE_PX)
    numbers = source.rng.integers(2, 4, count)
    pixels, _ = source.pick(3 * count)
    boxes = ink_boxes(pixels).long().view(count, 3, 4)
    for row, number in enumerate(numbers):
        x = 4
        for place in range(number):
            left, top, right, bottom = boxes[row, place].tolist()
            y = int(source.rng.integers(2, 9)) + (20 - (bottom - top)) // 2
            window = pictures[row, y : y + bottom - top, x : x + right - left]
            torch.maximum(window, pixels[3 * row + place, top:bottom, left:right], out=window)
            x += right - left + int(source.rng.integers(-2, 7))
    return as_glyphs(pictures)


def blobs(count: int, source: _Source) -> Tensor:
    """Spots of any shape: smooth noise above a threshold."""
    noise = torch.randn(count, 1, 6, 6, generator=source.generator)
    field = F.interpolate(noise, size=40, mode="bicubic", align_corners=False)[:, 0]
    level = field.amax(dim=(1, 2), keepdim=True) * (0.2 + 0.5 * torch.rand(count, 1, 1, generator=source.generator))
    return as_glyphs(((field - level) * 6 + 0.5).clamp(0, 1))


def noise(count: int, source: _Source) -> Tensor:
    """Random pixels, or random blocks of 2 by 2 or 4 by 4 pixels."""
    kept = []
    for side in (SIDE_PX, 14, 7):
        grains = torch.rand(-(-count // 3), 1, side, side, generator=source.generator)
        rare = torch.rand(len(grains), 1, 1, 1, generator=source.generator)
        fine = F.interpolate(grains * (grains > rare), size=SIDE_PX)[:, 0]
        kept.append(as_glyphs(fine))
    return torch.cat(kept)[:count]


def transformed(count: int, source: _Source) -> Tensor:
    """Digits mirrored, or turned by 90 degrees."""
    half = count // 2
    mirrored, _ = source.pick(half, MIRRORED)
    turned, _ = source.pick(count - half, TURNED)
    return as_glyphs(torch.cat([mirrored.flip(2), torch.rot90(turned, 1, (1, 2))]))


def drawings(*makers: Callable[[np.random.Generator], Sequence[Points]]) -> Family:
    """The family whose pictures are each drawn by one of the `makers`."""

    def draw(count: int, source: _Source) -> Tensor:
        rng = source.rng
        return draw_all([drawn_by(makers[rng.integers(len(makers))], rng) for _ in range(count)])

    return draw


# Name: relative share of the pool (they are scaled to sum to 1), and the function that makes the pictures.
FAMILIES: dict[str, tuple[float, Family]] = {
    "characters": (0.2, characters),
    "written": (0.7, written),
    "doodles": (0.08, doodles),
    "symbols": (0.12, drawings(shapes.symbol)),
    "polygons": (0.12, drawings(shapes.polygon, shapes.polygon, shapes.box, shapes.outline)),
    "filled": (0.03, filled),
    "scribbles": (
        0.12,
        drawings(shapes.tangle, shapes.tangle, shapes.zigzag, shapes.zigzag, shapes.coil, shapes.spiral),
    ),
    "lines": (0.08, drawings(shapes.flat_stroke, shapes.several_strokes, shapes.dots)),
    "fragments": (0.04, fragments),
    "mixtures": (0.02, mixtures),
    "clusters": (0.12, clusters),
    "blobs": (0.04, blobs),
    "noise": (0.005, noise),
    "transformed": (0.05, transformed),
}
