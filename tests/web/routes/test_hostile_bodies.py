"""No body of ten megabytes keeps a process busy, or takes much of its memory."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pytest
from flask import Flask

from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION
from tests.pace import processor_seconds

LARGEST = 10_000_000
# Of a quiet processor, so that it does not matter what else the machine does.
MOST_CPU_S = 0.5
MOST_GROWTH = 150_000_000

BATCH, INFER = "/api/predict/batch", "/v2/models/mnist/infer"


def filled(start: bytes, part: bytes, end: bytes, separator: bytes = b",") -> bytes:
    """As often `part` as ten megabytes hold."""
    count = (LARGEST - len(start) - len(end)) // len(part + separator)
    return start + separator.join([part] * count) + end


def many_keys() -> bytes:
    return b"{" + b",".join(b'"k%06d":1' % number for number in range(800_000)) + b"}"


def no_picture() -> bytes:
    return base64.b64encode(os.urandom(7_400_000))


def spaced_base64() -> bytes:
    return filled(b'{"image":"', b"QUJD", b'"}', rb"\n")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for all bodies: none of them changes anything."""
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")))
    app.testing = False  # errors must be answered, not raised
    yield app
    app.extensions[EXTENSION].close()


TENSOR = b'{"inputs":[{"name":"glyphs","datatype":"UINT8","shape":[1,28,28],"data":['


HOSTILE: list[tuple[str, str, Callable[[], bytes], int, str | None]] = [
    ("a million points", "/predict", lambda: filled(b'{"image":"x","strokes":[[', b"[10,11]", b"]]}"), 400, "strokes"),
    ("three million strokes", "/predict", lambda: filled(b'{"image":"x","strokes":[', b"[]", b"]}"), 400, "strokes"),
    ("flat strokes", "/predict", lambda: filled(b'{"image":"x","strokes":[[[', b"1", b"]]]}"), 400, "strokes"),
    ("strokes of numbers", "/predict", lambda: filled(b'{"image":"x","strokes":[', b"1", b"]}"), 400, "strokes"),
    ("brackets alone", "/predict", lambda: b"[" * LARGEST, 400, None),
    ("depth within", "/predict", lambda: b'{"x":' + b"[" * (LARGEST - 5), 400, None),
    ("deep strokes", "/predict", lambda: b'{"image":"x","strokes":' + b"[" * (LARGEST - 23), 400, None),
    ("fields without end", "/predict", lambda: filled(
        b'{"image":"x","fields":[', b'{"name":"a","box":[0,0,9,9]}', b"]}"), 400, "fields"),
    ("a field with a long name", "/predict", lambda: b'{"image":"x","fields":[{"box":[0,0,9,9],"name":"'
        + b"x" * (LARGEST - 60) + b'"}]}', 400, "fields"),
    ("a long pattern", "/predict", lambda: b'{"image":"x","mode":"number","pattern":"'
        + b"d" * (LARGEST - 60) + b'"}', 400, "pattern"),
    ("a huge number", "/predict", lambda: b'{"version":' + b"9" * (LARGEST - 12) + b"}", 400, "version"),
    ("a huge number aside", "/predict", lambda: b'{"x":' + b"9" * (LARGEST - 6) + b"}", 400, "image"),
    ("a huge text", "/predict", lambda: b'{"image":"' + b"!" * (LARGEST - 12) + b'"}', 400, "image"),
    ("a huge mode", "/predict", lambda: b'{"image":"x","mode":"' + b"m" * (LARGEST - 23) + b'"}', 400, "mode"),
    ("a huge version", "/predict", lambda: b'{"image":"QUJD","version":"' + b"1" * 9_000_000 + b'"}', 400, "image"),
    ("escapes", "/predict", lambda: filled(b'{"image":"', rb"\u0041", b'"}', b""), 400, "image"),
    ("a million keys", "/predict", many_keys, 400, "image"),
    ("the same key again", "/predict", lambda: filled(b"{", b'"image":"x"', b"}"), 400, "image"),
    ("the same strokes again", "/predict", lambda: filled(b'{"image":"x",', b'"strokes":[[]]', b"}"), 400, "strokes"),
    ("numbers aside", "/predict", lambda: filled(b'{"x":[', b"1", b"]}"), 400, "image"),
    ("spaces", "/predict", lambda: b" " * LARGEST, 400, None),
    ("base64 of no picture", "/predict", lambda: b'{"image":"' + no_picture() + b'"}', 400, "image"),
    ("base64 between spaces", "/predict", spaced_base64, 400, "image"),
    ("empty glyphs", BATCH, lambda: filled(b'{"glyphs":[', b"[]", b"]}"), 400, "glyphs"),
    ("one glyph of numbers", BATCH, lambda: filled(b'{"glyphs":[[', b"1", b"]]}"), 400, "glyphs"),
    ("zeros in rows", BATCH, lambda: filled(b'{"glyphs":[[', b"[%s0]" % (b"0," * 27), b"]]}"), 400, "glyphs"),
    ("no list of glyphs", BATCH, lambda: filled(b'{"glyphs":[', b"1", b"]}"), 400, "glyphs"),
    ("rows of one number", BATCH, lambda: filled(b'{"glyphs":[[', b"[1]", b"]]}"), 400, "glyphs"),
    ("glyphs of fractions", BATCH, lambda: filled(b'{"glyphs":[[', b"0.5", b"]]}"), 400, "glyphs"),
    ("empty pictures", BATCH, lambda: filled(b'{"images":[', b'""', b"]}"), 400, "images"),
    ("numbers for pictures", BATCH, lambda: filled(b'{"images":[', b"1", b"]}"), 400, "images"),
    ("a picture that is none", BATCH, lambda: b'{"images":["' + no_picture() + b'"]}', 400, "images[0]"),
    ("both, many times", BATCH, lambda: filled(b"{", b'"glyphs":[],"images":[]', b"}"), 400, None),
    ("too many pixels", INFER, lambda: filled(TENSOR, b"1", b"]}]}"), 400, None),
    ("empty rows", INFER, lambda: filled(TENSOR, b"[]", b"]}]}"), 400, None),
    ("outputs without end", INFER, lambda: filled(b'{"inputs":[],"outputs":[', b'{"name":"a"}', b"]}"), 400, None),
    ("tensors without end", INFER, lambda: filled(
        b'{"inputs":[', b'{"name":"a","datatype":"","shape":[]}', b"]}"), 400, None),
    ("a shape without end", INFER, lambda: filled(
        b'{"inputs":[{"name":"glyphs","datatype":"UINT8","shape":[', b"1", b"]}]}"), 400, None),
    ("settings without end", "/retrain", many_keys, 400, "k000000"),
    ("one setting again", "/retrain", lambda: filled(b"{", b'"epochs":0', b"}"), 400, "epochs"),
    ("a long setting", "/retrain", lambda: b'{"device":"' + b"x" * (LARGEST - 13) + b'"}', 400, "device"),
    ("a setting of lists", "/api/runs", lambda: filled(b'{"seed":[', b"[]", b"]}"), 400, "seed"),
    ("a long reason", "/api/models/rollback", lambda: b'{"reason":"' + b"x" * (LARGEST - 13) + b'"}', 400, "reason"),
]  # fmt: skip


