"""Read the image and the options of a request from its body, form or query."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from msgspec import UNSET
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.recognition.imaging.decode import decode_base64
from mnist_classifier.recognition.numbers import form
from mnist_classifier.recognition.numbers.expected import ANYTHING, LONGEST, Expected, Field
from mnist_classifier.recognition.numbers.pen_strokes import Points, parse_strokes
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.wire import bodies
from mnist_classifier.web.wire.glyphs import RAW_GLYPH, is_raw_glyph
from mnist_classifier.web.wire.parameters import choice, fraction, text, unchecked, whole

DIGIT, NUMBER = MODES = ("digit", "number")
_reader = Decoder(bodies.QuestionText)

# Options that the query can have too; those of the body take precedence.
THRESHOLDS = (
    fraction("ambiguous_below", "call a reading ambiguous below this confidence; by default the model's threshold"),
    fraction("not_a_digit_above", "call it not a digit above this probability; by default the model's threshold"),
)
VERSION = text("version", "model version, or `production`", PRODUCTION, r"^(production|[0-9]{1,9})$")
PERSONAL = unchecked("personal", "read for this writer, with the personal model", {"maxLength": LONGEST_NAME})
MODE = choice("mode", "one digit or several", DIGIT, MODES)
# `Expected` checks the pattern and the digits.
EXPECTED = (
    whole("length", form.LENGTH_HELP, None, 1, LONGEST),
    unchecked("pattern", form.PATTERN_HELP, form.PATTERN_SCHEMA),
    unchecked("allowed", form.ALLOWED_HELP, form.ALLOWED_SCHEMA),
)


@dataclass(frozen=True)
class Question:
    """An image and how to read it.

    thresholds: those that replace the model's own.  version: a number that is
    not checked yet, or `production`.  is_glyph: the image is one glyph of 784
    bytes, not a picture file.  expected: what is known of the number.
    fields: the places of a form to read instead of the whole image.
    personal: the writer whose personal model reads; empty for none.
    """

    image: bytes
    mode: str
    strokes: list[Points]
    thresholds: Mapping[str, float]
    version: str = PRODUCTION
    is_glyph: bool = False
    expected: Expected = ANYTHING
    fields: Sequence[Field] = ()
    personal: str = ""

    def __post_init__(self) -> None:
        if self.is_glyph and self.mode == NUMBER:
            raise InvalidInput("a glyph is one digit; send a picture to read a number", field="mode")
        unused = form.expected_to_json(self.expected)
        if unused and (self.fields or self.mode != NUMBER):
            name = next(iter(unused))
            advice = f"give each field its own {name}" if self.fields else "send mode number as well"
            raise InvalidInput(f"{name} describes one number; {advice}", field=name)
        if self.fields and self.mode != NUMBER:
            raise InvalidInput("fields are numbers; send mode number, or no mode", field="mode")
        if self.fields and self.strokes:
            raise InvalidInput("strokes help to read one number; leave them out to read fields", field="strokes")


def read_question() -> Question:
    """Read a request with an image: base64 in JSON, `file` in a form, or the raw body.

    Raises InvalidImage, InvalidInput.
    """
    query = request.args
    # Wrong options in the query are errors even if the body replaces them.
    mode, (thresholds, version), expected = _mode(query), _options(query), _expected(query)
    personal = PERSONAL.read() or ""
    if request.mimetype == "multipart/form-data":
        return _from_form({**query.to_dict(), **request.form.to_dict()})
    if request.mimetype.startswith("image/") or request.mimetype in ("application/octet-stream", RAW_GLYPH):
        data = request.get_data(cache=False)
        is_glyph = is_raw_glyph(request.mimetype, data)
        return Question(data, mode or DIGIT, [], thresholds, version, is_glyph, expected, personal=personal)
    return _from_json(request.get_data(cache=False), mode, expected)


def _from_form(sent: Mapping[str, str]) -> Question:
    mode, (thresholds, version), expected = _mode(sent), _options(sent), _expected(sent)
    strokes = parse_strokes(sent.get("strokes", "null").encode())
    fields = form.parse_fields(sent["fields"].encode()) if "fields" in sent else []
    file = request.files.get("file")
    if file is None:
        raise InvalidImage("the form has no file; send the image in the field `file`", field="file")
    mode = mode or (NUMBER if fields else DIGIT)
    personal = PERSONAL.read(sent) or ""
    return Question(
        file.read(), mode, strokes, thresholds, version, expected=expected, fields=fields, personal=personal
    )


def _from_json(data: bytes, mode: str | None, expected: Expected) -> Question:
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
    sent = bodies.given(body)
    expected = dataclasses.replace(expected, **{each.name: sent[each.name] for each in EXPECTED if each.name in sent})
    strokes = [] if body.strokes is UNSET else parse_strokes(bytes(body.strokes))
    fields = [] if body.fields is UNSET else form.parse_fields(bytes(body.fields))
    mode = mode or (NUMBER if fields else DIGIT)
    thresholds, version = read_options(body)
    image, personal = decode_base64(body.image), str(sent.get("personal", PERSONAL.read() or ""))
    return Question(image, mode, strokes, thresholds, version, expected=expected, fields=fields, personal=personal)


def _mode(sent: Mapping[str, str]) -> str | None:
    return MODE.read(sent) if MODE.name in sent else None


def _expected(sent: Mapping[str, str]) -> Expected:
    """What a query or form says of the number.  Raises InvalidInput."""
    found: dict[str, Any] = {each.name: each.read(sent) for each in EXPECTED}
    return Expected(**{name: value for name, value in found.items() if value is not None})


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
