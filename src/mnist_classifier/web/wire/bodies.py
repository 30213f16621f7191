"""Bodies of requests: JSON that is parsed once, straight into checked types.

A part that may be large (strokes, glyphs, pictures) stays `Raw`, the JSON as
it was sent.  Its own reader counts the brackets first, so that a body of a
million lists costs a look and no more.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

from mnist_classifier.core.checking import in_words
from mnist_classifier.core.errors import InvalidConfig, InvalidInput
from mnist_classifier.core.records import LARGEST_ID, LONGEST_NAME, LONGEST_NOTE
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.recognition.numbers.pen_strokes import Strokes

Body = TypeVar("Body")

# What some editors and shells write in front of UTF-8.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


# --- what may be sent -----------------------------------------------------------------------------------

Version = Annotated[int | str, Meta(description="model version, or production", examples=["production"])]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
Note = Annotated[str, Meta(max_length=LONGEST_NOTE)]


class Choices(Struct, kw_only=True, frozen=True):
    """Model version and thresholds; you can also send them in the query."""

    version: Version | UnsetType = UNSET
    ambiguous_below: (
        Annotated[Share, Meta(description="call a reading ambiguous below this confidence")] | UnsetType
    ) = UNSET
    not_a_digit_above: Annotated[Share, Meta(description="call it not a digit above this probability")] | UnsetType = (
        UNSET
    )


Base64Image = Annotated[
    str,
    Meta(
        description="PNG, JPEG, WebP, GIF or BMP as base64 or as a data: URL",
        extra_json_schema={"format": "base64-image"},
    ),
]


class ImageAlone(Struct, forbid_unknown_fields=True):
    """An image."""

    image: Base64Image


class DigitQuestion(Choices, kw_only=True, frozen=True):
    """An image of one digit."""

    image: Base64Image


class Question(DigitQuestion, kw_only=True, frozen=True):
    """An image and the way to read it."""

    mode: (
        Annotated[str, Meta(description="one digit or several", extra_json_schema={"enum": ["digit", "number"]})]
        | UnsetType
    ) = UNSET
    strokes: (
        Annotated[
            Raw,
            Meta(
                description="pen strokes in image pixels, in writing order; they help to separate digits",
                extra_json_schema=msgspec.json.schema(Strokes | None),
            ),
        ]
        | UnsetType
    ) = UNSET


class Glyphs(Choices, kw_only=True, frozen=True):
    """Either glyphs as lists of numbers, or pictures as base64."""

    glyphs: (
        Annotated[
            Raw,
            Meta(
                description="each glyph: 784 whole numbers from 0 to 255, or 28 lists of 28",
                extra_json_schema={"type": "array", "items": {"type": "array"}},
            ),
        ]
        | UnsetType
    ) = UNSET
    images: (
        Annotated[
            Raw,
            Meta(
                description="pictures as base64",
                extra_json_schema={"type": "array", "items": {"type": "string", "format": "image"}, "maxItems": 1000},
            ),
        ]
        | UnsetType
    ) = UNSET


class ModelChanges(Struct):
    """New name or note."""

    name: Annotated[Name | None, Meta(examples=["quick one"])] = None
    note: Annotated[Note | None, Meta(examples=["two seconds of training"])] = None


class Move(Struct):
    """Reason for a promotion or rollback, with safeguards."""

    reason: Note | None = None
    instead_of: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST_ID)] | None,
        Meta(description="version that you expect in production; if it is another, nothing changes"),
    ] = msgspec.field(default=None, name="from")
    confirm: Annotated[bool | None, Meta(description="accept a less accurate version")] = None


class RepositoryQuestion(Struct):
    """Model versions."""

    ready: bool = False


# The settings of a training by name; TrainConfig checks their types and ranges.
TrainSettings = msgspec.defstruct(
    "TrainSettings",
    [(spec.name, int | float | str | UnsetType, UNSET) for spec in dataclasses.fields(TrainConfig)],
    forbid_unknown_fields=True,
)
_train_settings = Decoder(TrainSettings)


# --- how it is read -------------------------------------------------------------------------------------


def parse(data: bytes, reader: Decoder[Body], error: type[InvalidInput] = InvalidInput) -> Body:
    """The body of a request as its type; an empty one is an empty object.

    Raises InvalidInput for what is no JSON, and `error` with the field for
    JSON of the wrong kind.
    """
    try:
        return reader.decode(data.removeprefix(BYTE_ORDER_MARK) or b"{}")
    except msgspec.ValidationError as failure:
        place, words = in_words(failure)
        raise error(f"{place or 'the body'} {words}", field=place or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("the body is not valid UTF-8 JSON") from None


def train_settings(data: bytes) -> TrainConfig:
    """The settings of a training that a body asks for.  Raises InvalidInput, InvalidConfig."""
    return TrainConfig.from_mapping(given(parse(data, _train_settings, InvalidConfig)))


def given(body: Struct) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