def post(app: Flask, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    said: list[int] = []
    environ = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "5000", "HTTP_HOST": "127.0.0.1:5000",
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body), "wsgi.errors": BytesIO(), "wsgi.version": (1, 0),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    reply = app(environ, lambda status, headers, exc_info=None: said.append(int(status[:3])) or (lambda data: None))
    try:
        return said[0], json.loads(b"".join(reply))
    finally:
        getattr(reply, "close", lambda: None)()


@pytest.mark.parametrize(("path", "make", "status", "field"), [
    pytest.param(*rest, id=name) for name, *rest in HOSTILE
])  # fmt: skip
def test_no_body_of_ten_megabytes_costs_much_time_or_memory(
    app: Flask, path: str, make: Callable[[], bytes], status: int, field: str | None
):
    body = make()
    assert LARGEST * 0.7 < len(body) <= LARGEST
    tracemalloc.start()
    try:
        post(app, path, body)
        growth = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (found, answer), spent_s = processor_seconds(lambda: post(app, path, body))
    assert (found, spent_s < MOST_CPU_S, growth < MOST_GROWTH) == (status, True, True), (spent_s, growth)
    error = answer["error"]
    if path == INFER:
        assert len(str(error)) < 300
    else:
        assert isinstance(error, dict)
        assert (error["field"], len(error["message"]) < 300) == (field, True), error


def over_each_other(shape: str) -> tuple[np.ndarray, list[list[list[float]]]]:
    """A picture, and strokes within the limits that all lie on the same ink."""
    pixels = np.full((1024, 1024), 255, np.uint8)
    if shape == "bar":
        pixels[100:900, 100:120] = 0
        return pixels, [[[110 + each % 3, 100 + 20 * at] for at in range(41)] for each in range(450)]
    pixels[100:900, 100:900] = 0
    return pixels, [[[100 + 8 * at, 900 if at % 2 else 100] for at in range(100)] for _ in range(200)]


@pytest.mark.parametrize("shape", ["bar", "block"])
def test_strokes_that_all_lie_on_the_same_ink_do_not_keep_a_process_busy(app: Flask, shape: str):
    """Each group of them is as large as the picture: 16 and 38 s."""
    pixels, strokes = over_each_other(shape)
    image = base64.b64encode(encode_png(pixels)).decode()
    body = json.dumps({"image": image, "mode": "number", "strokes": strokes}).encode()
    (status, answer), spent_s = processor_seconds(lambda: post(app, "/predict", body))
    assert spent_s < 5 * MOST_CPU_S
    assert status == 200, answer


def test_strokes_far_outside_of_the_picture_do_not_keep_a_process_busy(app: Flask):
    pixels, _ = over_each_other("bar")
    far = np.random.default_rng(0).integers(-100_000, 100_000, (20, 1000, 2)).tolist()
    image = base64.b64encode(encode_png(pixels)).decode()
    body = json.dumps({"image": image, "mode": "number", "strokes": far}).encode()
    (status, answer), spent_s = processor_seconds(lambda: post(app, "/predict", body))
    assert spent_s < 2 * MOST_CPU_S
    assert (status, answer["number"]) == (200, "1")
