"""Bodies of requests: MNIST test digits as drawings of the page, and in other formats.

A digit is enlarged ten times (bicubic) to a canvas of 280x280, black around a box of 200 px.  Its edges are sharpened
like those of a pen, because soft edges make a PNG three times as large.  It is written as a grey PNG, and as RGBA with
filter Up in every row, as Chromium's canvas does.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.data.mnist import Images

CANVAS_PX = 280
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FILTER_UP = 2
# Makes an edge of ten pixels one or two pixels wide.
CRISPNESS = 8


def test_images(count: int) -> Images:
    """Images spread evenly over the test set."""
    test = mnist.load(Settings.from_environment().data_dirs(), mnist.TEST)
    rows = np.linspace(0, len(test.labels) - 1, count).astype(int)
    return Images(test.images[rows], test.labels[rows])


def soft_canvas(image: Bytes) -> Bytes:
    """(28, 28) -> (280, 280), white ink on black, with soft edges."""
    enlarged = Image.fromarray(image).resize((CANVAS_PX, CANVAS_PX), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)


def canvas(image: Bytes) -> Bytes:
    """(28, 28) -> (280, 280), white ink on black, with crisp edges."""
    levels = (soft_canvas(image).astype(np.int32) - 128) * CRISPNESS + 128
    return levels.clip(0, 255).astype(np.uint8)


def grey_png(image: Bytes) -> bytes:
    """A canvas in one channel."""
    return _png(canvas(image))


def soft_png(image: Bytes) -> bytes:
    """A canvas in one channel that takes longer to unpack than any drawing."""
    return _png(soft_canvas(image))


def _png(pixels: Bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def rgba_png(image: Bytes) -> bytes:
    """A canvas as a browser writes it: four channels, opaque, every row with filter Up."""
    grey = canvas(image)
    rgba = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    rows = rgba.reshape(CANVAS_PX, -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((CANVAS_PX, 1), FILTER_UP, np.uint8), rows - above])
    header = struct.pack(">IIBBBBB", CANVAS_PX, CANVAS_PX, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def as_json(png: bytes) -> bytes:
    """The body of POST /predict."""
    return json.dumps({"image": base64.b64encode(png).decode()}).encode()


def as_npy(images: Bytes) -> bytes:
    """(N, 28, 28) as a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, images)
    return buffer.getvalue()


def as_idx(images: Bytes) -> bytes:
    """(N, 28, 28) as MNIST's own format."""
    return struct.pack(">HBBIII", 0, 8, 3, *images.shape) + images.tobytes()


def as_lists(images: Bytes) -> bytes:
    """(N, 28, 28) as JSON: a list of 784 numbers each."""
    return json.dumps({"glyphs": images.reshape(len(images), -1).tolist()}).encode()


def write_bodies(folder: Path, bodies: Iterable[bytes]) -> Path:
    """Write bodies for the load generator, as files 1, 2, ..."""
    folder.mkdir(parents=True)
    for number, body in enumerate(bodies, start=1):
        (folder / str(number)).write_bytes(body)
    return folder
