"""Fifteen ways in which a picture of a digit goes wrong, each its label kept.

In the manner of MNIST-C, own code: a corruption takes a (28, 28) uint8 MNIST
image, ink 255 on black, and a random generator, and gives the picture that a
person would send.  It goes through the whole recogniser, so that what
preprocessing undoes counts as solved.  How strong each is was chosen on the
validation split: a person still reads the digits, and a plain MNIST network
reads about 93 % of them (docs/evaluation.md has the figures).
Source: Mu & Gilmer 2019, arXiv 1906.02337, for the idea and most of the names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import Bytes, Floats

Corruption: TypeAlias = Callable[[Bytes, np.random.Generator], Bytes]

SIDE = 28
# Stroke width is changed at this multiple, where a radius can be finer than a pixel.
FINE = 4

_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


# --- place and shape --------------------------------------------------------------------------------


def shift(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Move by up to 6 px each way, not by whole pixels; up to 2 px of the digit can be cut off."""
    down, right = rng.uniform(-6, 6, 2)
    return _affine(image, np.eye(2), (down, right))


def scale(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Make it smaller, to half its size at the least, or larger, by up to 35 %."""
    factor = rng.uniform(0.5, 0.75) if rng.random() < 0.5 else rng.uniform(1.15, 1.35)
    return _affine(image, np.eye(2) * factor)


def rotation(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Turn by up to 30 degrees either way."""
    angle = math.radians(rng.uniform(-30, 30))
    return _affine(image, np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]))


