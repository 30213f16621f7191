"""The route that reads many images at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, jsonify, request
from msgspec import UNSET

from mnist_classifier.core.arrays import SIDE_PX, Bytes
from mnist_classifier.core.errors import (
    ImageTooLarge,
    InvalidImage,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.core.records import Caution
from mnist_classifier.data.glyph_files import is_glyphs
from mnist_classifier.recognition.batch import Batch, read_glyphs
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_with_scale
from mnist_classifier.recognition.imaging.preprocess import prepare, prepared_glyph
from mnist_classifier.web.services.served_model import Loaded
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import bodies, readings
from mnist_classifier.web.wire.glyphs import from_json, read_file, to_npy
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import flag
from mnist_classifier.web.wire.question import THRESHOLDS, VERSION, read_options

blueprint = Blueprint("batch_api", __name__)

Cautions: TypeAlias = tuple[Caution, ...]

NPY = "application/x-npy"
# Decoding takes half a millisecond a picture; glyphs need no decoding, so only the size of the request limits them.
MOST_PICTURES = 1000
NOTHING_SENT = (
    'there are no images: send a .npy or IDX file, {"glyphs": [[784 numbers], ...]} or {"images": ["<base64>", ...]}'
)


_reader = msgspec.json.Decoder(bodies.Glyphs)
_texts = msgspec.json.Decoder(list[str])
PROBABILITIES = flag("probabilities", "1: add the ten probabilities of each reading")
WARNINGS = flag("warnings", "1: add warnings to each reading; JSON only")
BODY = {
    "application/json": bodies.Glyphs,
    "multipart/form-data": bodies.GlyphFile,
    NPY: None,
    "application/octet-stream": None,
}


@blueprint.post("/api/predict/batch")
@describe(
    readings.Batch,
    also=(NPY,),
    query=(VERSION, *THRESHOLDS, PROBABILITIES, WARNINGS),
    body=BODY,
    errors=(InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt),
)
def predict_batch() -> Response:
    """Read many glyphs or pictures in one request.

    `?probabilities=1` and `?warnings=1` add those lists. Accept application/x-npy to get an array instead of JSON.
    """
    started = time.perf_counter()
    with_probabilities = PROBABILITIES.read()
    with_warnings = WARNINGS.read()
    sent = _read_body()
    thresholds, version = read_options(sent.options)
    loaded = chosen_model(version)
    batch = read_glyphs(loaded.recogniser, sent.glyphs, thresholds)
    services().observer.observe_batch(batch, loaded.version.version, is_typical=not thresholds)
    if request.accept_mimetypes.best_match(["application/json", NPY]) == NPY:
        return _as_npy(batch, loaded, with_probabilities)
    columns: dict[str, Any] = {**readings.batch(batch, loaded.version, with_probabilities=with_probabilities)}
    if with_warnings:
        columns["warnings"] = sent.all_warnings()
    return jsonify(readings.timed(columns, started))


@dataclass(frozen=True)
class _Sent:
    """The glyphs of a request, its options, and the warnings about its pictures."""

    glyphs: Bytes
    options: bodies.Choices = bodies.Choices()
    warnings: list[Cautions] | None = None

    def all_warnings(self) -> list[Cautions]:
        """The warnings about each picture, or about each glyph if glyphs were sent (11 microseconds each)."""
        return [prepared_glyph(glyph).warnings for glyph in self.glyphs] if self.warnings is None else self.warnings


def _read_body() -> _Sent:
    """Read the body in any of its formats."""
    limit = services().settings.max_body_bytes
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise InvalidInput("the form has no file: send a .npy or IDX file as the field `file`", field="file")
        # Any other file is read as IDX, and that reader says what is wrong with it.
        return _Sent(read_file(file.read(), limit=limit, field="file"))
    data = request.get_data(cache=False)
    if is_glyphs(data):
        return _Sent(read_file(data, limit=limit))
    body = bodies.parse(data, _reader)
    if body.glyphs is not UNSET and body.images is not UNSET:
        raise InvalidInput("send either glyphs or images, not both")
    if body.glyphs is not UNSET:
        return _Sent(from_json(bytes(body.glyphs), "glyphs"), body)
    if body.images is not UNSET:
        return _read_pictures(_parse_texts(bytes(body.images)), body)
    raise InvalidInput(NOTHING_SENT)


def _parse_texts(data: bytes) -> list[str]:
    """Parse a JSON list of texts, after counting their quotes."""
    if data.count(b'"') > 2 * MOST_PICTURES:
        message = f"at most {MOST_PICTURES} pictures in one request; send glyphs, or several requests"
        raise InvalidInput(message, field="images")
    try:
        return _texts.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput("images must be a list of base64 texts", field="images") from None


def _read_pictures(texts: Sequence[str], options: bodies.Choices) -> _Sent:
    """The glyph of each base64 picture; a blank picture has an empty glyph."""
    most_pixels = services().settings.max_image_pixels
    pixels_sent = 0.0
    warnings: list[Cautions] = []
    glyphs = np.zeros((len(texts), SIDE_PX, SIDE_PX), np.uint8)
    for index, text in enumerate(texts):
        try:
            pixels, scale = decode_with_scale(decode_base64(text), max_pixels=most_pixels)
        except InvalidInput as error:
            raise type(error)(f"images[{index}]: {error.message}", field=f"images[{index}]") from None
        # All pictures together can be as large as one picture in /predict.
        pixels_sent += pixels.shape[0] * pixels.shape[1] * scale**2
        if pixels_sent > most_pixels:
            message = f"the pictures have more than {most_pixels / 1e6:g} million pixels together; send fewer"
            raise ImageTooLarge(message, field=f"images[{index}]")
        prepared = prepare(pixels)
        warnings.append(prepared.warnings)
        if prepared.glyph is not None:
            glyphs[index] = prepared.glyph
    return _Sent(glyphs, options, warnings)


def _as_npy(batch: Batch, loaded: Loaded, with_probabilities: bool) -> Response:
    response = Response(to_npy(_records(batch, with_probabilities)), content_type=NPY)
    response.headers["Mnist-Model-Version"] = str(loaded.version.version)
    return response


def _records(batch: Batch, with_probabilities: bool) -> npt.NDArray[np.void]:
    """One record for each glyph, with named fields."""
    fields: list[Any] = [("prediction", "<i1"), ("verdict", "<u1"), ("confidence", "<f4"), ("not_a_digit", "<f4")]
    columns: list[npt.NDArray[Any]] = [batch.predictions, batch.verdicts, batch.confidences, batch.not_a_digit]
    if with_probabilities:
        fields.append(("probabilities", "<f4", (10,)))
        columns.append(batch.probabilities)
    records = np.empty(len(batch), fields)
    for field, values in zip(fields, columns, strict=True):
        records[field[0]] = values
    return records
