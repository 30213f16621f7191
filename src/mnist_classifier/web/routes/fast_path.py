"""Answer the simplest requests without Flask.

Nearly every request is a `POST /predict` with one image and no options but
`glyph=1`.  Flask's routing, contexts and hooks cost as much as decoding the
image (docs/decisions.md has the numbers).  Flask answers all other requests,
and those that end in an error.
"""

from __future__ import annotations

import binascii
import io
import struct
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from flask import Flask

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.recognition.imaging.decode import PNG_START, decode_base64
from mnist_classifier.recognition.recogniser import AS_FITTED
from mnist_classifier.web.http.event_loop import IN_EVENT_LOOP, TakesLong
from mnist_classifier.web.http.root_path import below
from mnist_classifier.web.http.security import HEADERS, RESOURCE_POLICY
from mnist_classifier.web.routes.predict import read_digit
from mnist_classifier.web.services.served_model import ServedModel
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.wire.bodies import ImageAlone
from mnist_classifier.web.wire.glyphs import is_raw_glyph
from mnist_classifier.web.wire.question import Question
from mnist_classifier.web.wire.readings import timed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE = "/predict"
_reader = msgspec.json.Decoder(ImageAlone)
# The page sends this query, because it shows the glyph.
WITH_GLYPH = "glyph=1"

# A drawing of this size takes a third of a millisecond.  The worst case, a photograph, takes 45 ms of one core
# (noise, 320x320, on a Xeon with other load).
QUICK_PIXELS, QUICK_BODY_BYTES = 100_000, 65_536
# The first bytes of a PNG, up to its width and height; the same in base64; where they must begin in a JSON body.
PNG_SIZE = struct.Struct(">16xII")
PNG_START_BASE64 = b"iVBORw0KGgoAAAANSUhEU"
LONGEST_PRELUDE = 64


class FastPath:
    """A WSGI application that answers the simplest requests itself and passes on all others."""

    def __init__(self, app: Flask) -> None:
        self._app: WSGIApplication = app.wsgi_app
        self._services: Services = app.extensions[EXTENSION]
        self._headers = [("Content-Type", "application/json"), *HEADERS.items(), (RESOURCE_POLICY, "cross-origin")]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or pass on."""
        started = time.perf_counter()
        length = self._length(environ)
        if not length:
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(length)
        try:
            question = _question(environ.get("CONTENT_TYPE", ""), body)
            with_glyph = environ.get("QUERY_STRING") == WITH_GLYPH
            reply = read_digit(
                self._services,
                self._services.model.current,
                question,
                with_glyph=with_glyph,
                in_event_loop=IN_EVENT_LOOP in environ,
            )
            content = msgspec.json.encode(timed(reply, started))
        except TakesLong:
            raise
        except Exception:  # Flask answers the same request again, and says what is wrong with it
            if IN_EVENT_LOOP in environ:
                raise TakesLong from None
            environ["wsgi.input"] = io.BytesIO(body)
            return self._app(environ, start_response)
        self._services.observer.observe_request(ROUTE, 200, time.perf_counter() - started)
        start_response("200 OK", [*self._headers, ("Content-Length", str(len(content)))])
        return [content]

    def _length(self, environ: WSGIEnvironment) -> int:
        """Bytes of the body of a simple request; 0 for every other request."""
        if not _is_simple(environ):
            return 0
        text = environ.get("CONTENT_LENGTH") or ""
        length = int(text) if text.isdecimal() and len(text) < 12 else 0
        # A large body takes long anyway, and if it is wrong, Flask would parse it a second time.
        return length if length <= min(QUICK_BODY_BYTES, self._services.settings.max_body_bytes) else 0


def _question(content_type: str, body: bytes) -> Question:
    """A picture or a glyph without options.  Raises an exception for anything else."""
    is_glyph = is_raw_glyph(content_type, body)
    if not is_glyph and not content_type.startswith("image/"):
        if content_type != "application/json":
            raise InvalidInput("not JSON")
        body = decode_base64(_reader.decode(body).image)
    return Question(body, "digit", [], AS_FITTED, is_glyph=is_glyph)


def _is_simple(environ: WSGIEnvironment, root_path: str = "") -> bool:
    """Whether it is a POST to /predict with no option but the glyph."""
    is_predict = below(root_path, environ["PATH_INFO"]) == ROUTE and environ["REQUEST_METHOD"] == "POST"
    return is_predict and environ.get("QUERY_STRING", "") in ("", WITH_GLYPH)


def is_quick(environ: WSGIEnvironment, body: bytes, model: ServedModel, root_path: str = "") -> bool:
    """Whether a request takes so little time that the event loop can answer it: one small picture or glyph.

    False if the model is due for a check, which may have to wait for the database.
    """
    if not _is_simple(environ, root_path):
        return False
    if not 0 < len(body) <= QUICK_BODY_BYTES or model.is_due:
        return False
    content_type = environ.get("CONTENT_TYPE", "")
    if is_raw_glyph(content_type, body):
        return True
    head = body if content_type == "image/png" else _png_in_json(body)
    if not head.startswith(PNG_START) or len(head) < PNG_SIZE.size:
        return False
    width, height = PNG_SIZE.unpack_from(head)
    return bool(width * height <= QUICK_PIXELS)


def _png_in_json(body: bytes) -> bytes:
    """The first bytes of a PNG in base64 in a JSON body; empty if there is none."""
    start = body.find(PNG_START_BASE64, 0, LONGEST_PRELUDE + len(PNG_START_BASE64))
    if start < 0:
        return b""
    try:
        return binascii.a2b_base64(body[start : start + PNG_SIZE.size // 3 * 4])
    except binascii.Error:
        return b""
