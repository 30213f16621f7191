"""The routes that show the errors of a model and their causes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, TypedDict

from flask import Blueprint, Response, jsonify
from msgspec import Meta

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import (
    DataCorrupt,
    DataMissing,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.splits import MEASURED_SPLITS, TEST
from mnist_classifier.evaluation.explore import Show
from mnist_classifier.recognition.imaging.decode import decode_image
from mnist_classifier.recognition.imaging.preprocess import prepare
from mnist_classifier.recognition.recogniser import AS_FITTED
from mnist_classifier.web.routes.data import Dataset
from mnist_classifier.web.routes.predict import IMAGE_ERRORS
from mnist_classifier.web.services.services import chosen_version, services
from mnist_classifier.web.wire import bodies, readings
from mnist_classifier.web.wire import explore as views
from mnist_classifier.web.wire.fields import ImageIndex, ModelName, VersionNumber
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import choice, whole
from mnist_classifier.web.wire.question import THRESHOLDS, VERSION, Question, read_question

blueprint = Blueprint("explore", __name__)

DEFAULT_LIMIT, MOST_IMAGES = 24, 100

SPLIT = choice("split", "split of MNIST", TEST, MEASURED_SPLITS)
SHOW = choice("show", "selection and order of the images", Show.ERRORS.value, tuple(each.value for each in Show))
LABEL = whole("label", "only images with this label", None, 0, 9)
PREDICTION = whole("prediction", "only images with this prediction", None, 0, 9)
DIGIT = whole("digit", "explain this digit instead of the most likely one", None, 0, 9)
OFFSET = whole("offset", "number of images to skip", 0, 0, 10**6)
LIMIT = whole("limit", "largest number of images", DEFAULT_LIMIT, 1, MOST_IMAGES)

SplitName = Annotated[str, Meta(description="split of MNIST", extra_json_schema={"enum": list(MEASURED_SPLITS)})]

QUESTION = {
    "application/json": bodies.DigitQuestion,
    "multipart/form-data": bodies.DigitForm,
    "image/*": None,
    "application/octet-stream": None,
}
DATA_ERRORS = (DataMissing, DataCorrupt, ModelMissing, VersionMissing, ModelCorrupt)


class ExploreChoices(TypedDict):
    """Versions and splits to explore."""

    versions: list[ModelName]
    production: VersionNumber
    splits: list[str]
    dataset: Dataset


@blueprint.get("/api/explore")
@describe(ExploreChoices, errors=(ModelMissing,))
def choices() -> Response:
    """List versions and splits, and whether the MNIST files are here."""
    return jsonify(
        {
            "versions": [readings.name(version) for version in services().registry.versions()],
            "production": services().model.current().version.version,
            "splits": MEASURED_SPLITS,
            "dataset": services().mnist_files.status(),
        }
    )


@blueprint.get("/api/explore/summary")
@describe(views.ExploreSummary, query=(VERSION, SPLIT), errors=DATA_ERRORS)
def summary() -> Response:
    """Get accuracy, confusion matrix and metrics by digit."""
    version, split = _version(), SPLIT.read()
    answers = services().explorer.answers(version.version, split)
    head = {"model": readings.name(version), "split": split, "is_sample": answers.part.is_sample}
    return jsonify({**head, **answers.summary()})


@blueprint.get("/api/explore/images")
@describe(views.Gallery, query=(VERSION, SPLIT, SHOW, LABEL, PREDICTION, OFFSET, LIMIT), errors=DATA_ERRORS)
def images() -> Response:
    """List images: errors, least confident, most confident errors, or all."""
    version, split = _version(), SPLIT.read()
    show, label, prediction = Show(SHOW.read()), LABEL.read(), PREDICTION.read()
    offset, limit = OFFSET.read(), LIMIT.read()
    answers = services().explorer.answers(version.version, split)
    found = answers.select(show, label, prediction)
    return jsonify(
        {
            "model": readings.name(version),
            "split": split,
            "is_sample": answers.part.is_sample,
            "total": len(found),
            "offset": offset,
            "images": [views.thumbnail(answers, int(index)) for index in found[offset : offset + limit]],
        }
    )


@blueprint.get("/api/explore/images/<split>/<int:index>")
@describe(views.ExploredImage, query=(VERSION, DIGIT), errors=DATA_ERRORS)
def image(split: SplitName, index: ImageIndex) -> Response:
    """Explain one MNIST image."""
    started = time.perf_counter()
    SPLIT.check(split)
    version, digit = _version(), DIGIT.read()
    part = services().explorer.available(split)
    position = views.find_image(part, split, index)
    explained = _explained(version, part.images[position], digit)
    return jsonify(readings.timed({**views.identity(part, position), "split": split, **explained}, started))


@blueprint.post("/api/explore/explain")
@describe(views.Explanation, query=(VERSION, *THRESHOLDS, DIGIT), body=QUESTION, errors=IMAGE_ERRORS)
def explain() -> Response:
    """Explain any image; send it as you would to /predict."""
    started = time.perf_counter()
    question, pixels, version = _asked()
    return jsonify(readings.timed(_explained(version, pixels, DIGIT.read(), question.thresholds), started))


@blueprint.post("/api/explore/activations")
@describe(views.Activations, query=(VERSION, *THRESHOLDS), body=QUESTION, errors=IMAGE_ERRORS)
def activations() -> Response:
    """Get the output of each convolutional block; send the image as you would to /predict."""
    started = time.perf_counter()
    _, pixels, version = _asked()
    prepared = prepare(pixels)
    blocks = [] if prepared.glyph is None else services().explorer.look_inside(version.version, prepared.glyph)
    return jsonify(readings.timed(views.activations(version, prepared, blocks), started))


def _asked() -> tuple[Question, Bytes, ModelVersion]:
    """The request, the pixels of its image, and the version to ask."""
    question = read_question()
    if question.mode != "digit":
        raise InvalidInput("only one digit at a time can be explained; leave out `mode`", field="mode")
    pixels = decode_image(question.image, max_pixels=services().settings.max_image_pixels)
    return question, pixels, chosen_version(question.version)


def _explained(
    version: ModelVersion,
    pixels: Bytes,
    digit: int | None,
    thresholds: Mapping[str, float] = AS_FITTED,
) -> views.Explained:
    """Reading, steps, saliency and neighbours of an image."""
    explorer = services().explorer
    prepared = prepare(pixels, keep_steps=True)
    reading = explorer.recogniser(version.version).read_prepared(prepared, thresholds)
    glyph = prepared.glyph
    explanation = None if glyph is None else explorer.explain(version.version, glyph, digit)
    return views.explained(reading, version, prepared, explanation)


def _version() -> ModelVersion:
    """The version in the query, or the one in production."""
    return chosen_version(VERSION.read())
