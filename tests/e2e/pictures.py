"""Pictures of pages for people to look at: taken only where MNIST_SCREENSHOTS names a folder for them."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image
from visitor import Visitor

VARIABLE = "MNIST_SCREENSHOTS"
# Bars still grow, dialogs still fade in.
SETTLE_MS = 400
# Letters stay sharp, and the file is an eighth of one without loss.
ANIMATION_QUALITY = 80


def folder() -> Path | None:
    """Where pictures are to go, if they are wanted."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None


def keep(visitor: Visitor, name: str, *, full_page: bool = True) -> None:
    """Take a picture of the page, if pictures are wanted."""
    where = folder()
    if where is None:
        return
    visitor.page.wait_for_timeout(SETTLE_MS)
    where.mkdir(parents=True, exist_ok=True)
    (where / f"{name}.webp").write_bytes(small(visitor.page.screenshot(full_page=full_page)))


def keep_animation(frames: list[bytes], durations_ms: list[int], name: str) -> None:
    """Join screenshots into an animation that repeats for ever, if pictures are wanted."""
    where = folder()
    if where is None:
        return
    first, *rest = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    where.mkdir(parents=True, exist_ok=True)
    first.save(
        where / f"{name}.webp", save_all=True, append_images=rest, duration=durations_ms, loop=0,
        quality=ANIMATION_QUALITY, method=6, minimize_size=True,
    )  # fmt: skip


def small(png: bytes) -> bytes:
    """The same picture as WebP: without loss, or with little where many photographs of digits make that smaller."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    tries = []
    for options in ({"lossless": True, "quality": 100}, {"quality": 85}):
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", method=6, **options)
        tries.append(buffer.getvalue())
    return min(tries, key=len)
