"""The fuzzed path, bytes -> pixels -> glyph -> reading, and the checks of its answers.

Only MnistError is an allowed error, and a reading must satisfy records.py.  A violation raises AssertionError; any
other error is a bug too.
"""

from __future__ import annotations

import base64
import json
import math
import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.records import Box, NumberReading, NumberVerdict, Reading, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.recognition.imaging import decode
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION

MAX_PIXELS = 4_000_000
# Allowed statuses for an invalid request; 404 for an unknown version.
REFUSALS = (400, 404, 413)

LONGEST_MESSAGE = 400
UNREAD = (NumberVerdict.BLANK, NumberVerdict.NOT_A_NUMBER)


class Pictures:
    """Reads files as the command line does; `check` returns the outcome of one."""

    def __init__(self) -> None:
        self._recogniser = Recogniser.open(PRETRAINED_DIR)

    def check(self, data: bytes, *, as_number: bool = False) -> str:
        """The verdict or the error code.  Raises AssertionError, and any error that is a bug."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", module=r"PIL\.")
            try:
                pixels, scale = decode.decode_with_scale(data, max_pixels=MAX_PIXELS)
            except MnistError as error:
                return error.code
            check_pixels(pixels, scale)
            if as_number:
                number = self._recogniser.read_number(pixels)
                check_number(number, pixels)
                return f"number: {number.verdict.value}"
            prepared = prepare(pixels)
            reading = self._recogniser.read_prepared(prepared)
            check_reading(reading, prepared)
            return reading.verdict.value


def check_pixels(pixels: Bytes, scale: float) -> None:
    """Check the promises of decode."""
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (2, 3, 4)), pixels.shape
    assert min(pixels.shape[:2]) >= 1
    assert max(pixels.shape[:2]) <= decode.WORKING_SIDE_PX, pixels.shape
    assert scale >= 1


def check_reading(reading: Reading, prepared: Prepared | None = None) -> None:
    """Check the promises of records.Reading."""
    _check_probabilities(reading)
    best = int(np.argmax(reading.probabilities))
    unread = reading.verdict in (Verdict.BLANK, Verdict.NOT_A_DIGIT)
    assert reading.prediction == (None if unread else best), reading
    assert len(reading.candidates) in ((1, 2) if reading.verdict is Verdict.AMBIGUOUS else (0,)), reading
    assert not reading.candidates or reading.candidates[0] == best
    if prepared is None:
        return
    assert (reading.verdict is Verdict.BLANK) == (prepared.glyph is None)
    if prepared.glyph is not None:
        assert prepared.glyph.shape == (28, 28)
        assert prepared.glyph.dtype == np.uint8
        assert prepared.glyph.any()


def _check_probabilities(reading: Reading) -> None:
    assert len(reading.probabilities) == 10
    assert all(math.isfinite(p) and 0 <= p <= 1 for p in reading.probabilities), reading
    assert abs(sum(reading.probabilities) - 1) < 1e-5, reading
    assert 0 <= reading.not_a_digit <= 1
    if reading.verdict is Verdict.BLANK:
        assert reading.confidence == 0
    else:
        assert reading.confidence == max(reading.probabilities)


def check_number(number: NumberReading, pixels: Bytes) -> None:
    """Check the promises of records.NumberReading."""
    assert math.isfinite(number.confidence)
    assert 0 <= number.confidence <= 1 + 1e-9, number.confidence
    assert (number.number is None) == (number.verdict in UNREAD), number
    if number.number is not None:
        assert len(number.number.replace("\n", "")) == len(number.digits) > 0, number
    for digit in number.digits:
        check_reading(digit.reading)
    parts = (number.digits, number.lines, number.cells, number.marks)
    for box in (part.box for several in parts for part in several):
        _check_box(box, pixels)
    shares = [
        *(line.confidence for line in number.lines),
        *(cell.confidence for cell in number.cells),
        *(mark.confidence for mark in number.marks),
        *(candidate.probability for candidate in number.candidates),
    ]
    assert all(math.isfinite(share) and 0 <= share <= 1 + 1e-6 for share in shares), number
    likely = [candidate.probability for candidate in number.candidates]
    assert likely == sorted(likely, reverse=True), number.candidates
    assert all((cell.number is None) == (cell.verdict in UNREAD) for cell in number.cells), number.cells


def _check_box(box: Box, pixels: Bytes) -> None:
    """Check that a box has an area and lies inside the picture."""
    x, y, w, h = box
    assert w > 0 < h
    assert 0 <= x <= x + w <= pixels.shape[1], (box, pixels.shape)
    assert 0 <= y <= y + h <= pixels.shape[0], (box, pixels.shape)


class Bodies:
    """Sends requests to the application, without a server; `check` returns the status and the answer."""

    def __init__(self, home: Path) -> None:
        self._app = create_app(Settings(home=home))

    def close(self) -> None:
        """Close the database."""
        self._app.extensions[EXTENSION].close()

    def check_request(self, request: bytes) -> str:
        """Post a request of `requests.py`; returns the route, the status and the code.  Raises AssertionError."""
        head, _, body = request.partition(b"\n")
        address, media = head.decode().split(" ")
        path, _, query = address.partition("?")
        status, reply = self._post(body, media, query, path)
        if status == 200:
            return f"{path} 200"
        error = json.loads(reply)["error"]
        message = error if path.startswith("/v2") else error["message"]
        assert status in REFUSALS, (status, error)
        assert 0 < len(message) < LONGEST_MESSAGE, message
        return f"{path} {status}" + ("" if message is error else f" {error['code']}")

    def check(self, body: bytes, content_type: str, query: str = "") -> str:
        """Post a body to /predict; returns the status and the verdict or code.  Raises AssertionError."""
        status, reply = self._post(body, content_type, query)
        answer: dict[str, Any] = json.loads(reply)
        if status == 200:
            assert {"verdict", "confidence", "elapsed_ms"} <= set(answer), answer
            return f"200 {answer['verdict']}"
        assert status in REFUSALS, (status, answer)
        error = answer["error"]
        assert set(error) == {"code", "message", "field"}
        assert error["message"]
        assert "Traceback" not in error["message"]
        return f"{status} {error['code']}"

    def _post(self, body: bytes, content_type: str, query: str, path: str = "/predict") -> tuple[int, bytes]:
        said: list[int] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            said.append(int(status.split()[0]))
            return lambda data: None

        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "5000",
            "HTTP_HOST": "127.0.0.1:5000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        reply: Iterable[bytes] = self._app(environ, start_response)
        try:
            data = b"".join(reply)
        finally:
            getattr(reply, "close", lambda: None)()
        return said[0], data


def as_json(picture: bytes) -> bytes:
    """A request body of the page."""
    return json.dumps({"image": "data:image/png;base64," + base64.b64encode(picture).decode()}).encode()
