"""Metrics, images and explanations of a model as the API returns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict

import numpy as np
from msgspec import Meta

from mnist_classifier.core import records
from mnist_classifier.core.arrays import Floats
from mnist_classifier.core.errors import DataMissing, InvalidInput
from mnist_classifier.core.records import ModelVersion, Verdict, rounded
from mnist_classifier.data.splits import SIZES
from mnist_classifier.evaluation import explore
from mnist_classifier.evaluation.explore import Answers, Part
from mnist_classifier.recognition.imaging.preprocess import Prepared
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.fields import Digit, IsSample, Matrix, ModelName, Picture, Probability
from mnist_classifier.web.wire.readings import NamedReading, Step, Timed, picture

GET_THE_REST = "Run `mnist data` or press the button on the page to download all 10,000."


class ClassFigures(TypedDict):
    """Metrics of one digit; null if undefined."""

    digit: Digit
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


class VerdictCounts(TypedDict):
    """Number of images by verdict."""

    digit: int
    ambiguous: int
    not_a_digit: int


class Disputed(TypedDict):
    """Images with a disputed label."""

    images: int
    wrong: int


class ExploreSummary(TypedDict):
    """Metrics of a version on a split."""

    model: ModelName
    split: str
    is_sample: IsSample
    images: int
    correct: int
    accuracy: Probability
    interval_95: Annotated[tuple[float, float], Meta(description="95 % interval (Wilson)")]
    nll: float
    ece: float
    confusion: Annotated[Matrix, Meta(description="[label][prediction]")]
    per_class: list[ClassFigures]
    verdicts: VerdictCounts
    disputed: Disputed


class Identity(TypedDict):
    """Number and label of an image."""

    index: Annotated[int, Meta(description="image number in the split")]
    row: Annotated[int, Meta(description="row in the MNIST file")]
    label: Digit
    disputed: bool


class Thumbnail(Identity):
    """One image in the list."""

    prediction: Annotated[Digit, Meta(description="most likely digit, whatever the verdict")]
    confidence: Probability
    verdict: Verdict
    image: Picture


class Gallery(TypedDict):
    """One page of images."""

    model: ModelName
    split: str
    is_sample: IsSample
    total: int
    offset: int
    images: list[Thumbnail]


Heat = list[list[float]]


class Saliency(TypedDict):
    """Evidence for a digit, in nats, for each of 28x28 pixels."""

    digit: Digit
    ink: Annotated[Heat, Meta(description="evidence lost by erasing this pixel")]
    gaps: Annotated[Heat, Meta(description="evidence lost by inking this pixel")]


class Neighbour(TypedDict):
    """A similar training image."""

    row: int
    label: Digit
    similarity: float
    image: Picture


class Explained(NamedReading):
    """A reading with its explanation."""

    glyph: Picture | None
    steps: list[Step]
    saliency: Annotated[Saliency | None, Meta(description="null for a blank")]
    neighbours: Annotated[list[Neighbour] | None, Meta(description="null for a blank, or without the MNIST files")]


class Explanation(Explained, Timed):
    """Explanation of your image."""


class ExploredImage(Explained, Identity, Timed):
    """One MNIST image with its explanation."""

    split: str


class FeatureMap(TypedDict):
    """Output of one channel."""

    strongest: float
    image: Picture


class Block(TypedDict):
    """One convolutional block."""

    name: str
    channels: int
    height: int
    width: int
    strongest: float
    maps: list[FeatureMap]


class FeatureMaps(TypedDict):
    """Output of each convolutional block."""

    model: ModelName
    glyph: Picture | None
    blocks: list[Block]


class Activations(FeatureMaps, Timed):
    """Output of each convolutional block, with the time."""


def find_image(part: Part, split: str, number: int) -> int:
    """The position of an image in its part.  Raises InvalidInput, DataMissing."""
    position = part.position(number)
    if position is not None:
        return position
    if part.is_sample and number < SIZES[split]:
        message = f"Test image {number} is not among the {len(part.labels)} that come with the program. {GET_THE_REST}"
        raise DataMissing(message)
    last = (SIZES[split] if part.is_sample else len(part.labels)) - 1
    raise InvalidInput(f"{split} images are numbered 0 to {last}", field="index")


def identity(part: Part, position: int) -> Identity:
    """Number and label of an image."""
    return {
        "index": part.number(position),
        "row": int(part.rows[position]),
        "label": int(part.labels[position]),
        "disputed": bool(part.disputed[position]),
    }


def thumbnail(answers: Answers, position: int) -> Thumbnail:
    """One image in the list."""
    return {
        **identity(answers.part, position),
        "prediction": int(answers.predictions[position]),
        "confidence": rounded(float(answers.confidences[position])),
        "verdict": answers.verdicts[position],
        "image": picture(answers.part.images[position]),
    }


def explained(
    reading: records.Reading, version: ModelVersion, prepared: Prepared, explanation: explore.Explanation | None
) -> Explained:
    """A reading with its explanation; `explanation` is None for a blank."""
    neighbours = None if explanation is None else explanation.neighbours
    return {
        **readings.reading(reading, version),
        "glyph": readings.glyph(prepared),
        "steps": readings.steps(prepared),
        "saliency": None if explanation is None else _saliency(explanation.saliency),
        "neighbours": None if neighbours is None else [_neighbour(each) for each in neighbours],
    }


def activations(version: ModelVersion, prepared: Prepared, blocks: Sequence[explore.Block]) -> FeatureMaps:
    """The output of each block, as pictures."""
    return {
        "model": readings.name(version),
        "glyph": readings.glyph(prepared),
        "blocks": [_block(each) for each in blocks],
    }


def _block(block: explore.Block) -> Block:
    """A block with a picture of each channel; white is the strongest value of the whole block."""
    strongest = float(block.maps.max())
    scale = 255 / strongest if strongest > 0 else 0.0
    channels, height, width = block.maps.shape
    return {
        "name": block.name,
        "channels": channels,
        "height": height,
        "width": width,
        "strongest": round(strongest, 4),
        "maps": [
            {"strongest": round(float(each.max()), 4), "image": picture((each * scale).round().astype(np.uint8))}
            for each in block.maps
        ],
    }


def _saliency(value: explore.Saliency) -> Saliency:
    return {"digit": value.digit, "ink": _nats(value.ink), "gaps": _nats(value.gaps)}


def _nats(values: Floats) -> Heat:
    return [[round(value, 2) for value in row] for row in values.tolist()]


def _neighbour(value: explore.Neighbour) -> Neighbour:
    return {
        "row": value.row,
        "label": value.label,
        "similarity": round(value.similarity, 4),
        "image": picture(value.image),
    }
