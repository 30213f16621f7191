"""Pictures of no digit, generated: what the eleventh class is taught with.

Families: letters and signs, doodles, closed shapes, scribbles, lines, parts of digits, digits on top
of each other, several digits side by side, blobs, noise, and digits mirrored
or turned where that makes no digit.  What a person could take for a digit in
isolation is left out: to read it as one is no mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Generator, Tensor

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.training.synthetic.doodles import DOODLES, face, filled_ring
from mnist_classifier.training.synthetic.handwriting import Points, draw_all, drawn_by, numpy_rng, smooth, write
from mnist_classifier.training.synthetic.pen import fit_like_preprocessing, ink_boxes
from mnist_classifier.training.synthetic.shapes import box, outline, polygon, symbol
from mnist_classifier.training.synthetic.templates import LETTERS, SIGNS

# A part of a digit that is narrower than this looks like a one.
MIN_ASPECT = 0.45
# Width over height of letters and signs, in templates that are as wide as high.
SIGN_ASPECT = (0.5, 1.35)
DOODLE_ASPECT = (0.7, 1.3)
# A broader pen leaves a spot of them.
DOODLE_PENS_PX = (0.9, 3.2)
# Mirrored or turned by a quarter, these are no digits; a mirrored two is like a five.
MIRRORED, TURNED = (3, 7, 9), (2, 3, 4, 5)
# Halves of other digits are digits: the lower one of a six is a zero.
BREAKABLE = (0, 3, 5)
# On top of another digit, a one or a seven is a slash or a bar, and a zero is the ring of an eight.
MIXED = (2, 3, 4, 5, 6, 8, 9)
# Side of the pictures in which shapes are filled, px.
FILLED_SIDE = 96


def outlier_pool(count: int, generator: Generator, digits: Tensor, labels: Tensor) -> Tensor:
    """Make `count` pictures of no digit.

    digits: (N, 28, 28) uint8 with labels (N,) int64, from which some families
    are made.  Returns (count, 28, 28) uint8 glyphs in random order.
    """
    source = _Source(digits, labels, generator)
    shares = np.array([share for share, _ in FAMILIES.values()])
    numbers = np.diff(np.round(np.concatenate([[0], np.cumsum(shares / shares.sum())]) * count).astype(int), prepend=0)
    pictures = [make(int(n), source) for n, (_, make) in zip(numbers[1:], FAMILIES.values(), strict=True) if n]
    if not pictures:
        return torch.zeros(0, SIDE_PX, SIDE_PX, dtype=torch.uint8)
    return torch.cat(pictures)[torch.randperm(count, generator=generator)]


class _Source:
    """Digits and random numbers to make pictures from."""

    def __init__(self, digits: Tensor, labels: Tensor, generator: Generator) -> None:
        self.digits, self.labels, self.generator = digits, labels, generator
        self.rng = numpy_rng(generator)

    def pick(self, count: int, among: tuple[int, ...] = tuple(range(10))) -> tuple[Tensor, Tensor]:
        """Random digits as (count, 28, 28) float in 0..1, and their labels."""
        rows = torch.isin(self.labels, torch.tensor(among)).nonzero()[:, 0]
        chosen = rows[torch.randint(len(rows), (count,), generator=self.generator)]
        return self.digits[chosen].float() / 255, self.labels[chosen]


def _as_glyphs(pixels: Tensor) -> Tensor:
    return (fit_like_preprocessing(pixels) * 255).round().to(torch.uint8)


def characters(count: int, source: _Source) -> Tensor:
    """Letters and signs; a letter of the Latin alphabet is as likely as two signs."""
    known = [*LETTERS.values(), *LETTERS.values(), *SIGNS.values()]
    chosen = source.rng.integers(0, len(known), count)
    return draw_all([write(known[i], source.rng, SIGN_ASPECT) for i in chosen])


def doodles(count: int, source: _Source) -> Tensor:
    """What people draw for fun; every fourth is a face, every eighth another ring with things in it."""
    rng, known = source.rng, list(DOODLES.values())

    def doodle() -> tuple[Points, float]:
        kind = rng.random()
        if kind < 3 / 8:
            return drawn_by(face if kind < 1 / 4 else filled_ring, rng, DOODLE_PENS_PX)
        return write(known[rng.integers(len(known))], rng, DOODLE_ASPECT, DOODLE_PENS_PX)

    return draw_all([doodle() for _ in range(count)])


def symbols(count: int, source: _Source) -> Tensor:
    """Signs that nobody knows: some lines, arcs and rings between the points of a grid."""
    return draw_all([drawn_by(symbol, source.rng) for _ in range(count)])


def polygons(count: int, source: _Source) -> Tensor:
    """Closed shapes: straight-sided, some with a line or two inside, boxes with dividers, outlines with notches."""
    makers = (polygon, polygon, box, outline)
    return draw_all([drawn_by(makers[source.rng.integers(len(makers))], source.rng) for _ in range(count)])


def filled(count: int, source: _Source) -> Tensor:
    """Triangles, stars, hearts and the like, filled."""
    side = FILLED_SIDE
    pictures = np.zeros((count, side, side), np.float32)
    for picture in pictures:
        points = (polygon if source.rng.random() < 0.6 else outline)(source.rng)[0]
        low, size = points.min(axis=0), np.ptp(points, axis=0).max()
        image = Image.new("L", (side, side))
        corners = (points - low) / size * (side - 16) + 8
        ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], fill=255)
        picture[:] = np.asarray(image, np.float32) / 255
    return _as_glyphs(torch.from_numpy(pictures))


def scribbles(count: int, source: _Source) -> Tensor:
    """Tangles, zigzags and spirals."""
    makers = (_tangle, _tangle, _zigzag, _zigzag, _coil, _spiral)
    return draw_all([drawn_by(makers[source.rng.integers(len(makers))], source.rng) for _ in range(count)])


def _tangle(rng: np.random.Generator) -> list[Points]:
    return [smooth(rng.uniform(0, 100, (rng.integers(7, 16), 2)) * rng.uniform(0.4, 1, 2))]


def _zigzag(rng: np.random.Generator) -> list[Points]:
    turns = int(rng.integers(5, 14))
    points = np.stack([np.linspace(0, 100, turns), np.where(np.arange(turns) % 2, 0, rng.uniform(15, 90))], axis=1)
    points += rng.normal(0, 5, points.shape)
    turn = rng.uniform(0, np.pi)
    points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return [smooth(points) if rng.random() < 0.5 else points]


def _coil(rng: np.random.Generator) -> list[Points]:
    angle = np.linspace(0, rng.uniform(3, 7) * 2 * np.pi, 60)
    lean = rng.uniform(-0.6, 0.6)
    across, down = angle * rng.uniform(0.3, 0.9) + np.cos(angle), np.sin(angle) * rng.uniform(0.8, 2)
    return [np.stack([across, down + lean * across], axis=1)]


def _spiral(rng: np.random.Generator) -> list[Points]:
    turns = rng.uniform(1.8, 4)
    angle = np.linspace(0, turns * 2 * np.pi, 40) * rng.choice([-1, 1]) + rng.uniform(0, 6)
    radius = np.linspace(0.05, 1, 40)[:, None]
    return [radius * np.stack([np.cos(angle) * rng.uniform(0.6, 1), np.sin(angle)], axis=1)]


def lines(count: int, source: _Source) -> Tensor:
    """A lying stroke, several strokes, dots."""
    makers = (_lying, _several, _dots)
    return draw_all([drawn_by(makers[source.rng.integers(len(makers))], source.rng) for _ in range(count)])


def _lying(rng: np.random.Generator) -> list[Points]:
    # A standing one is a one.
    angle = rng.uniform(-36, 36) * np.pi / 180
    end = 100 * np.array([np.cos(angle), np.sin(angle)])
    middle = end / 2 + rng.normal(0, 5, 2)
    return [smooth(np.array([[0.0, 0.0], middle, end]))]


def _several(rng: np.random.Generator) -> list[Points]:
    if rng.random() < 0.4:  # side by side
        number, across = int(rng.integers(2, 5)), rng.random() < 0.5
        places = np.linspace(0, 100, number) + rng.normal(0, 4, number)
        length = rng.uniform(40, 120)
        strokes = [np.array([[place, rng.normal(0, 6)], [place + rng.normal(0, 6), length]]) for place in places]
        return [stroke[:, ::-1] for stroke in strokes] if across else strokes
    return [rng.uniform(0, 100, (2, 2)) for _ in range(rng.integers(4, 7))]


def _dots(rng: np.random.Generator) -> list[Points]:
    number = int(rng.integers(1, 8))
    length = rng.uniform(0, 8)
    return [place + np.array([[0.0, 0.0], [length, 2.0]]) for place in rng.uniform(0, 100, (number, 2))]


def fragments(count: int, source: _Source) -> Tensor:
    """What is left of a digit when a straight cut takes 45 to 65 % of its ink."""
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
        kept.append(_as_glyphs(cut[(share > 0.35) & (share < 0.55) & wide]))
    return torch.cat(kept)[:count]


def mixtures(count: int, source: _Source) -> Tensor:
    """Two different digits on top of each other."""
    kept: list[Tensor] = []
    while sum(map(len, kept)) < count:
        (one, first), (two, second) = source.pick(2 * count, MIXED), source.pick(2 * count, MIXED)
        kept.append(_as_glyphs(torch.maximum(one, two)[first != second]))
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
    return _as_glyphs(pictures)


def blobs(count: int, source: _Source) -> Tensor:
    """Filled spots: soft noise above a level."""
    noise = torch.randn(count, 1, 6, 6, generator=source.generator)
    field = F.interpolate(noise, size=40, mode="bicubic", align_corners=False)[:, 0]
    level = field.amax(dim=(1, 2), keepdim=True) * (0.2 + 0.5 * torch.rand(count, 1, 1, generator=source.generator))
    return _as_glyphs(((field - level) * 6 + 0.5).clamp(0, 1))


def noise(count: int, source: _Source) -> Tensor:
    """Grains, coarse or fine."""
    kept = []
    for side in (SIDE_PX, 14, 7):
        grains = torch.rand(-(-count // 3), 1, side, side, generator=source.generator)
        rare = torch.rand(len(grains), 1, 1, 1, generator=source.generator)
        fine = F.interpolate(grains * (grains > rare), size=SIDE_PX)[:, 0]
        kept.append(_as_glyphs(fine))
    return torch.cat(kept)[:count]


def transformed(count: int, source: _Source) -> Tensor:
    """Digits mirrored, or turned by a quarter."""
    half = count // 2
    mirrored, _ = source.pick(half, MIRRORED)
    turned, _ = source.pick(count - half, TURNED)
    return _as_glyphs(torch.cat([mirrored.flip(2), torch.rot90(turned, 1, (1, 2))]))


# Name: share of the pool, and what makes it.
FAMILIES: dict[str, tuple[float, Callable[[int, _Source], Tensor]]] = {
    "characters": (0.46, characters),
    "doodles": (0.08, doodles),
    "symbols": (0.12, symbols),
    "polygons": (0.12, polygons),
    "filled": (0.03, filled),
    "scribbles": (0.12, scribbles),
    "lines": (0.08, lines),
    "fragments": (0.04, fragments),
    "mixtures": (0.02, mixtures),
    "clusters": (0.12, clusters),
    "blobs": (0.04, blobs),
    "noise": (0.005, noise),
    "transformed": (0.05, transformed),
}
