"""What a request asks: its body, form or query, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from mnist_classifier.decode import decode_base64
from mnist_classifier.errors import InvalidImage, InvalidInput
from mnist_classifier.registry import PRODUCTION
from mnist_classifier.strokes import Points, check_strokes
from mnist_classifier.web.glyphs import RAW_GLYPH, is_raw_glyph
from mnist_classifier.web.parameters import Choice, Fraction, Text

MODES = ("digit", "number")

# What the query may say besides the body, which goes before it.
THRESHOLDS = (
    Fraction(
        "ambiguous_below", "probability of being right under which a reading is ambiguous; the model brings its own"
    ),
    Fraction("not_a_digit_above", "probability over which it is no digit; the model brings its own"),
)
VERSION = Text("version", "number of a model version, or `production`", PRODUCTION, r"^(production|[0-9]{1,9})$")
MODE = Choice("mode", "one digit, or several", MODES[0], MODES)


@dataclass(frozen=True)
class Question:
    """What a request to /predict asks.

    thresholds: those that differ from the model's own.  version: a number, or
    `production`; whether there is one is not checked here.  is_glyph: the
    bytes are one glyph, not a picture file.
    """

    image: bytes
    mode: str
    strokes: list[Points]
    thresholds: Mapping[str, float]
    version: str = PRODUCTION
    is_glyph: bool = False


def read_question() -> Question:
    """The image of a request (JSON base64, multipart `file`, or the raw body) and how to read it.

    Raises InvalidImage, InvalidInput.
    """
    if request.mimetype == "multipart/form-data":
        fields: dict[str, Any] = request.form.to_dict()
        mode, strokes = _mode(fields), _strokes(_from_json(fields.get("strokes"), "strokes"))
        names = [each.name for each in THRESHOLDS if each.name in fields]
        thresholds = _thresholds({name: _from_json(fields[name], name) for name in names})
        file = request.files.get("file")
        if file is None:
            raise InvalidImage("the form has no file: send the image as the field `file`", field="file")
        return Question(file.read(), mode, strokes, thresholds, _version(fields))
    if request.mimetype.startswith("image/") or request.mimetype in ("application/octet-stream", RAW_GLYPH):
        data = request.get_data(cache=False)
        is_glyph = is_raw_glyph(request.mimetype, data)
        return Question(data, _mode({}), [], _thresholds({}), _version({}), is_glyph)
    body = json_object()
    mode, strokes, thresholds = _mode(body), _strokes(body.get("strokes")), _thresholds(body)
    image = body.get("image")
    if not isinstance(image, str) or not image:
        raise InvalidImage('there is no image: send {"image": "<base64>"}', field="image")
    return Question(decode_base64(image), mode, strokes, thresholds, _version(body))


def read_options(fields: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """The thresholds and the version that a body or the query asks for.  Raises InvalidInput."""
    return _thresholds(fields), _version(fields)


def _mode(fields: Mapping[str, Any]) -> str:
    mode = fields.get("mode", MODE.read())
    if mode not in MODES:
        raise InvalidInput(f"mode must be {' or '.join(map(repr, MODES))}, not {mode!r}", field="mode")
    return str(mode)


def _version(fields: Mapping[str, Any]) -> str:
    version = fields.get("version", VERSION.read())
    is_number = isinstance(version, int) and not isinstance(version, bool)
    if not isinstance(version, str) and not is_number:
        raise InvalidInput(f"version must be {PRODUCTION!r} or a whole number", field="version")
    return str(version)


def _strokes(value: Any) -> list[Points]:
    return [] if value is None else check_strokes(value)


def _thresholds(fields: Mapping[str, Any]) -> dict[str, float]:
    query = request.args
    found = {each.name: each.read(query) for each in THRESHOLDS}
    found |= {each.name: each.check(fields[each.name]) for each in THRESHOLDS if each.name in fields}
    return {name: value for name, value in found.items() if value is not None}


def _from_json(text: str | None, field: str) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{field} is not valid JSON", field=field) from None


def json_object() -> dict[str, Any]:
    """The JSON object of the body; an empty body is an empty object."""
    if not request.get_data():
        return {}
    try:
        body = request.get_json(force=True)
    except (BadRequest, RecursionError):
        raise InvalidInput("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidInput(f"the body must be a JSON object, not {type(body).__name__}")
    return body
