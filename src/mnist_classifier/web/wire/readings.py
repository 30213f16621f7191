"""Readings as the API returns them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast

import numpy as np
from msgspec import Meta

from mnist_classifier.core import records
from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.core.records import Caution, ModelVersion, Verdict, rounded
from mnist_classifier.recognition import batch as glyph_batch
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.recognition.imaging.preprocess import Prepared
from mnist_classifier.web.wire.fields import Digit, ModelName, Picture, Prediction, Probability


class Timed(TypedDict):
    """A reply that tells how long it took."""

    elapsed_ms: float


class Step(TypedDict):
    """One step of the preprocessing."""

    name: str
    image: Picture


class DigitReading(TypedDict):
    """The recogniser's answer for one digit."""

    prediction: Prediction
    confidence: Annotated[float, Meta(ge=0, le=1, description="largest probability, calibrated")]
    probabilities: Annotated[
        list[Probability], Meta(min_length=10, max_length=10, description="probabilities of the digits 0 to 9")
    ]
    verdict: Verdict
    not_a_digit: Annotated[float, Meta(ge=0, le=1, description="probability that the drawing is not a digit")]
    candidates: Annotated[
        tuple[Digit, ...],
        Meta(max_length=2, description="if ambiguous: the two most likely digits, or one if it may not be a digit"),
    ]
    warnings: tuple[Caution, ...]


class NamedReading(DigitReading):
    """A reading and the model that made it."""

    model: ModelName


class Reading(NamedReading, Timed, total=False):
    """The reading of one digit."""

    glyph: Annotated[Picture | None, Meta(description="with ?glyph=1: the 28x28 network input; null for a blank")]
    steps: Annotated[list[Step], Meta(description="with ?steps=1")]


class Columns(TypedDict):
    """Many readings, as one list per field."""

    count: int
    predictions: list[Prediction]
    confidences: list[Probability]
    verdicts: list[Verdict]
    not_a_digit: list[Probability]
    model: ModelName


class Batch(Columns, Timed, total=False):
    """Many readings; `?probabilities=1` and `?warnings=1` add those lists."""

    probabilities: list[Annotated[list[Probability], Meta(min_length=10, max_length=10)]]
    warnings: list[tuple[Caution, ...]]


def timed(reply: Mapping[str, Any], started_s: float) -> dict[str, Any]:
    """A reply with the time since `started_s`, a `time.perf_counter()`."""
    return {**reply, "elapsed_ms": round((time.perf_counter() - started_s) * 1000, 3)}


def name(version: ModelVersion) -> ModelName:
    """A version's number and name."""
    return {"version": version.version, "name": version.name}


def reading(value: records.Reading, version: ModelVersion) -> NamedReading:
    """A digit and the model that read it."""
    return {**digit(value), "model": name(version)}


def digit(value: records.Reading) -> DigitReading:
    """A digit with rounded probabilities."""
    return {
        "prediction": value.prediction,
        "confidence": rounded(value.confidence),
        "probabilities": [rounded(each) for each in value.probabilities],
        "verdict": value.verdict,
        "not_a_digit": rounded(value.not_a_digit),
        "candidates": value.candidates,
        "warnings": value.warnings,
    }


def steps(prepared: Prepared) -> list[Step]:
    """The preprocessing, step by step."""
    return [{"name": step.name, "image": picture(step.picture)} for step in prepared.steps]


def glyph(prepared: Prepared) -> str | None:
    """The network input as a picture; None for a blank."""
    return None if prepared.glyph is None else picture(prepared.glyph)


def picture(pixels: Bytes) -> str:
    """(H, W) uint8 as a data: URL."""
    return to_data_url(encode_png(pixels))


def batch(value: glyph_batch.Batch, version: ModelVersion, *, with_probabilities: bool) -> Columns:
    """Many readings as one list per field."""
    columns: dict[str, Any] = {
        "count": len(value),
        "predictions": [None if read == glyph_batch.REFUSED else read for read in value.predictions.tolist()],
        "confidences": rounded_all(value.confidences),
        "verdicts": [glyph_batch.VERDICTS[code] for code in value.verdicts.tolist()],
        "not_a_digit": rounded_all(value.not_a_digit),
    }
    if with_probabilities:
        columns["probabilities"] = rounded_all(value.probabilities)
    return cast(Columns, {**columns, "model": name(version)})


def rounded_all(probabilities: Floats) -> list[Any]:
    """Round an array as `core.records.rounded` rounds one probability."""
    values: list[Any] = np.minimum(np.round(probabilities.astype(np.float64), 6), 0.999999).tolist()
    return values
