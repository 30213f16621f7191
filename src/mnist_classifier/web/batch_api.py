"""The JSON route that reads many images at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, jsonify, request
from msgspec import UNSET

from mnist_classifier.batches import Batch, read_glyphs
from mnist_classifier.config import GLYPH_SIDE
from mnist_classifier.decode import decode_base64, decode_with_scale
from mnist_classifier.errors import (
    ImageTooLarge,
    InvalidImage,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.preprocess import prepare
from mnist_classifier.web import bodies, shapes, views
from mnist_classifier.web.glyphs import Glyphs, from_json, is_file, read_file, to_npy
from mnist_classifier.web.openapi.operation import describe
from mnist_classifier.web.parameters import Flag
from mnist_classifier.web.question import THRESHOLDS, VERSION, read_options
from mnist_classifier.web.services import chosen_model, services
from mnist_classifier.web.serving import Loaded

blueprint = Blueprint("batch_api", __name__)

NPY = "application/x-npy"
# Pictures are decoded one by one, half a millisecond each; glyphs are limited
# by the bytes of the request alone.
MOST_PICTURES = 1000
NOTHING_SENT = (
    'there are no images: send a .npy or IDX file, {"glyphs": [[784 numbers], ...]} or {"images": ["<base64>", ...]}'
)


_reader = msgspec.json.Decoder(bodies.Glyphs)
_texts = msgspec.json.Decoder(list[str])
PROBABILITIES = Flag("probabilities", "1: also give the ten probabilities of each")
BODY = {
    "application/json": bodies.Glyphs,
    "multipart/form-data": shapes.GlyphFile,
    NPY: None,
    "application/octet-stream": None,
}


@blueprint.post("/api/predict/batch")
@describe(
    shapes.Batch,
    also=(NPY,),
    query=(VERSION, *THRESHOLDS, PROBABILITIES),
    body=BODY,
    errors=(InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt),
)
def predict_batch() -> Response:
    """Read many glyphs, or pictures; `?probabilities=1` gives those too.

    Whoever accepts application/x-npy gets an array instead of JSON.
    """
    started = time.perf_counter()
    with_probabilities = PROBABILITIES.read()
    glyphs, options = _read_body()
    thresholds, version = read_options(options)
    loaded = chosen_model(version)
    batch = read_glyphs(loaded.recogniser, glyphs, thresholds)
    services().observer.observe_batch(batch, loaded.version.version)
    if request.accept_mimetypes.best_match(["application/json", NPY]) == NPY:
        return _as_npy(batch, loaded, with_probabilities)
    body = views.batch(batch, loaded.version, with_probabilities=with_probabilities)
    body["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return jsonify(body)


def _read_body() -> tuple[Glyphs, bodies.Choices]:
    """The glyphs of the request, and what else its object holds."""
    limit = services().settings.max_body_bytes
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise InvalidInput("the form has no file: send a .npy or IDX file as the field `file`", field="file")
        # What is no .npy is taken for IDX, whose reader says what is wrong with it.
        return read_file(file.read(), limit=limit, field="file"), bodies.Choices()
    data = request.get_data(cache=False)
    if is_file(data):
        return read_file(data, limit=limit), bodies.Choices()
    body = bodies.parse(data, _reader)
    if body.glyphs is not UNSET and body.images is not UNSET:
        raise InvalidInput("send either glyphs or images, not both")
    if body.glyphs is not UNSET:
        return from_json(bytes(body.glyphs), "glyphs"), body
    if body.images is not UNSET:
        return _read_pictures(_parse_texts(bytes(body.images))), body
    raise InvalidInput(NOTHING_SENT)


def _parse_texts(data: bytes) -> list[str]:
    """A JSON list of texts, counted by their quotes before any is made."""
    if data.count(b'"') > 2 * MOST_PICTURES:
        message = f"at most {MOST_PICTURES} pictures in one request; send glyphs, or several requests"
        raise InvalidInput(message, field="images")
    try:
        return _texts.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput("images must be a list of base64 texts", field="images") from None


def _read_pictures(texts: Sequence[str]) -> Glyphs:
    """Base64 pictures -> the glyph of each, an empty one where nothing is drawn."""
    most_pixels = services().settings.max_image_pixels
    pixels_sent = 0.0
    glyphs = np.zeros((len(texts), GLYPH_SIDE, GLYPH_SIDE), np.uint8)
    for index, text in enumerate(texts):
        try:
            pixels, scale = decode_with_scale(decode_base64(text), max_pixels=most_pixels)
        except InvalidInput as error:
            raise type(error)(f"images[{index}]: {error.message}", field=f"images[{index}]") from None
        # All pictures together may be as large as one alone.
        pixels_sent += pixels.shape[0] * pixels.shape[1] * scale**2
        if pixels_sent > most_pixels:
            message = f"the pictures have more than {most_pixels / 1e6:g} million pixels together; send fewer"
            raise ImageTooLarge(message, field=f"images[{index}]")
        glyph = prepare(pixels).glyph
        if glyph is not None:
            glyphs[index] = glyph
    return glyphs


def _as_npy(batch: Batch, loaded: Loaded, with_probabilities: bool) -> Response:
    response = Response(to_npy(_records(batch, with_probabilities)), content_type=NPY)
    response.headers["Mnist-Model-Version"] = str(loaded.version.version)
    return response


def _records(batch: Batch, with_probabilities: bool) -> npt.NDArray[np.void]:
    """One record a glyph, fields by name."""
    columns: dict[str, tuple[str, npt.NDArray[Any]]] = {
        "prediction": ("<i1", batch.predictions),
        "verdict": ("<u1", batch.verdicts),
        "confidence": ("<f4", batch.confidences),
        "not_a_digit": ("<f4", batch.not_a_digit),
    }
    fields: list[Any] = [(name, kind) for name, (kind, _) in columns.items()]
    records = np.empty(len(batch), [*fields, ("probabilities", "<f4", (10,))] if with_probabilities else fields)
    for name, (_, values) in columns.items():
        records[name] = values
    if with_probabilities:
        records["probabilities"] = batch.probabilities
    return records
