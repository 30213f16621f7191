"""Read the image and the options of a request from its body, form or query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from msgspec import UNSET
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.recognition.imaging.decode import decode_base64
from mnist_classifier.recognition.numbers.pen_strokes import Points, parse_strokes
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.wire import bodies
from mnist_classifier.web.wire.glyphs import RAW_GLYPH, is_raw_glyph
from mnist_classifier.web.wire.parameters import choice, fraction, text

MODES = ("digit", "number")
_reader = Decoder(bodies.Question)

# Options that the query can have too; those of the body take precedence.
THRESHOLDS = (
    fraction("ambiguous_below", "call a reading ambiguous below this confidence; by default the model's threshold"),
    fraction("not_a_digit_above", "call it not a digit above this probability; by default the model's threshold"),
)
VERSION = text("version", "model version, or `production`", PRODUCTION, r"^(production|[0-9]{1,9})$")
MODE = choice("mode", "one digit or several", MODES[0], MODES)


@dataclass(frozen=True)
class Question:
    """An image and how to read it.

    thresholds: those that replace the model's own.  version: a number that is
    not checked yet, or `production`.  is_glyph: the image is one glyph of 784
    bytes, not a picture file.
    """

    image: bytes
    mode: str
    strokes: list[Points]
    thresholds: Mapping[str, float]
    version: str = PRODUCTION
    is_glyph: bool = False


def read_question() -> Question:
    """Read a request with an image: base64 in JSON, `file` in a form, or the raw body.

    Raises InvalidImage, InvalidInput.
    """
    query = request.args
    # Wrong options in the query are errors even if the body replaces them.
    mode, (thresholds, version) = MODE.read(query), _options(query)
    if request.mimetype == "multipart/form-data":
        return _from_form({**query.to_dict(), **request.form.to_dict()})
    if request.mimetype.startswith("image/") or request.mimetype in ("application/octet-stream", RAW_GLYPH):
        data = request.get_data(cache=False)
        return Question(data, mode, [], thresholds, version, is_raw_glyph(request.mimetype, data))
    return _from_json(request.get_data(cache=False), mode)


def _from_form(fields: Mapping[str, str]) -> Question:
    mode, (thresholds, version) = MODE.read(fields), _options(fields)
    strokes = parse_strokes(fields.get("strokes", "null").encode())
    file = request.files.get("file")
    if file is None:
        raise InvalidImage("the form has no file; send the image in the field `file`", field="file")
    return Question(file.read(), mode, strokes, thresholds, version)


def _from_json(data: bytes, mode: str) -> Question:
    try:
        body = bodies.parse(data, _reader)
    except InvalidInput as error:
        if error.field != "image":
            raise
        body = None
    if body is None or not body.image:
        raise InvalidImage('there is no image: send {"image": "<base64>"}', field="image")
    if body.mode is not UNSET:
        mode = MODE.check(body.mode)
    strokes = [] if body.strokes is UNSET else parse_strokes(bytes(body.strokes))
    return Question(decode_base64(body.image), mode, strokes, *read_options(body))


def read_options(body: bodies.Choices) -> tuple[dict[str, float], str]:
    """The thresholds and the version of a body; the query fills in those that it lacks.  Raises InvalidInput."""
    thresholds, version = _options(request.args)
    sent = bodies.given(body)
    thresholds |= {each.name: sent[each.name] for each in THRESHOLDS if each.name in sent}
    return thresholds, str(sent.get("version", version))


def _options(fields: Mapping[str, str]) -> tuple[dict[str, float], str]:
    """The thresholds and the version of a query or form."""
    found = {each.name: each.read(fields) for each in THRESHOLDS}
    return {name: value for name, value in found.items() if value is not None}, VERSION.read(fields)
