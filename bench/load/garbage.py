"""Hostile bodies: pictures, strokes and archives that were made to cost memory or time.

Each is small to send and must be refused with a status from 400 to 499.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper
from PIL import Image

from load.pictures import as_json
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, REPORT_FILE, WEIGHTS_FILE, read_manifest

PREDICT, IMPORT = "/predict", "/api/models/import"
JSON, ZIP = "application/json", "application/zip"
# Unpacked size of a small archive.
BOMB_MB = 300
# Each Concat doubles its input: 28 x 28 becomes 822 MB.
DOUBLINGS = 20
# A border of this many pixels turns 28 x 28 into 2.3 GB.
BORDER_PX = 12_000
IMPOSSIBLE_DATES = ("0001-01-01T00:00:00+14:00", "0001-01-01", "9999-12-31T23:59:59-14:00", "yesterday", 5)


@dataclass(frozen=True)
class Hostile:
    """A request that must be refused."""

    name: str
    path: str
    body: bytes
    content_type: str = JSON


def hostile_requests(png: bytes) -> Iterator[Hostile]:
    """All hostile requests.  png: a valid picture."""
    for name, strokes in (("a million points", million_points()), ("millions of empty strokes", empty_strokes())):
        yield Hostile(name, PREDICT, with_strokes(png, strokes))
    for kind, make in PICTURE_BOMBS.items():
        yield Hostile(f"{kind} of a billion pixels", PREDICT, as_json(make()))
    for name, method in (("deflate", zipfile.ZIP_DEFLATED), ("LZMA", zipfile.ZIP_LZMA), ("bzip2", zipfile.ZIP_BZIP2)):
        yield Hostile(f"archive that lies about its size, {name}", IMPORT, lying_archive(method), ZIP)
    for name, network in (("Concat", concat_bomb()), ("Conv", conv_bomb())):
        yield Hostile(f"network that swells by {name}", IMPORT, archive({ONNX_FILE: network}), ZIP)
    for date in IMPOSSIBLE_DATES:
        yield Hostile(f"archive made at {date}", IMPORT, archive({}, created_at=date), ZIP)
    for field in ("temperature", "onnx_parity"):
        yield Hostile(f"archive with a huge {field}", IMPORT, archive({}, **{field: 10**400}), ZIP)


def million_points() -> str:
    """One stroke of a million points, as JSON."""
    return "[[" + ",".join(["[1,2]"] * 1_000_000) + "]]"


def empty_strokes() -> str:
    """A body full of empty strokes."""
    return "[" + ",".join(["[]"] * 3_300_000) + "]"


def with_strokes(png: bytes, strokes: str) -> bytes:
    """A request to read a number, with strokes."""
    image = base64.b64encode(png).decode()
    return f'{{"image": "{image}", "mode": "number", "strokes": {strokes}}}'.encode()


def swollen(kind: str, find: Callable[[bytes], int], size: bytes, **options: Any) -> bytes:
    """A small picture whose header claims another size; find: finds the size in the file."""
    buffer = io.BytesIO()
    Image.new("L", (16, 16), 255).save(buffer, kind, **options)
    data = buffer.getvalue()
    at = find(data)
    return data[:at] + size + data[at + len(size) :]


def png_bomb() -> bytes:
    """A valid PNG of a billion white pixels."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(b"\0" + b"\xff" * 4000) for _ in range(32_000)) + rows.flush()
    header = struct.pack(">IIBBBBB", 32_000, 32_000, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


# The others only claim their size; Pillow would reserve memory for it.
PICTURE_BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG": png_bomb,
    "JPEG": lambda: swollen("JPEG", lambda data: data.index(b"\xff\xc0") + 5, struct.pack(">HH", 32_000, 32_000)),
    "GIF": lambda: swollen("GIF", lambda data: 6, struct.pack("<HH", 32_000, 32_000)),
    "BMP": lambda: swollen("BMP", lambda data: 18, struct.pack("<ii", 32_000, 32_000)),
    # Width and height minus one, in 14 bits each.
    "WebP": lambda: swollen("WEBP", lambda data: data.index(b"VP8L") + 9, b"\xff\xff\xff\x0f", lossless=True),
}


def archive(changes: dict[str, bytes], **fields: Any) -> bytes:
    """The model in the box as an archive with correct hashes; changes: files to replace, fields: entries to replace."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files_of(changes, **fields).items():
            made.writestr(name, content)
    return buffer.getvalue()


def files_of(changes: dict[str, bytes], **fields: Any) -> dict[str, bytes]:
    """The files of the model in the box."""
    manifest = read_manifest(PRETRAINED_DIR)
    files = {name: (PRETRAINED_DIR / name).read_bytes() for name in manifest["files"] if name != REPORT_FILE} | changes
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in files.items()
    }
    return {MANIFEST_FILE: json.dumps({**manifest, **fields}).encode(), **files}


def lying_archive(method: int) -> bytes:
    """An archive whose directory says that its weights have a thousand bytes; they unpack to 300 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in files_of({}).items():
            if name != WEIGHTS_FILE:
                made.writestr(name, content)
        entry = zipfile.ZipInfo(WEIGHTS_FILE)
        entry.compress_type = method
        with made.open(entry, "w") as weights:
            for _ in range(BOMB_MB):
                weights.write(bytes(1_000_000))
        entry.file_size = 1000  # the directory is written when the archive is closed
    return buffer.getvalue()


def concat_bomb() -> bytes:
    """The network in the box behind nodes that each double their input."""
    model = onnx.load(PRETRAINED_DIR / ONNX_FILE)
    name = model.graph.input[0].name
    nodes = [
        helper.make_node("Concat", [tensor, tensor], [f"doubled{number + 1}"], axis=0)
        for number, tensor in enumerate([name, *(f"doubled{number}" for number in range(1, DOUBLINGS))])
    ]
    for node in model.graph.node:
        node.input[:] = [f"doubled{DOUBLINGS}" if each == name else each for each in node.input]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return bytes(model.SerializeToString())


def conv_bomb() -> bytes:
    """The network in the box with a very wide border in its first convolution."""
    model = onnx.load(PRETRAINED_DIR / ONNX_FILE)
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    kept = [attribute for attribute in convolution.attribute if attribute.name != "pads"]
    del convolution.attribute[:]
    convolution.attribute.extend([*kept, helper.make_attribute("pads", [BORDER_PX] * 4)])
    return bytes(model.SerializeToString())
