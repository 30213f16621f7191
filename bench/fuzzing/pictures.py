"""Small valid pictures of every format and mode, to be damaged."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("1", "L", "P"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}
# Small pictures are faster and break as easily.  From 64 px on, photographs are searched for ruled lines.
SIZES = (*[(28, 28)] * 6, *[(8, 8)] * 4, *[(40, 30)] * 6, *[(9, 120)] * 2, *[(300, 8)] * 2, (70, 66), (140, 140))
SCENES = ("seven", "number", "blank", "noise", "paper", "dots")


def scene(name: str, width: int, height: int) -> Bytes:
    """(height, width) grey levels: a drawing, a photograph, or noise."""
    chance = np.random.default_rng(width * 1000 + height)
    if name == "noise":
        return chance.integers(0, 256, (height, width)).astype(np.uint8)
    if name == "dots":
        return ((chance.random((height, width)) < 0.1) * 255).astype(np.uint8)
    drawing = Image.new("L", (width, height), 0)
    if name != "blank":
        _draw(ImageDraw.Draw(drawing), width, height, 2 if name == "number" else 1)
    if name != "paper":
        return np.asarray(drawing)
    light = np.linspace(120, 220, width)[None] * np.linspace(1, 0.8, height)[:, None]
    grain = chance.normal(0, 3, (height, width))
    return np.asarray(np.clip(light * (1 - np.asarray(drawing) / 400) + grain, 0, 255), np.uint8)


def _draw(pen: ImageDraw.ImageDraw, width: int, height: int, digits: int) -> None:
    """Draw sevens side by side."""
    step, stroke = width / digits, max(1, min(width, height) // 12)
    for digit in range(digits):
        left, right = (digit + 0.2) * step, (digit + 0.8) * step
        top, bottom = 0.15 * height, 0.85 * height
        pen.line([(left, top), (right, top), ((left + right) / 2, bottom)], fill=255, width=stroke)


def encode(levels: Bytes, kind: str, mode: str) -> bytes:
    """Encode grey levels as a file of this format and mode."""
    plain = Image.fromarray(levels)
    image = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else plain.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(255 - levels // 2))
    buffer = io.BytesIO()
    if kind == "WEBP":
        image.save(buffer, kind, lossless=levels.shape[0] % 2 == 0)
    elif kind == "JPEG":
        image.save(buffer, kind, progressive=levels.shape[0] % 2 == 0)
    else:
        image.save(buffer, kind)
    return buffer.getvalue()


@lru_cache(maxsize=4096)
def seed(kind: str, mode: str, scene_name: str, size: tuple[int, int]) -> bytes:
    """One valid picture."""
    return encode(scene(scene_name, *size), kind, mode)
