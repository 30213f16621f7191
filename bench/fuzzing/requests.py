"""Nearly valid requests: JSON bodies and files of glyphs for every route that reads.

A request is bytes, so that it can be kept as a file: a line with its path and media type, then the body.
"""

from __future__ import annotations

import base64
import copy
import gzip
import io
import json
import random
import struct
from typing import Any

import numpy as np

from .damage import ANYWHERE, input_of

GLYPH = [0] * 200 + [255] * 184 + [0] * 400
ROWS = [GLYPH[start : start + 28] for start in range(0, 784, 28)]
TENSOR = {"name": "glyphs", "datatype": "UINT8", "shape": [1, 28, 28], "data": GLYPH, "parameters": {}}
FIELDS = [
    {"name": "day", "box": [0, 0, 40, 30], "length": 2, "allowed": "0123456789"},
    {"name": "sum", "box": [-5, 10, 300, 200], "pattern": "ddd.dd"},
]
# Path -> bodies that it accepts; IMAGE stands for a picture in base64.
IMAGE = "IMAGE"
BODIES: tuple[tuple[str, Any], ...] = (
    ("/predict", {"image": IMAGE}),
    ("/predict", {"image": IMAGE, "mode": "digit", "version": 0, "ambiguous_below": 0.5, "not_a_digit_above": 1}),
    ("/predict", {"image": IMAGE, "mode": "number", "strokes": [[[10, 10.5], [12, 40]], [[30, 8], [30, 50]]]}),
    ("/predict", {"image": IMAGE, "mode": "number", "pattern": "dd/dd/dd", "allowed": "0123"}),
    ("/predict?length=3", {"image": IMAGE, "mode": "number", "length": 5}),
    ("/predict", {"image": IMAGE, "fields": FIELDS, "version": 0}),
    ("/api/predict/batch", {"glyphs": [GLYPH, ROWS], "version": "production"}),
    ("/api/predict/batch?probabilities=1&warnings=1", {"images": [IMAGE, IMAGE], "ambiguous_below": 0.9}),
    ("/api/explore/explain", {"image": IMAGE, "version": "0"}),
    ("/v2/models/mnist/infer", {"id": "7", "inputs": [TENSOR], "outputs": [{"name": "prediction", "parameters": {}}]}),
    ("/v2/models/mnist/infer", {"inputs": [{**TENSOR, "data": [ROWS]}], "parameters": {"binary_data_output": True}}),
    ("/v2/repository/index", {"ready": True}),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 255, 256, 0.5, -0.0, 1e-300, 1e300, 2**31, 2**63, 2**64, 10**40),
    *(float("nan"), float("inf"), "", "0", "production", "number", "\0", "\ud800", "é" * 50, "x" * 5000),
    *([], {}, [[]], [[[]]], [[1, 2]], [{}], {"": {}}, {"image": "x"}, [0] * 784, [[0] * 28] * 28, ["x"] * 1200),
)


def request_of(chance: random.Random) -> bytes:
    """A request, usually with one or two damages."""
    return glyph_file(chance) if chance.random() < 0.25 else json_body(chance)


def json_body(chance: random.Random) -> bytes:
    """A body with odd values, and sometimes with damaged text."""
    path, template = chance.choice(BODIES)
    body = _with_images(chance, copy.deepcopy(template))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        body = _changed(chance, body)
    text = json.dumps(body).encode()
    if chance.random() < 0.1:
        text = text.replace(b"[", b"[" * chance.choice((2, 100, 5000)), 1)
    if chance.random() < 0.1:  # the same key again
        text = text.replace(b"{", b'{"image": 7, "version": [], ', 1)
    return _as_request(path, "application/json", _damaged(chance, text))


def _with_images(chance: random.Random, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_images(chance, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_images(chance, each) for each in value]
    return base64.b64encode(input_of(chance)).decode() if value == IMAGE else value


def _changed(chance: random.Random, value: Any) -> Any:
    """Change, remove or repeat one value somewhere inside."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(sorted(value))
        action = chance.random()
        if action < 0.1:
            return {key: each for key, each in value.items() if key != name}
        if action < 0.2:
            return {**value, chance.choice(("other", "image", "glyphs", "images", "", "\0")): chance.choice(ODD)}
        return {**value, name: _changed(chance, value[name])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        if chance.random() < 0.2:
            return value[:at] + value[at:] * chance.choice((0, 2))
        return [*value[:at], _changed(chance, value[at]), *value[at + 1 :]]
    return chance.choice(ODD)


def glyph_file(chance: random.Random) -> bytes:
    """A .npy or IDX file, plain or gzipped, of any shape and type."""
    shape = chance.choice(((3, 28, 28), (3, 784), (28, 28), (0, 28, 28), (2, 28, 28, 1), (2, 1, 28, 28), (28,), ()))
    array = np.zeros(shape, chance.choice(("u1", "u1", "u1", "f4", "i8", "?", "S3")))
    if chance.random() < 0.3:
        array = np.asfortranarray(array)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, chance.choice(((1, 0), (2, 0))))
    data = file.getvalue()
    if chance.random() < 0.3:
        data = struct.pack(">4I", chance.choice((0x803, 0x801, 0x80D03)), 3, 28, 28) + bytes(3 * 784)
    if chance.random() < 0.4:
        odd = (b"(-1, 28, 28)", b"(9**99, 28)", b"(99999999999, 28, 28)", b"'|O'", b"{}", b"[" * 3000, b"L")
        data = data.replace(chance.choice((b"(3, 28, 28)", b"'|u1'", b"shape", b"3")), chance.choice(odd), 1)
    data = _damaged(chance, data)
    if chance.random() < 0.3:
        data = _damaged(chance, gzip.compress(data, 1, mtime=0))
    media = chance.choice(("application/octet-stream", "application/x-npy", "application/json"))
    return _as_request("/api/predict/batch", media, data)


def _damaged(chance: random.Random, data: bytes) -> bytes:
    return chance.choice(ANYWHERE)(chance, data) if chance.random() < 0.3 else data


def _as_request(path: str, media: str, body: bytes) -> bytes:
    return f"{path} {media}\n".encode() + body
