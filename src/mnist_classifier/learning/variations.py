"""Variations of glyphs, to learn more from few examples.

    more = vary(glyphs, copies=8)

A copy is turned, slanted and stretched, and has thinner or thicker strokes.  NumPy alone, because the program
learns a person's handwriting where it reads, without PyTorch.
"""

from __future__ import annotations

import numpy as np

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Doubles, Floats
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, BOX_SIDE, MNIST_CENTRE

# Largest changes, chosen on validation writers (docs/experiments.md, "A person's handwriting").
ANGLE_DEGREES, SLANT, STRETCH = 12.0, 0.2, 0.075
# Share of the way from a stroke to one that is a pixel wider, or narrower, on each side.
PEN = 0.7
SEED = 1998


def vary(glyphs: Bytes, copies: int) -> Bytes:
    """(N, 28, 28) uint8 -> (N * copies, 28, 28) uint8, the copies of a glyph together; always the same ones."""
    rng = np.random.default_rng(SEED)
    ink = np.repeat(glyphs, copies, axis=0).astype(np.float32)
    changes, pens = _changes(len(ink), rng), rng.uniform(-PEN, PEN, (len(ink), 1, 1)).astype(np.float32)
    return _to_glyphs(_with_pen(_transformed(ink, changes, room_px=np.maximum(pens, 0)), pens))


def _changes(count: int, rng: np.random.Generator) -> Doubles:
    """(count, 2, 2) random changes of x and y."""
    angles = np.radians(rng.uniform(-ANGLE_DEGREES, ANGLE_DEGREES, count))
    stretches = np.exp(rng.uniform(-STRETCH, STRETCH, count))
    turns, slants = (np.tile(np.eye(2), (count, 1, 1)) for _ in range(2))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angles)
    turns[:, 1, 0] = np.sin(angles)
    turns[:, 0, 1] = -turns[:, 1, 0]
    slants[:, 0, 1] = rng.uniform(-SLANT, SLANT, count)
    slants[:, :, 0] *= stretches[:, None]
    slants[:, :, 1] /= stretches[:, None]
    changes: Doubles = turns @ slants
    return changes


def _transformed(ink: Floats, changes: Doubles, room_px: Floats) -> Floats:
    """Change the ink about its centre of mass, and scale and place it as glyphs are; leave room for a wider pen."""
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float64)
    places = np.stack([columns.ravel(), rows.ravel()])  # (2, 784) x, y
    levels = ink.reshape(len(ink), -1)
    centres = (levels @ places.T / np.maximum(levels.sum(axis=1, keepdims=True), 1))[:, :, None]
    moved = changes @ (places - centres)
    inked = (levels >= BOX_LEVEL * levels.max(axis=1, keepdims=True))[:, None]
    least, most = np.where(inked, moved, np.inf).min(axis=2), np.where(inked, moved, -np.inf).max(axis=2)
    scales = (BOX_SIDE - 2 * room_px[:, 0]) / ((most - least).max(axis=1, keepdims=True) + 1)
    targets = np.clip(MNIST_CENTRE, -least * scales, SIDE_PX - 1 - most * scales)[:, :, None]
    back = np.linalg.inv(changes * scales[:, :, None])
    return _interpolated(ink, back @ (places - targets) + centres)


def _interpolated(ink: Floats, places: Doubles) -> Floats:
    """Levels at (N, 2, 784) places x, y, between pixels by bilinear interpolation: (N, 28, 28)."""
    side = SIDE_PX + 3
    padded = np.pad(ink, ((0, 0), (1, 2), (1, 2))).reshape(-1)
    x, y = np.clip(places + 1, 0, SIDE_PX + 1).transpose(1, 0, 2)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right_share, lower_share = (x - left).astype(np.float32), (y - top).astype(np.float32)
    first = (np.arange(len(ink))[:, None] * side + top) * side + left
    upper = padded[first] * (1 - right_share) + padded[first + 1] * right_share
    lower = padded[first + side] * (1 - right_share) + padded[first + side + 1] * right_share
    found: Floats = (upper * (1 - lower_share) + lower * lower_share).reshape(ink.shape)
    return found


def _with_pen(ink: Floats, pens: Floats) -> Floats:
    """Widen the strokes where `pens` is above 0, and narrow them where it is below: (N, 1, 1), -1 to 1."""
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    sides = [padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]]
    wide, narrow = ink.copy(), ink.copy()
    for side in sides:
        np.maximum(wide, side, out=wide)
        np.minimum(narrow, side, out=narrow)
    drawn: Floats = ink + np.where(pens > 0, pens * (wide - ink), -pens * (narrow - ink))
    return drawn


def _to_glyphs(ink: Floats) -> Bytes:
    """Stretch the levels so that the strongest pixel is 255, as in MNIST."""
    strongest = np.maximum(ink.max(axis=(1, 2), keepdims=True), 1)
    glyphs: Bytes = np.rint(ink * (255 / strongest)).astype(np.uint8)
    return glyphs
