"""The JSON routes of looking into a model: what it gets wrong, and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, jsonify, request

from mnist_classifier.decode import decode_image
from mnist_classifier.errors import InvalidInput
from mnist_classifier.explore import SPLITS, TEST, Show
from mnist_classifier.preprocess import prepare
from mnist_classifier.recogniser import AS_FITTED
from mnist_classifier.records import ModelVersion
from mnist_classifier.registry import PRODUCTION
from mnist_classifier.web import explore_views
from mnist_classifier.web.question import Question, read_question
from mnist_classifier.web.services import chosen_version, services

blueprint = Blueprint("explore", __name__)

DEFAULT_LIMIT, MOST_IMAGES = 24, 100


@blueprint.get("/api/explore")
def choices() -> Response:
    """What can be looked at: versions, splits, and whether the MNIST files are here."""
    room = services()
    production = room.model.current().version.version
    versions = [{"version": each.version, "name": each.name} for each in room.registry.versions()]
    return jsonify(
        {"versions": versions, PRODUCTION: production, "splits": list(SPLITS), "dataset": room.test_set.status()}
    )


@blueprint.get("/api/explore/summary")
def summary() -> Response:
    """Figures of a version over a split: accuracy, confusion matrix, each digit."""
    version, split = _version(), _split()
    answers = services().explorer.answers(version.version, split)
    return jsonify({"model": explore_views.name(version), "split": split, **answers.summary()})


@blueprint.get("/api/explore/images")
def images() -> Response:
    """A page of the images of a split: errors, the most uncertain, the most confident errors, or all."""
    version, split = _version(), _split()
    show = Show(_choice("show", [each.value for each in Show], Show.ERRORS.value))
    label, prediction = _number("label", 0, 9), _number("prediction", 0, 9)
    offset, limit = _number("offset", 0, 10**6) or 0, _number("limit", 1, MOST_IMAGES) or DEFAULT_LIMIT
    answers = services().explorer.answers(version.version, split)
    found = answers.select(show, label, prediction)
    return jsonify(
        {
            "model": explore_views.name(version),
            "split": split,
            "total": len(found),
            "offset": offset,
            "images": [explore_views.thumbnail(answers, int(index)) for index in found[offset : offset + limit]],
        }
    )


@blueprint.get("/api/explore/images/<split>/<int:index>")
def image(split: str, index: int) -> Response:
    """Everything about one image of a split."""
    started = time.perf_counter()
    if split not in SPLITS:
        raise _no_such_choice("split", split, SPLITS)
    version, digit = _version(), _number("digit", 0, 9)
    part = services().explorer.part(split)
    if index >= len(part.labels):
        raise InvalidInput(f"{split} images are numbered 0 to {len(part.labels) - 1}", field="index")
    body = {
        **explore_views.identity(part, index),
        "split": split,
        **_explained(version, part.images[index], digit),
    }
    return _timed(body, started)


@blueprint.post("/api/explore/explain")
def explain() -> Response:
    """The same for any image, sent as to /predict."""
    started = time.perf_counter()
    question, pixels, version = _asked()
    body = _explained(version, pixels, _number("digit", 0, 9), question.thresholds)
    return _timed(body, started)


@blueprint.post("/api/explore/activations")
def activations() -> Response:
    """What each convolutional block makes of an image, sent as to /predict."""
    started = time.perf_counter()
    _, pixels, version = _asked()
    glyph = prepare(pixels).glyph
    blocks = [] if glyph is None else services().explorer.look_inside(version.version, glyph)
    return _timed(explore_views.activations(version, glyph, blocks), started)


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
) -> dict[str, Any]:
    """Reading, steps, saliency and neighbours of an image."""
    explorer = services().explorer
    prepared = prepare(pixels, keep_steps=True)
    reading = explorer.recogniser(version.version).read_prepared(prepared, thresholds)
    glyph = prepared.glyph
    explanation = None if glyph is None else explorer.explain(version.version, glyph, digit)
    return explore_views.explained(reading, version, prepared, explanation)


def _timed(body: dict[str, Any], started: float) -> Response:
    body["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return jsonify(body)


def _version() -> ModelVersion:
    """The version that is asked for; without one, the one that answers /predict."""
    return chosen_version(request.args.get("version", PRODUCTION))


def _split() -> str:
    return _choice("split", SPLITS, TEST)


def _choice(name: str, allowed: Sequence[str], default: str) -> str:
    wanted = request.args.get(name, default)
    if wanted not in allowed:
        raise _no_such_choice(name, wanted, allowed)
    return wanted


def _no_such_choice(name: str, wanted: str, allowed: Sequence[str]) -> InvalidInput:
    return InvalidInput(f"{name} must be one of {', '.join(allowed)}, not {wanted!r}", field=name)


def _number(name: str, low: int, high: int) -> int | None:
    """A whole number of the query; None where it is left out."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or not low <= int(text) <= high:
        raise InvalidInput(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}", field=name)
    return int(text)
