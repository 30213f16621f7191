"""Pictures without a single digit, in families, to measure how many a model accepts.

    picture = NON_DIGITS["scribbles"](rng)        # (280, 280) uint8, black on white

`two_digits` makes pictures of two MNIST digits.  Training has other generators of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.evaluation.robustness.drawing import (
    CANVAS_SIDE_PX,
    INK,
    SUPERSAMPLING,
    Points,
    draw,
    enlarged,
    render,
    to_bytes,
)
from mnist_classifier.evaluation.robustness.shapes import FILLABLE, LETTERS, SHAPES, Template
from mnist_classifier.recognition.imaging.normalise import cut_out, ink_box

Generator: TypeAlias = Callable[[np.random.Generator], Bytes]

# Thinnest and widest pen.
PENS_PX = (6, 24)
# Around two digits, before they are enlarged.
MARGIN_PX = 8
# Widest gap between two digits.  With a wider gap they would look like two pictures.
WIDEST_GAP_PX = 12


def scribbles(rng: np.random.Generator) -> Bytes:
    """A tangle, a hatching or a chain of loops, as people make to try a pen."""
    line = (_tangle, _hatching, _loops)[rng.integers(3)](rng)
    return draw([line], pen_px=_pen(rng), rng=rng)


def blanks(rng: np.random.Generator) -> Bytes:
    """No ink: a plain grey, or paper with uneven light, grain and camera noise."""
    side, level = CANVAS_SIDE_PX, rng.uniform(0, 255)
    if rng.random() < 0.25:
        return np.full((side, side), round(level), np.uint8)
    level = rng.uniform(150, 240)
    rows, columns = np.mgrid[0:side, 0:side] / side - 0.5
    angle, fall = rng.uniform(0, 2 * math.pi), rng.uniform(0, 50)
    light = (rows * math.sin(angle) + columns * math.cos(angle)) * fall
    cells = int(rng.integers(5, 40))
    grain = rng.normal(0, rng.uniform(0, 4), (cells, cells)).astype(np.float32)
    paper = level + light + enlarged(grain, side, side)
    return to_bytes(paper + rng.normal(0, rng.uniform(1, 8), (side, side)))


def dots(rng: np.random.Generator) -> Bytes:
    """One to six taps with a pen."""
    pen_px = _pen(rng)
    places = rng.uniform(pen_px, CANVAS_SIDE_PX - pen_px, (rng.integers(1, 7), 2))
    return render([place[None] for place in places], pen_px=pen_px)


def lines_across(rng: np.random.Generator) -> Bytes:
    """One to three roughly horizontal lines from edge to edge, straight or slightly wavy."""
    side = CANVAS_SIDE_PX
    x = np.linspace(-20, side + 20, 40)
    middle, slope = rng.uniform(0.2, 0.8) * side, math.tan(math.radians(rng.uniform(-35, 35)))
    wave = rng.uniform(0, 8) * np.sin(x / rng.uniform(15, 60) + rng.uniform(0, 6))
    first = middle + slope * (x - side / 2) + wave
    gap = rng.uniform(35, 60)
    lines = [np.stack([x, first + gap * i], axis=1) for i in range(rng.integers(1, 4))]
    return render(lines, pen_px=_pen(rng))


def shapes(rng: np.random.Generator) -> Bytes:
    """A printed shape, such as a triangle, star, heart, house or arrow; some are filled."""
    names = sorted(SHAPES)
    name = names[rng.integers(len(names))]
    picture = _print(SHAPES[name], rng)
    if name in FILLABLE and rng.random() < 0.4:
        filled = Image.fromarray(picture)
        ImageDraw.floodfill(filled, _inside(picture), INK, thresh=128)
        return np.asarray(filled)
    return picture


def letters(rng: np.random.Generator) -> Bytes:
    """A printed letter that does not look like a digit."""
    names = sorted(LETTERS)
    return _print(LETTERS[names[rng.integers(len(names))]], rng)


def two_digits(first: Bytes, second: Bytes, rng: np.random.Generator) -> Bytes:
    """Put two (28, 28) MNIST digits, ink 255, side by side, 0 to 12 px apart; enlarged, black on white."""
    left, right = (cut_out(digit, ink_box(digit > 0)) for digit in (first, second))
    gap = int(rng.integers(0, WIDEST_GAP_PX + 1))
    height = max(len(left), len(right))
    picture = np.zeros((height + 2 * MARGIN_PX, left.shape[1] + gap + right.shape[1] + 2 * MARGIN_PX), np.uint8)
    x = MARGIN_PX
    for digit in (left, right):
        y = MARGIN_PX + int(rng.integers(0, height - len(digit) + 1))
        picture[y : y + len(digit), x : x + digit.shape[1]] = digit
        x += digit.shape[1] + gap
    black_on_white: Bytes = np.uint8(255) - enlarged(picture, *(SUPERSAMPLING * side for side in picture.shape))
    return black_on_white


NON_DIGITS: Mapping[str, Generator] = {
    "scribbles": scribbles,
    "blanks": blanks,
    "dots": dots,
    "lines_across": lines_across,
    "shapes": shapes,
    "letters": letters,
}


def _pen(rng: np.random.Generator) -> float:
    return float(rng.uniform(*PENS_PX))


def _tangle(rng: np.random.Generator) -> Points:
    """A curve through 9 to 20 random points: it has more turns than any digit."""
    return _curve(rng.uniform(0, 1000, (rng.integers(9, 21), 2)))


def _hatching(rng: np.random.Generator) -> Points:
    """To and fro, 6 to 14 times, in any direction."""
    turns = int(rng.integers(6, 15))
    ends = np.stack(
        [np.where(np.arange(turns) % 2, 1000.0, 0.0), np.linspace(0, rng.uniform(400, 1000), turns)], axis=1
    )
    return _curve(_turned(ends + rng.normal(0, 60, ends.shape), rng.uniform(0, 2 * math.pi)))


def _loops(rng: np.random.Generator) -> Points:
    """4 to 8 loops in a row, like `eeee`."""
    loops = int(rng.integers(4, 9))
    t = np.linspace(0, 2 * math.pi * loops, 16 * loops)
    forward = t / t[-1] * rng.uniform(1.2, 2.5) * loops
    circle = np.stack([np.cos(t) + forward, np.sin(t) * rng.uniform(1, 2)], axis=1)
    return _turned(circle * (1 + 0.15 * np.sin(t / 3.7 + rng.uniform(0, 6)))[:, None], rng.uniform(-0.5, 0.5))


def _curve(points: Points, pieces: int = 12) -> Points:
    """A smooth curve through points.  Source: Catmull & Rom 1974."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    before, start, end, after = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = (np.arange(pieces) / pieces)[None, :, None]
    curve = start + t / 2 * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def _turned(line: Points, angle: float) -> Points:
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned: Points = line @ matrix
    return turned


def _print(template: Template, rng: np.random.Generator) -> Bytes:
    """Draw a template with straight lines, slightly stretched and turned (by up to 8 degrees)."""
    stretch = np.array([rng.uniform(0.8, 1.2), 1.0]) * 1000
    angle = math.radians(rng.uniform(-8, 8))
    lines = [_turned(_dense(np.array(stroke) * stretch), angle) for stroke in template]
    return draw(lines, pen_px=_pen(rng), rng=rng)


def _dense(line: Points, pieces: int = 16) -> Points:
    """Add points along straight lines, so that smoothing leaves the corners sharp."""
    t = (np.arange(pieces) / pieces)[None, :, None]
    between = line[:-1, None] * (1 - t) + line[1:, None] * t
    return np.concatenate([between.reshape(-1, 2), line[-1:]])


def _inside(picture: Bytes) -> tuple[int, int]:
    """(x, y) of the centre of the ink's box."""
    top, bottom, left, right = ink_box(picture < 128)
    return (left + right - 1) // 2, (top + bottom - 1) // 2
