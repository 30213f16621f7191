"""The types of request bodies; msgspec parses and checks each in one step.

Parts that can be large (strokes, fields, glyphs, pictures) stay JSON text (`Raw`).  The
code that parses them counts brackets first, so a body of a million lists is
refused at little cost.
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
from mnist_classifier.recognition.numbers.form import Allowed, FormFields, Length, Pattern
from mnist_classifier.recognition.numbers.pen_strokes import Strokes

Body = TypeVar("Body")

# Some editors and shells write this in front of UTF-8.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


# --- types ----------------------------------------------------------------------------------------------

Version = Annotated[int | str, Meta(description="model version, or production", examples=["production"])]
AmbiguousBelow = Annotated[float, Meta(ge=0, le=1, description="call a reading ambiguous below this confidence")]
NotADigitAbove = Annotated[float, Meta(ge=0, le=1, description="call it not a digit above this probability")]
Mode = Annotated[str, Meta(description="one digit or several", extra_json_schema={"enum": ["digit", "number"]})]
Base64Image = Annotated[
    str,
    Meta(
        description="PNG, JPEG, WebP, GIF or BMP as base64 or as a data: URL",
        extra_json_schema={"format": "base64-image"},
    ),
]
ImageFile = Annotated[str, Meta(description="a PNG, JPEG, WebP, GIF or BMP", extra_json_schema={"format": "image"})]
PenStrokes = Annotated[
    Raw,
    Meta(
        description="pen strokes in image pixels, in writing order; they help to separate digits",
        extra_json_schema=msgspec.json.schema(Strokes | None),
    ),
]
ListOfGlyphs = Annotated[
    Raw,
    Meta(
        description="each glyph: 784 whole numbers from 0 to 255, or 28 lists of 28",
        extra_json_schema={"type": "array", "items": {"type": "array"}},
    ),
]
ListOfImages = Annotated[
    Raw,
    Meta(
        description="pictures as base64",
        extra_json_schema={"type": "array", "items": {"type": "string", "format": "image"}, "maxItems": 1000},
    ),
]
Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
Note = Annotated[str, Meta(max_length=LONGEST_NOTE)]
Personal = Annotated[
    str, Meta(max_length=LONGEST_NAME, description="read for this writer, with the personal model", examples=[""])
]


class Choices(Struct, kw_only=True, frozen=True):
    """Model version and thresholds; you can also send them in the query."""

    version: Version | UnsetType = UNSET
    ambiguous_below: AmbiguousBelow | UnsetType = UNSET
    not_a_digit_above: NotADigitAbove | UnsetType = UNSET


class ImageAlone(Struct, forbid_unknown_fields=True):
    """An image without options, as the page sends it."""

    image: Base64Image


class DigitQuestion(Choices, kw_only=True, frozen=True):
    """An image of one digit."""

    image: Base64Image


class Question(DigitQuestion, kw_only=True, frozen=True):
    """An image and the way to read it; only mode number uses what follows `mode`."""

    mode: Mode | UnsetType = UNSET
    personal: Personal | UnsetType = UNSET
    strokes: PenStrokes | UnsetType = UNSET
    length: Length | UnsetType = UNSET
    pattern: Pattern | UnsetType = UNSET
    allowed: Allowed | UnsetType = UNSET
    fields: FormFields | UnsetType = UNSET


class QuestionText(Question, kw_only=True, frozen=True):
    """A question whose fields are still JSON text."""

    fields: Raw | UnsetType = UNSET  # type: ignore[assignment] # `parse_fields` limits their size first


class DigitForm(Choices, kw_only=True, frozen=True):
    """A form with an image of one digit."""

    file: ImageFile


class QuestionForm(DigitForm, kw_only=True, frozen=True):
    """A form with an image and the way to read it; only mode number uses what follows `mode`."""

    mode: Mode | UnsetType = UNSET
    personal: Personal | UnsetType = UNSET
    strokes: (
        Annotated[str, Meta(description="pen strokes as JSON", extra_json_schema={"format": "json-strokes"})]
        | UnsetType
    ) = UNSET
    length: Length | UnsetType = UNSET
    pattern: Pattern | UnsetType = UNSET
    allowed: Allowed | UnsetType = UNSET
    fields: (
        Annotated[str, Meta(description="fields as JSON", extra_json_schema={"format": "json-fields"})] | UnsetType
    ) = UNSET


class Glyphs(Choices, kw_only=True, frozen=True):
    """Either glyphs as lists of numbers, or pictures as base64."""

    glyphs: ListOfGlyphs | UnsetType = UNSET
    images: ListOfImages | UnsetType = UNSET


class GlyphFile(Struct):
    """A form with a file of glyphs."""

    file: Annotated[str, Meta(description=".npy or IDX", extra_json_schema={"format": "glyph-file"})]


class Archive(Struct):
    """A form with an archive."""

    file: Annotated[str, Meta(description="zip file from the export route", extra_json_schema={"format": "archive"})]


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
    """Filter for the list of model versions."""

    ready: bool = False


# The settings of a training by name; TrainConfig checks their types and ranges.
TrainSettings = msgspec.defstruct(
    "TrainSettings",
    [(spec.name, int | float | str | UnsetType, UNSET) for spec in dataclasses.fields(TrainConfig)],
    forbid_unknown_fields=True,
)


def _described(spec: dataclasses.Field[Any]) -> tuple[str, Any, Any]:
    """A setting as msgspec describes it: name, type with its bounds, default."""
    facts, kind = spec.metadata, type(spec.default)
    help = f"{facts['help']}, in {facts['unit']}" if facts["unit"] else facts["help"]
    allowed = list(facts["choices"] or facts["among"])
    meta = Meta(
        description=help, ge=facts["low"], le=facts["high"], extra_json_schema={"enum": allowed} if allowed else None
    )
    return spec.name, Annotated[kind, meta], spec.default


# The settings with their types and ranges, for the OpenAPI document.
TrainSchema = msgspec.defstruct(
    "TrainConfig",
    [_described(spec) for spec in dataclasses.fields(TrainConfig)],
    namespace={"__doc__": TrainConfig.__doc__},
    forbid_unknown_fields=True,
)
_train_settings = Decoder(TrainSettings)


# --- parsing --------------------------------------------------------------------------------------------


def parse(data: bytes, reader: Decoder[Body], error: type[InvalidInput] = InvalidInput) -> Body:
    """Parse the body of a request; an empty body is an empty object.

    Raises InvalidInput if it is not JSON, and `error` with the field if it is
    JSON of the wrong type.
    """
    try:
        return reader.decode(data.removeprefix(BYTE_ORDER_MARK) or b"{}")
    except msgspec.ValidationError as failure:
        place, words = in_words(failure, reader.type)
        raise error(f"{place or 'the body'} {words}", field=place or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("the body is not valid UTF-8 JSON") from None


def train_settings(data: bytes) -> TrainConfig:
    """The settings of a training from a body.  Raises InvalidInput, InvalidConfig."""
    return TrainConfig.from_mapping(given(parse(data, _train_settings, InvalidConfig)))


def given(body: Struct) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
