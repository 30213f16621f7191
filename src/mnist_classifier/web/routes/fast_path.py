"""The commonest question, answered without Flask's help.

`POST /predict` with one image and no options, or with the page's only one, is
what nearly every request asks, and routing, contexts and hooks cost as much as
decoding its picture.
Whatever is out of the ordinary, errors too, is left to the application behind.
"""

from __future__ import annotations

import binascii
import io
import struct
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Flask

from mnist_classifier.recognition.imaging.decode import PNG_START, decode_base64, decode_image
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare, prepared_glyph
from mnist_classifier.web.http.root_path import below
from mnist_classifier.web.http.security import HEADERS, RESOURCE_POLICY
from mnist_classifier.web.services.served_model import ServedModel
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.bodies import ImageAlone
from mnist_classifier.web.wire.glyphs import is_raw_glyph, raw_glyph

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE = "/predict"
_reader = msgspec.json.Decoder(ImageAlone)
# The query of the page: it shows the glyph.
WITH_GLYPH = "glyph=1"

# A picture of so many pixels takes a third of a millisecond if it is drawn, and at worst, a photograph, 45 ms of one
# core (noise, 320x320, on a Xeon with other load).
QUICK_PIXELS, QUICK_BODY_BYTES = 100_000, 65_536
# How a PNG begins, up to its width and height; in base64, and how far into a body of JSON that may be.
PNG_SIZE = struct.Struct(">16xII")
PNG_START_BASE64 = b"iVBORw0KGgoAAAANSUhEU"
LONGEST_PRELUDE = 64


class Express:
    """A WSGI application in front of another."""

    def __init__(self, app: Flask) -> None:
        self._behind: WSGIApplication = app.wsgi_app
        self._services: Services = app.extensions[EXTENSION]
        self._headers = [("Content-Type", "application/json"), *HEADERS.items(), (RESOURCE_POLICY, "cross-origin")]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or hand on."""
        started = time.perf_counter()
        length = self._length(environ)
        if not length:
            return self._behind(environ, start_response)
        body = environ["wsgi.input"].read(length)
        try:
            wants_glyph = environ.get("QUERY_STRING") == WITH_GLYPH
            reply = msgspec.json.encode(
                self._reading(environ.get("CONTENT_TYPE", ""), body, started, wants_glyph=wants_glyph)
            )
        except Exception:  # whatever it is, the application behind says so in its own words
            environ["wsgi.input"] = io.BytesIO(body)
            return self._behind(environ, start_response)
        self._services.observer.observe_request(ROUTE, 200, time.perf_counter() - started)
        start_response("200 OK", [*self._headers, ("Content-Length", str(len(reply)))])
        return [reply]

    def _length(self, environ: WSGIEnvironment) -> int:
        """Bytes of the body of a plain question; 0 for everything else."""
        if not _is_plain(environ):
            return 0
        text = environ.get("CONTENT_LENGTH") or ""
        length = int(text) if text.isdecimal() and len(text) < 12 else 0
        # A large one takes its time anyway, and must not be parsed here in vain and then again.
        return length if length <= min(QUICK_BODY_BYTES, self._services.settings.max_body_bytes) else 0

    def _reading(self, content_type: str, body: bytes, started: float, *, wants_glyph: bool) -> dict[str, Any]:
        loaded = self._services.model.current()
        is_glyph = is_raw_glyph(content_type, body)
        prepared = prepared_glyph(raw_glyph(body)) if is_glyph else self._prepare(content_type, body)
        reply: dict[str, Any] = {**readings.reading(self._services.read(loaded, prepared), loaded.version)}
        if wants_glyph:
            reply["glyph"] = readings.glyph(prepared.glyph)
        reply["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
        return reply

    def _prepare(self, content_type: str, body: bytes) -> Prepared:
        image = body if content_type.startswith("image/") else _image_of(content_type, body)
        return prepare(decode_image(image, max_pixels=self._services.settings.max_image_pixels))


def _is_plain(environ: WSGIEnvironment, root_path: str = "") -> bool:
    """Whether it asks for a reading, and in its query for the glyph at most."""
    is_question = below(root_path, environ["PATH_INFO"]) == ROUTE and environ["REQUEST_METHOD"] == "POST"
    return is_question and environ.get("QUERY_STRING", "") in ("", WITH_GLYPH)


def is_quick(environ: WSGIEnvironment, body: bytes, model: ServedModel, root_path: str = "") -> bool:
    """Whether a request asks for one small picture or glyph, and nothing but the reading takes time.

    False also where the model is about to be looked for anew, which may mean waiting for the database.
    """
    if not _is_plain(environ, root_path):
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
    """The first bytes of a PNG that is written in base64 into JSON; empty where there is none."""
    start = body.find(PNG_START_BASE64, 0, LONGEST_PRELUDE + len(PNG_START_BASE64))
    if start < 0:
        return b""
    try:
        return binascii.a2b_base64(body[start : start + PNG_SIZE.size // 3 * 4])
    except binascii.Error:
        return b""


class _OutOfTheOrdinary(Exception):
    """A question with options, or none at all."""


def _image_of(content_type: str, body: bytes) -> bytes:
    if content_type != "application/json":
        raise _OutOfTheOrdinary
    return decode_base64(_reader.decode(body).image)
