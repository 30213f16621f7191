"""What may happen to a line before it is read: erased rules, other lines, blur, faint ink, noise, low resolution."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import Bytes, Floats

# How often each fault occurs.
RULE, NEIGHBOUR, BLUR, COARSE, CONTRAST, HOLES, SPECKS = 0.12, 0.05, 0.3, 0.12, 0.3, 0.12, 0.1


def spoil(ink: Bytes, rng: np.random.Generator) -> Bytes:
    """Spoil a line (H, W) uint8 at random; most lines have no fault or one."""
    levels = ink.astype(np.float32)
    if rng.random() < RULE:
        _erase_rule(levels, rng)
    if rng.random() < NEIGHBOUR:
        _add_neighbour(levels, rng)
    if rng.random() < BLUR:
        levels = _filtered(levels, ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    if rng.random() < COARSE:
        levels = _coarse(levels, rng.uniform(0.45, 0.8))
    if rng.random() < CONTRAST:
        levels = levels * rng.uniform(0.6, 1.8)
    if rng.random() < HOLES:
        levels = levels * (rng.random(levels.shape) >= rng.uniform(0, 0.08))
    if rng.random() < SPECKS:
        levels = np.maximum(levels, (rng.random(levels.shape) < rng.uniform(0, 0.01)) * rng.uniform(60, 255))
    return levels.clip(0, 255).astype(np.uint8)


def _erase_rule(levels: Floats, rng: np.random.Generator) -> None:
    """Erase a horizontal rule across the digits with nicks in them, and leave thin remains of it."""
    height, width = levels.shape
    row, thickness = int(rng.uniform(5, height - 6)), int(rng.integers(1, 3))
    rows = slice(row, row + thickness)
    if rng.random() < 0.7:
        nicked = np.repeat(rng.random(width // 4 + 1) < rng.uniform(0.2, 1), 4)[:width]
        levels[rows] *= np.where(nicked, rng.uniform(0, 0.7), 1)
    for _ in range(rng.integers(0, 5)):
        start = int(rng.uniform(0, max(1, width - 8)))
        remains = levels[row : row + 1, start : start + int(rng.uniform(2, 14))]
        np.maximum(remains, rng.uniform(60, 255), out=remains)


def _add_neighbour(levels: Floats, rng: np.random.Generator) -> None:
    """Add ends of the digits of the line above or below: this line's own, moved."""
    shift = int(rng.uniform(26, 36)) * int(rng.choice([-1, 1]))
    moved = np.roll(levels, int(rng.integers(levels.shape[1])), axis=1)
    if shift > 0:
        np.maximum(levels[shift:], moved[:-shift], out=levels[shift:])
    else:
        np.maximum(levels[:shift], moved[-shift:], out=levels[:shift])


def _filtered(levels: Floats, kernel: ImageFilter.GaussianBlur) -> Floats:
    return np.asarray(Image.fromarray(levels.clip(0, 255).astype(np.uint8)).filter(kernel), np.float32)


def _coarse(levels: Floats, scale: float) -> Floats:
    """Lose the detail of a picture with few pixels."""
    picture = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    small = picture.resize([max(2, round(side * scale)) for side in picture.size], Image.Resampling.BOX)
    return np.asarray(small.resize(picture.size, Image.Resampling.BILINEAR), np.float32)
