"""Fifteen corruptions of MNIST images that leave the digit readable, in the manner of MNIST-C.

A corruption takes a (28, 28) uint8 image, ink 255 on black, and a random generator.  The whole recogniser
reads the result, so a corruption that preprocessing undoes does no harm.  Strengths were chosen on the
validation split: a plain MNIST network reads about 93 % (docs/evaluation.md).
Source of the idea and most names: Mu & Gilmer 2019, arXiv 1906.02337.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats
from mnist_classifier.evaluation.robustness.drawing import enlarged, to_bytes

Corruption: TypeAlias = Callable[[Bytes, np.random.Generator], Bytes]

# Scale at which strokes are widened and narrowed, so that a radius can be finer than a pixel.
FINE = 4

_ROWS, _COLUMNS = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)


# --- place and shape --------------------------------------------------------------------------------


def shift(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Move by up to 6 px in each direction; up to 2 px of the digit can be cut off."""
    down, right = rng.uniform(-6, 6, 2)
    return _affine(image, np.eye(2), (down, right))


def scale(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Shrink to 50 to 75 % of the size, or enlarge by 15 to 35 %."""
    factor = rng.uniform(0.5, 0.75) if rng.random() < 0.5 else rng.uniform(1.15, 1.35)
    return _affine(image, np.eye(2) * factor)


def rotation(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Turn by up to 30 degrees in either direction."""
    angle = math.radians(rng.uniform(-30, 30))
    return _affine(image, np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]))


