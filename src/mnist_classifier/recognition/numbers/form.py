"""The fields of a form as JSON: the same in a request and in a file of the command line.

[{"name": "day", "box": [40, 30, 200, 60], "pattern": "dd/dd", "allowed": "0123456789"}, ...]
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from mnist_classifier.core.checking import in_words
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import LONGEST_NAME, MARK_CHARACTERS
from mnist_classifier.recognition.numbers.expected import ANY_DIGIT, DIGITS, LONGEST, MOST_FIELDS, Expected, Field

# JSON Schemas for documentation; Expected checks the texts.  A hyphen stands last in a character class.
_WRITTEN = f"{DIGITS}{ANY_DIGIT}{''.join(MARK_CHARACTERS.values()).replace('-', '')}-"
PATTERN_SCHEMA = {"pattern": f"^[{_WRITTEN}]+$", "minLength": 1, "maxLength": LONGEST}
ALLOWED_SCHEMA = {"pattern": "^[0-9]+$"}

LENGTH_HELP = "how many digits the number has"
PATTERN_HELP = "how the number is written, with d for any digit, such as dd/dd/dd"
ALLOWED_HELP = "the digits that may occur, such as 0123; by default all"

Length = Annotated[int, Meta(ge=1, le=LONGEST, description=LENGTH_HELP)]
Pattern = Annotated[str, Meta(description=PATTERN_HELP, extra_json_schema=PATTERN_SCHEMA)]
Allowed = Annotated[str, Meta(description=ALLOWED_HELP, extra_json_schema=ALLOWED_SCHEMA)]

FARTHEST_PX = 100_000
Corner = Annotated[int, Meta(ge=-FARTHEST_PX, le=FARTHEST_PX)]
Side = Annotated[int, Meta(ge=1, le=FARTHEST_PX)]

# Far more than 200 fields need; parsing this much takes some milliseconds.
MOST_BYTES = 500_000


class FormField(Struct, forbid_unknown_fields=True):
    """A named place of a form, and what its number must be like."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, description="each field needs its own name")]
    box: Annotated[tuple[Corner, Corner, Side, Side], Meta(description="x, y, width, height in pixels of your picture")]
    length: Length | None = None
    pattern: Pattern | None = None
    allowed: Allowed | None = None


FormFields = Annotated[
    list[FormField],
    Meta(min_length=1, max_length=MOST_FIELDS, description="places of a form, each with a number to read"),
]


class _Form(Struct):
    fields: Raw


_fields = msgspec.json.Decoder(FormFields)
_form = msgspec.json.Decoder(_Form)


def parse_form(data: bytes) -> list[Field]:
    """Parse a file {"fields": [...]}; other keys are ignored.  Raises InvalidInput with the exact field."""
    try:
        form = _form.decode(data.removeprefix(BOM_UTF8))
    except msgspec.ValidationError as error:
        place, words = in_words(error)
        raise InvalidInput(f"{place or 'the form'} {words}", field=place or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput('the form is not valid UTF-8 JSON; it must look like {"fields": [...]}') from None
    return parse_fields(bytes(form.fields))


def parse_fields(data: bytes) -> list[Field]:
    """Parse a JSON list of fields.  Raises InvalidInput with the exact field, such as `fields[2].box`."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"fields has {len(data)} bytes; at most {MOST_BYTES} are read", field="fields")
    try:
        sent = _fields.decode(data)
    except msgspec.ValidationError as error:
        place, words = in_words(error)
        raise InvalidInput(f"fields{place} {words}", field=f"fields{place}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("fields is not valid JSON", field="fields") from None
    _check_names(sent)
    return [Field(each.name, each.box, _expected(number, each)) for number, each in enumerate(sent)]


def _check_names(sent: Sequence[FormField]) -> None:
    """Names are unique: a caller that looks up a field by its name must not get another one."""
    numbers: dict[str, int] = {}
    for number, each in enumerate(sent):
        first = numbers.setdefault(each.name, number)
        if first != number:
            place = f"fields[{number}].name"
            raise InvalidInput(f"{place} is the same as that of fields[{first}]; use different names", field=place)


def _expected(number: int, sent: FormField) -> Expected:
    try:
        return Expected(sent.length, sent.pattern, DIGITS if sent.allowed is None else sent.allowed)
    except InvalidInput as error:
        place = f"fields[{number}]"
        raise InvalidInput(f"{place}.{error.message}", field=f"{place}.{error.field}") from None


def to_json(fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Fields as `parse_fields` reads them."""
    return [{"name": each.name, "box": each.box, **expected_to_json(each.expected)} for each in fields]


def expected_to_json(expected: Expected) -> dict[str, Any]:
    """What is expected, without the parts that are not."""
    parts = {"length": expected.length, "pattern": expected.pattern, "allowed": expected.allowed}
    return {name: part for name, part in parts.items() if part not in (None, DIGITS)}
