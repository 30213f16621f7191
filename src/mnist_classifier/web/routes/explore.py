"""The JSON routes of looking into a model: what it gets wrong, and why."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, jsonify

from mnist_classifier.core.errors import (
    DataCorrupt,
    DataMissing,
    ImageTooLarge,
    InvalidImage,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.splits import SPLITS, TEST
from mnist_classifier.evaluation.explore import Show
from mnist_classifier.recognition.imaging.decode import decode_image
from mnist_classifier.recognition.imaging.preprocess import prepare
from mnist_classifier.recognition.recogniser import AS_FITTED
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.services.services import chosen_version, services
from mnist_classifier.web.wire import bodies, explore, types
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import Choice, Whole
from mnist_classifier.web.wire.question import THRESHOLDS, VERSION, Question, read_question
from mnist_classifier.web.wire.schema import Doc

blueprint = Blueprint("explore", __name__)

DEFAULT_LIMIT, MOST_IMAGES = 24, 100

SPLIT = Choice("split", "split of MNIST", TEST, SPLITS)
SHOW = Choice("show", "selection and order of the images", Show.ERRORS.value, tuple(each.value for each in Show))
LABEL = Whole("label", "only images with this label", None, 0, 9)
PREDICTION = Whole("prediction", "only images with this prediction", None, 0, 9)
DIGIT = Whole("digit", "explain this digit instead of the most likely one", None, 0, 9)
OFFSET = Whole("offset", "number of images to skip", 0, 0, 10**6)
LIMIT = Whole("limit", "largest number of images", DEFAULT_LIMIT, 1, MOST_IMAGES)

SplitName = Annotated[str, Doc("split of MNIST", choices=SPLITS)]
ImageIndex = Annotated[int, Doc("number in the split", low=0, high=9999)]

QUESTION = {
    "application/json": bodies.DigitQuestion,
    "multipart/form-data": types.DigitForm,
    "image/*": None,
    "application/octet-stream": None,
}
DATA_ERRORS = (DataMissing, DataCorrupt, ModelMissing, VersionMissing, ModelCorrupt)
IMAGE_ERRORS = (InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt)


@blueprint.get("/api/explore")
@describe(types.ExploreChoices, errors=(ModelMissing,))
def choices() -> Response:
    """List versions and splits, and whether the MNIST files are here."""
    room = services()
    production = room.model.current().version.version
    versions = [{"version": each.version, "name": each.name} for each in room.registry.versions()]
    return jsonify(
        {"versions": versions, PRODUCTION: production, "splits": list(SPLITS), "dataset": room.test_set.status()}
    )


@blueprint.get("/api/explore/summary")
@describe(types.ExploreSummary, query=(VERSION, SPLIT), errors=DATA_ERRORS)
def summary() -> Response:
    """Get accuracy, confusion matrix and metrics by digit."""
    version, split = _version(), SPLIT.read()
    answers = services().explorer.answers(version.version, split)
    return jsonify({"model": explore.name(version), "split": split, **answers.summary()})


@blueprint.get("/api/explore/images")
@describe(types.Gallery, query=(VERSION, SPLIT, SHOW, LABEL, PREDICTION, OFFSET, LIMIT), errors=DATA_ERRORS)
def images() -> Response:
    """List images: errors, least confident, most confident errors, or all."""
    version, split = _version(), SPLIT.read()
    show, label, prediction = Show(SHOW.read()), LABEL.read(), PREDICTION.read()
    offset, limit = OFFSET.read(), LIMIT.read()
    answers = services().explorer.answers(version.version, split)
    found = answers.select(show, label, prediction)
    return jsonify(
        {
            "model": explore.name(version),
            "split": split,
            "total": len(found),
            "offset": offset,
            "images": [explore.thumbnail(answers, int(index)) for index in found[offset : offset + limit]],
        }
    )


@blueprint.get("/api/explore/images/<split>/<int:index>")
@describe(types.ExploredImage, query=(VERSION, DIGIT), errors=DATA_ERRORS)
def image(split: SplitName, index: ImageIndex) -> Response:
    """Explain one MNIST image."""
    started = time.perf_counter()
    SPLIT.check(split)
    version, digit = _version(), DIGIT.read()
    part = services().explorer.part(split)
    if index >= len(part.labels):
        raise InvalidInput(f"{split} images are numbered 0 to {len(part.labels) - 1}", field="index")
    body = {
        **explore.identity(part, index),
        "split": split,
        **_explained(version, part.images[index], digit),
    }
    return _timed(body, started)


@blueprint.post("/api/explore/explain")
@describe(types.Explanation, query=(VERSION, *THRESHOLDS, DIGIT), body=QUESTION, errors=IMAGE_ERRORS)
def explain() -> Response:
    """Explain any image; send it as you would to /predict."""
    started = time.perf_counter()
    question, pixels, version = _asked()
    body = _explained(version, pixels, DIGIT.read(), question.thresholds)
    return _timed(body, started)


@blueprint.post("/api/explore/activations")
@describe(types.Activations, query=(VERSION, *THRESHOLDS), body=QUESTION, errors=IMAGE_ERRORS)
def activations() -> Response:
    """Get the output of each convolutional block; send the image as you would to /predict."""
    started = time.perf_counter()
    _, pixels, version = _asked()
    glyph = prepare(pixels).glyph
    blocks = [] if glyph is None else services().explorer.look_inside(version.version, glyph)
    return _timed(explore.activations(version, glyph, blocks), started)


def _asked() -> tuple[Question, npt.NDArray[np.uint8], ModelVersion]:
    """The question about one image, its pixels, and the version that is asked."""
    question = read_question()
    if question.mode != "digit":
        raise InvalidInput("one digit at a time is explained: leave `mode` out", field="mode")
    pixels = decode_image(question.image, max_pixels=services().settings.max_image_pixels)
    return question, pixels, chosen_version(question.version)


def _explained(
    version: ModelVersion,
    pixels: npt.NDArray[np.uint8],
    digit: int | None,
    thresholds: Mapping[str, float] = AS_FITTED,
) -> types.Explained:
    """Reading, steps, saliency and neighbours of an image."""
    explorer = services().explorer
    prepared = prepare(pixels, keep_steps=True)
    reading = explorer.recogniser(version.version).read_prepared(prepared, thresholds)
    glyph = prepared.glyph
    explanation = None if glyph is None else explorer.explain(version.version, glyph, digit)
    return explore.explained(reading, version, prepared, explanation)


def _timed(body: Mapping[str, Any], started: float) -> Response:
    return jsonify({**body, "elapsed_ms": round((time.perf_counter() - started) * 1000, 3)})


def _version() -> ModelVersion:
    """The version that is asked for; without one, the one that answers /predict."""
    return chosen_version(VERSION.read())
