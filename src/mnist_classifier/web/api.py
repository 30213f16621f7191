"""The JSON routes of reading, of the data, and of the state of it all."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, jsonify, request

from mnist_classifier.decode import decode_with_scale, encode_png, to_data_url
from mnist_classifier.errors import InvalidInput, MnistError
from mnist_classifier.preprocess import Prepared, mean_ink, prepare, prepared_glyph
from mnist_classifier.web import views
from mnist_classifier.web.glyphs import raw_glyph
from mnist_classifier.web.question import Question, read_question
from mnist_classifier.web.services import chosen_model, services

blueprint = Blueprint("api", __name__)

Reply = tuple[Response, int]
Bytes = npt.NDArray[np.uint8]


@blueprint.post("/predict")
def predict() -> Response:
    """Read the digit in one image, or with mode `number` several.

    `?glyph=1` also shows what the network saw of a digit, `?steps=1` the way there.
    `version` asks another model than the one in production.
    """
    started = time.perf_counter()
    question = read_question()
    if question.is_glyph:
        body = _read_glyph(question)
    else:
        pixels, scale = decode_with_scale(question.image, max_pixels=services().settings.max_image_pixels)
        answer = _read_number if question.mode == "number" else _read_digit
        body = answer(question, pixels, scale)
    body["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return jsonify(body)


def _read_glyph(question: Question) -> dict[str, Any]:
    """A glyph as it is: nothing to decode, nothing to prepare."""
    if question.mode != "digit":
        raise InvalidInput("a glyph is one digit; send a picture to read a number", field="mode")
    return _answer_digit(question, prepared_glyph(raw_glyph(question.image)))


def _read_digit(question: Question, pixels: Bytes, scale: float) -> dict[str, Any]:
    return _answer_digit(question, prepare(pixels, keep_steps=_flag("steps")))


def _answer_digit(question: Question, prepared: Prepared) -> dict[str, Any]:
    loaded = chosen_model(question.version)
    reading = loaded.recogniser.read_prepared(prepared, question.thresholds)
    ink = None if prepared.glyph is None else float(mean_ink(prepared.glyph)[0])
    services().observer.observe_reading(reading.verdict, reading.confidence, ink, loaded.version.version)
    body = views.reading(reading, loaded.version)
    if _flag("glyph"):
        body["glyph"] = None if prepared.glyph is None else to_data_url(encode_png(prepared.glyph))
    if _flag("steps"):
        body["steps"] = [{"name": step.name, "image": to_data_url(encode_png(step.picture))} for step in prepared.steps]
    return body


def _read_number(question: Question, pixels: Bytes, scale: float) -> dict[str, Any]:
    """Strokes and boxes are in pixels of the picture that was sent, which may have been reduced since."""
    loaded = chosen_model(question.version)
    strokes = [stroke / scale for stroke in question.strokes]
    reading = loaded.recogniser.read_number(pixels, strokes, question.thresholds)
    for digit in reading.digits:
        found = digit.reading
        services().observer.observe_reading(found.verdict, found.confidence, None, loaded.version.version)
    return views.number(reading.scaled(scale), loaded.version)


@blueprint.get("/model-status")
def model_status() -> Response:
    """Which model answers, and how the training stands."""
    room = services()
    active = room.runs.active()
    if active is not None and room.runs.mark_interrupted():
        active = room.runs.active()
    try:
        version = room.model.current().version
    except MnistError:
        version = None
    last = room.runs.last_finished()
    state = "training" if active else "ready" if version else "no_model"
    return jsonify(
        {
            "status": state,
            "model": version and views.model(version, room.registry.robustness(version)),
            "training": active
            and views.training(
                active, room.runs.last_event(active.id, "epoch"), room.runs.last_event(active.id, "step")
            ),
            "last_run": last and views.run(last),
        }
    )


@blueprint.get("/api/test-images/random")
def random_test_image() -> Response:
    """One of the 10,000 MNIST test images with its label."""
    return get_test_image(services().test_set.random_index())


@blueprint.get("/api/test-images/<int:index>")
def get_test_image(index: int) -> Response:
    """A test image by its number, 0 to 9999."""
    test = services().test_set.images()
    if index >= len(test.labels):
        raise InvalidInput(f"test images are numbered 0 to {len(test.labels) - 1}", field="index")
    image = to_data_url(encode_png(test.images[index]))
    return jsonify({"index": index, "label": int(test.labels[index]), "image": image})


@blueprint.get("/api/dataset")
def dataset_status() -> Response:
    """Whether the MNIST files are there."""
    return jsonify(services().test_set.status())


@blueprint.post("/api/dataset")
def fetch_dataset() -> Reply:
    """Download the MNIST files in the background."""
    services().test_set.start_download()
    return jsonify(services().test_set.status()), 202


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


def _flag(name: str) -> bool:
    return request.args.get(name, "") in ("1", "true")