def shear(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Slant by 0.3 to 0.6, 17 to 31 degrees, either way."""
    slant = rng.uniform(0.3, 0.6) * rng.choice((-1, 1))
    return _affine(image, np.array([[1.0, 0.0], [slant, 1.0]]))


def thick(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Draw with a pen 2.4 to 3.2 px wider."""
    return _shrunk(_widened(_enlarged(image), rng.uniform(1.2, 1.6) * FINE))


def thin(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Draw with a pen 1.5 to 2.5 px narrower; of strokes that are finer, a hair's breadth stays."""
    stroke = _enlarged(image)
    hairs = np.zeros_like(stroke)
    for _ in range(rng.integers(3, 6)):
        narrower = _narrowed(stroke)
        # What does not come back by widening is the middle of a stroke that ends here.
        # Source: Lantuejoul 1978, the skeleton as residues of openings.
        hairs = np.maximum(hairs, stroke - np.minimum(stroke, _widened(narrower, 1)))
        stroke = narrower
    return _shrunk(np.maximum(stroke, _widened(hairs, 1)))


# --- focus and noise --------------------------------------------------------------------------------


def gaussian_blur(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Out of focus: standard deviation 1.2 to 1.8 px."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(float(rng.uniform(1.2, 1.8)))))


def motion_blur(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Moved by 5 to 8 px while it was taken, in any direction."""
    length, angle = rng.uniform(5, 8), rng.uniform(0, math.pi)
    steps = np.linspace(-length / 2, length / 2, 9)
    moved = [_affine(image, np.eye(2), (step * math.sin(angle), step * math.cos(angle))) for step in steps]
    return _to_bytes(np.mean(moved, axis=0))


def shot_noise(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Too little light: 3 to 8 photons for white, Poisson distributed, and a tenth of it in the dark."""
    photons = rng.uniform(3, 8)
    light = (image.astype(np.float32) / 255 * 0.9 + 0.1) * photons
    return _to_bytes(rng.poisson(light) / photons * 255)


def impulse_noise(image: Bytes, rng: np.random.Generator) -> Bytes:
    """4 to 10 % of the pixels are plain black or white."""
    hit = rng.random(image.shape) < rng.uniform(0.04, 0.10)
    return np.where(hit, rng.integers(0, 2, image.shape, dtype=np.uint8) * np.uint8(255), image)


# --- light and paper --------------------------------------------------------------------------------


def low_contrast(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Grey on grey: 20 to 35 % of the contrast, with the slight noise (2 levels) that any camera adds."""
    contrast = rng.uniform(0.20, 0.35)
    darkest = rng.uniform(0, 1 - contrast) * 255
    return _to_bytes(darkest + image * np.float32(contrast) + rng.normal(0, 2, image.shape))


def inversion(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Dark ink on light paper, neither of them pure."""
    paper, ink = rng.uniform(200, 255), rng.uniform(0, 55)
    return _to_bytes(paper + (ink - paper) * (image.astype(np.float32) / 255))


def stripes(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Ruled paper: light lines 1 px thin, 5 to 8 px apart, a bit askew, right through the picture."""
    angle = math.radians(rng.uniform(-8, 8)) + (math.pi / 2 if rng.random() < 0.5 else 0.0)
    across = _ROWS * math.cos(angle) + _COLUMNS * math.sin(angle)
    spacing = rng.uniform(5, 8)
    distance = np.abs((across + rng.uniform(0, spacing)) % spacing - spacing / 2)
    lines = np.clip(1.0 - distance, 0, 1) * rng.uniform(100, 180)
    return np.maximum(image, _to_bytes(lines))


def fog(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Clouds before the digit: a bright and uneven veil that takes away 40 to 60 % of it."""
    veil = rng.uniform(0.40, 0.60)
    return _to_bytes(image * np.float32(1 - veil) + _clouds(rng) * np.float32(255 * veil))


def spatter(image: Bytes, rng: np.random.Generator) -> Bytes:
    """4 to 9 drops of ink, 0.5 to 1.2 px in radius, anywhere in the picture."""
    ink = image.astype(np.float32)
    for _ in range(rng.integers(4, 10)):
        row, column = rng.uniform(0, SIDE - 1, 2)
        distance = np.hypot(_ROWS - row, _COLUMNS - column)
        ink = np.maximum(ink, np.clip(rng.uniform(0.5, 1.2) + 0.5 - distance, 0, 1) * 255)
    return _to_bytes(ink)


CORRUPTIONS: Mapping[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (
        shift,
        scale,
        rotation,
        shear,
        thick,
        thin,
        gaussian_blur,
        motion_blur,
        shot_noise,
        impulse_noise,
        low_contrast,
        inversion,
        stripes,
        fog,
        spatter,
    )
}


# --- how ----------------------------------------------------------------------------------------------


def _affine(image: Bytes, matrix: npt.NDArray[np.float64], move: tuple[float, float] = (0.0, 0.0)) -> Bytes:
    """Apply a 2x2 matrix of (row, column) around the centre, then move down and right; bilinear, black outside."""
    back = np.linalg.inv(matrix)
    # Pillow wants, for each (x, y) of the result, where it comes from; its pixel centres lie at halves.
    middle = SIDE / 2
    row, column = middle - back @ (middle + np.asarray(move))
    coefficients = (back[1, 1], back[1, 0], column, back[0, 1], back[0, 0], row)
    source = Image.fromarray(image)
    return np.asarray(source.transform((SIDE, SIDE), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR))


def _enlarged(image: Bytes) -> Bytes:
    size = (SIDE * FINE, SIDE * FINE)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _shrunk(large: Bytes) -> Bytes:
    return np.asarray(Image.fromarray(large).reduce(FINE))


def _widened(bright: Bytes, radius: float) -> Bytes:
    """Spread what is bright by a disc of that radius in pixels."""
    reach = math.ceil(radius)
    padded = np.pad(bright, reach, mode="edge")
    widened = bright.copy()
    for down, right in np.argwhere(_disc(radius, reach)):
        np.maximum(widened, padded[down : down + len(bright), right : right + bright.shape[1]], out=widened)
    return widened


def _narrowed(bright: Bytes) -> Bytes:
    """Take one pixel from every edge of what is bright."""
    narrowed: Bytes = np.uint8(255) - _widened(np.uint8(255) - bright, 1)
    return narrowed


def _disc(radius: float, reach: int) -> npt.NDArray[np.bool_]:
    """(2 reach + 1) squared, true where the middle is no further than `radius`."""
    offsets = np.arange(-reach, reach + 1)
    disc: npt.NDArray[np.bool_] = np.hypot(offsets[:, None], offsets) <= radius
    return disc


def _clouds(rng: np.random.Generator) -> Floats:
    """Smooth noise of several grain sizes, (28, 28), from 0 to 1."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for cells, weight in ((2, 1.0), (4, 0.5), (8, 0.25)):
        grain = Image.fromarray(rng.random((cells + 1, cells + 1), dtype=np.float32))
        total += weight * np.asarray(grain.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    low, high = total.min(), total.max()
    clouds: Floats = (total - low) / (high - low)
    return clouds


def _to_bytes(values: npt.NDArray[np.floating[Any]]) -> Bytes:
    levels: Bytes = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return levels