def shear(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Slant by 17 to 31 degrees in either direction."""
    slant = rng.uniform(0.3, 0.6) * rng.choice((-1, 1))
    return _affine(image, np.array([[1.0, 0.0], [slant, 1.0]]))


def thick(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Draw with a pen 2.4 to 3.2 px wider."""
    return _shrunk(_widened(enlarged(image, FINE * SIDE_PX, FINE * SIDE_PX), rng.uniform(1.2, 1.6) * FINE))


def thin(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Draw with a pen 1.5 to 2.5 px narrower; a finer stroke keeps a hairline."""
    stroke = enlarged(image, FINE * SIDE_PX, FINE * SIDE_PX)
    hairs = np.zeros_like(stroke)
    for _ in range(rng.integers(3, 6)):
        narrower = _narrowed(stroke)
        # Ink that widening does not restore is the centre line of a stroke that vanishes now.
        # Source: Lantuejoul 1978, the skeleton as residues of openings.
        hairs = np.maximum(hairs, stroke - np.minimum(stroke, _widened(narrower, 1)))
        stroke = narrower
    return _shrunk(np.maximum(stroke, _widened(hairs, 1)))


# --- focus and noise --------------------------------------------------------------------------------


def gaussian_blur(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Out of focus: standard deviation 1.2 to 1.8 px."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(float(rng.uniform(1.2, 1.8)))))


def motion_blur(image: Bytes, rng: np.random.Generator) -> Bytes:
    """The camera moved by 5 to 8 px, in any direction."""
    length, angle = rng.uniform(5, 8), rng.uniform(0, math.pi)
    steps = np.linspace(-length / 2, length / 2, 9)
    moved = [_affine(image, np.eye(2), (step * math.sin(angle), step * math.cos(angle))) for step in steps]
    return to_bytes(np.mean(moved, axis=0))


def shot_noise(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Too little light: Poisson noise with a mean of 3 to 8 photons for white, and a tenth of that for black."""
    photons = rng.uniform(3, 8)
    light = (image.astype(np.float32) / 255 * 0.9 + 0.1) * photons
    return to_bytes(rng.poisson(light) / photons * 255)


def impulse_noise(image: Bytes, rng: np.random.Generator) -> Bytes:
    """4 to 10 % of the pixels become black or white."""
    hit = rng.random(image.shape) < rng.uniform(0.04, 0.10)
    return np.where(hit, rng.integers(0, 2, image.shape, dtype=np.uint8) * np.uint8(255), image)


# --- light and paper --------------------------------------------------------------------------------


def low_contrast(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Grey on grey: 20 to 35 % of the contrast, and a camera's noise of 2 grey levels."""
    contrast = rng.uniform(0.20, 0.35)
    darkest = rng.uniform(0, 1 - contrast) * 255
    return to_bytes(darkest + image * np.float32(contrast) + rng.normal(0, 2, image.shape))


def inversion(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Dark grey ink on light grey paper."""
    paper, ink = rng.uniform(200, 255), rng.uniform(0, 55)
    return to_bytes(paper + (ink - paper) * (image.astype(np.float32) / 255))


def stripes(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Ruled paper: light lines 1 px wide and 5 to 8 px apart, slightly tilted, all across the picture."""
    angle = math.radians(rng.uniform(-8, 8)) + (math.pi / 2 if rng.random() < 0.5 else 0.0)
    across = _ROWS * math.cos(angle) + _COLUMNS * math.sin(angle)
    spacing = rng.uniform(5, 8)
    distance = np.abs((across + rng.uniform(0, spacing)) % spacing - spacing / 2)
    lines = np.clip(1.0 - distance, 0, 1) * rng.uniform(100, 180)
    return np.maximum(image, to_bytes(lines))


def fog(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Clouds in front of the digit: a bright, uneven veil of 40 to 60 %."""
    veil = rng.uniform(0.40, 0.60)
    return to_bytes(image * np.float32(1 - veil) + _clouds(rng) * np.float32(255 * veil))


def spatter(image: Bytes, rng: np.random.Generator) -> Bytes:
    """4 to 9 drops of ink with a radius of 0.5 to 1.2 px, anywhere in the picture."""
    ink = image.astype(np.float32)
    for _ in range(rng.integers(4, 10)):
        row, column = rng.uniform(0, SIDE_PX - 1, 2)
        distance = np.hypot(_ROWS - row, _COLUMNS - column)
        ink = np.maximum(ink, np.clip(rng.uniform(0.5, 1.2) + 0.5 - distance, 0, 1) * 255)
    return to_bytes(ink)


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


# --- shared steps -----------------------------------------------------------------------------------


def _affine(image: Bytes, matrix: npt.NDArray[np.float64], move: tuple[float, float] = (0.0, 0.0)) -> Bytes:
    """Apply a 2x2 matrix of (row, column) around the centre, then move down and right; bilinear, black outside."""
    back = np.linalg.inv(matrix)
    # Pillow maps each (x, y) of the result to its source; the centres of pixels are at halves.
    middle = SIDE_PX / 2
    row, column = middle - back @ (middle + np.asarray(move))
    coefficients = (back[1, 1], back[1, 0], column, back[0, 1], back[0, 0], row)
    source = Image.fromarray(image)
    return np.asarray(
        source.transform((SIDE_PX, SIDE_PX), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    )


def _shrunk(large: Bytes) -> Bytes:
    return np.asarray(Image.fromarray(large).reduce(FINE))


def _widened(bright: Bytes, radius: float) -> Bytes:
    """Widen bright strokes on each side by `radius` pixels: dilation by a disc."""
    reach = math.ceil(radius)
    padded = np.pad(bright, reach, mode="edge")
    widened = bright.copy()
    for down, right in np.argwhere(_disc(radius, reach)):
        np.maximum(widened, padded[down : down + len(bright), right : right + bright.shape[1]], out=widened)
    return widened


def _narrowed(bright: Bytes) -> Bytes:
    """Take one pixel from every edge of bright strokes."""
    narrowed: Bytes = np.uint8(255) - _widened(np.uint8(255) - bright, 1)
    return narrowed


def _disc(radius: float, reach: int) -> npt.NDArray[np.bool_]:
    """(2 reach + 1, 2 reach + 1), true within `radius` of the centre."""
    offsets = np.arange(-reach, reach + 1)
    disc: npt.NDArray[np.bool_] = np.hypot(offsets[:, None], offsets) <= radius
    return disc


def _clouds(rng: np.random.Generator) -> Floats:
    """Smooth noise of several grain sizes, (28, 28), from 0 to 1."""
    total = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    for cells, weight in ((2, 1.0), (4, 0.5), (8, 0.25)):
        total += weight * enlarged(rng.random((cells + 1, cells + 1), dtype=np.float32), SIDE_PX, SIDE_PX)
    low, high = total.min(), total.max()
    clouds: Floats = (total - low) / (high - low)
    return clouds
