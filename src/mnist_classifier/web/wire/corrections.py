"""Corrections as the API takes and returns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias, TypedDict, cast

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.core.records import LARGEST_ID, LONGEST_NAME, Verdict
from mnist_classifier.learning.correction_queries import Correction, Totals
from mnist_classifier.learning.corrections import NOT_A_DIGIT, NOT_A_DIGIT_NAME, Added
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.bodies import Base64Image, ListOfGlyphs, PenStrokes, Version
from mnist_classifier.web.wire.fields import Digit, Picture, Prediction, Probability, Time, VersionNumber

# A list of writers for a menu; a search among more is of no use.
MOST_WRITERS = 500

Label: TypeAlias = Digit | Literal["not_a_digit"]
CorrectionNumber = Annotated[int, Meta(ge=0, le=LARGEST_ID, description="number of the correction")]
Writer = Annotated[str, Meta(max_length=LONGEST_NAME, description="name of the person who wrote it; empty for none")]
Source = Literal["page", "api", "cli", "sheet", "class", "import"]
Coordinate = Annotated[int, Meta(ge=-LARGEST_ID, le=LARGEST_ID)]
DigitBox = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate],
    Meta(description="one digit of a number: x, y, width, height in pixels of the image"),
]
OneGlyph = Annotated[
    ListOfGlyphs, Meta(description="instead of an image: 784 whole numbers from 0 to 255, or 28 lists of 28")
]


class GivenReading(Struct):
    """What the model read."""

    prediction: Prediction
    confidence: Probability
    verdict: Verdict
    not_a_digit: Probability = 0.0


class NewCorrection(Struct, kw_only=True):
    """An image and the label that a person gives."""

    label: Annotated[Label, Meta(examples=[7])]
    image: Annotated[Base64Image, Meta(examples=["iVBORw0KGgo..."])] | UnsetType = UNSET
    glyph: OneGlyph | UnsetType = UNSET
    writer: Writer | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    strokes: PenStrokes | UnsetType = UNSET
    box: DigitBox | UnsetType = UNSET
    version: Annotated[Version, Meta(description="model version that read it; production by default")] | UnsetType = (
        UNSET
    )
    reading: (
        Annotated[GivenReading, Meta(description="what it read; by default, the server reads the image")] | UnsetType
    ) = UNSET


class CorrectionChanges(Struct):
    """A new label, or another writer."""

    label: Annotated[Label, Meta(examples=[7])] | UnsetType = UNSET
    writer: Writer | UnsetType = UNSET


class StoredCorrection(TypedDict):
    """A correction."""

    id: CorrectionNumber
    label: Label
    writer: Writer
    source: Source
    created_at: Time
    changed_at: Annotated[Time, Meta(description="when it was last sent or changed")]
    times: Annotated[int, Meta(description="how often it was sent")]
    glyph: Picture
    glyph_sha256: str
    has_image: bool
    reading: GivenReading | None
    model_version: VersionNumber | None
    contradicts: Annotated[list[int], Meta(description="corrections that give the same glyph another label")]


class CorrectionDetails(StoredCorrection):
    """A correction with its pen strokes."""

    strokes: list[list[tuple[float, float]]] | None


class ChangedCorrection(TypedDict):
    """What became of a correction."""

    correction: StoredCorrection
    merged: Annotated[bool, Meta(description="whether the same glyph, label and writer was already stored")]
    contradicts: list[int]


class WriterCount(TypedDict):
    """A writer and the number of corrections."""

    name: str
    count: int


class CorrectionTotals(TypedDict):
    """Numbers of all corrections."""

    count: int
    labels: Annotated[dict[str, int], Meta(description="by label")]
    writers: Annotated[list[WriterCount], Meta(description=f"at most {MOST_WRITERS}, most corrections first")]
    sources: dict[str, int]
    contradictions: int


class CorrectionPage(TypedDict):
    """A page of corrections, newest first."""

    corrections: list[StoredCorrection]
    count: Annotated[int, Meta(description="corrections on all pages")]
    next: Annotated[int | None, Meta(description="`after` for the next page; null on the last one")]
    totals: CorrectionTotals
    days: Annotated[int, Meta(description="days until a correction is deleted; 0: never")]


SeenBy = Annotated[
    list[int],
    Meta(description="model versions that learned from it; `mnist corrections rebuild` trains one without it"),
]


class DeletedCorrection(TypedDict):
    """A deleted correction."""

    deleted: CorrectionNumber
    seen_by: SeenBy


class Purged(TypedDict):
    """How many corrections were deleted."""

    deleted: int
    seen_by: SeenBy


class ImportedCorrections(TypedDict):
    """What became of the corrections of a file."""

    count: Annotated[int, Meta(description="corrections in the file")]
    added: int
    merged: Annotated[int, Meta(description="already stored")]
    contradictions: Annotated[int, Meta(description="corrections that contradict another one")]


class CorrectionFile(Struct):
    """A form with a file of corrections."""

    file: Annotated[
        str, Meta(description="zip, tar or Parquet file of corrections", extra_json_schema={"format": "corrections"})
    ]


def label_name(label: int) -> int | str:
    """A label as JSON has it."""
    return NOT_A_DIGIT_NAME if label == NOT_A_DIGIT else label


def label_number(label: int | str) -> int:
    """A label of JSON as the database has it."""
    return NOT_A_DIGIT if label == NOT_A_DIGIT_NAME else int(label)


def correction(found: Correction, contradicts: Sequence[int]) -> StoredCorrection:
    """A correction with its glyph as a picture."""
    pixels = np.frombuffer(found.glyph, np.uint8).reshape(SIDE_PX, SIDE_PX)
    view = {
        "id": found.id,
        "label": label_name(found.label),
        "writer": found.writer,
        "source": found.source,
        "created_at": found.created_at.isoformat(),
        "changed_at": found.changed_at.isoformat(),
        "times": found.times,
        "glyph": readings.picture(pixels),
        "glyph_sha256": found.glyph_sha256,
        "has_image": found.has_image,
        "reading": found.reading,
        "model_version": found.model_version,
        "contradicts": list(contradicts),
    }
    return cast(StoredCorrection, view)


def changed(added: Added) -> ChangedCorrection:
    """What became of a correction."""
    view = correction(added.correction, added.contradicts)
    return {"correction": view, "merged": added.merged, "contradicts": added.contradicts}


def totals(found: Totals) -> CorrectionTotals:
    """Numbers of all corrections."""
    writers = sorted(found.writers.items(), key=lambda each: (-each[1], each[0]))[:MOST_WRITERS]
    return {
        "count": found.count,
        "labels": {str(label_name(label)): count for label, count in found.labels.items()},
        "writers": [{"name": name, "count": count} for name, count in writers],
        "sources": found.sources,
        "contradictions": found.contradictions,
    }
