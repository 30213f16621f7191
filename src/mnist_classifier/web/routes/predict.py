"""The JSON routes of reading, of the data, and of the state of it all."""

from __future__ import annotations

import time
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import (
    DataCorrupt,
    DataMissing,
    ImageTooLarge,
    InvalidImage,
    InvalidInput,
    MnistError,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.recognition.imaging.decode import decode_with_scale, encode_png, to_data_url
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare, prepared_glyph
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import bodies, readings, types
from mnist_classifier.web.wire.glyphs import RAW_GLYPH, raw_glyph
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import Flag
from mnist_classifier.web.wire.question import MODE, THRESHOLDS, VERSION, Question, read_question
from mnist_classifier.web.wire.schema import Doc

blueprint = Blueprint("api", __name__)

Reply = tuple[Response, int]

GLYPH = Flag("glyph", "1: add the 28x28 network input")
STEPS = Flag("steps", "1: add the preprocessing steps")
QUESTION = {
    "application/json": bodies.Question,
    "multipart/form-data": types.QuestionForm,
    "image/*": None,
    "application/octet-stream": None,
    RAW_GLYPH: None,
}
# What any route that takes an image may say of it, and of the model.
IMAGE_ERRORS = (InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt)
ImageIndex = Annotated[int, Doc("number of a test image", low=0, high=9999)]


@blueprint.post("/predict")
@describe(
    types.Reading | types.Number,
    query=(MODE, VERSION, *THRESHOLDS, GLYPH, STEPS),
    body=QUESTION,
    errors=IMAGE_ERRORS,
)
def predict() -> Response:
    """Read the digit in an image, or several with mode `number`.

    `?glyph=1` adds the network input, `?steps=1` the preprocessing steps.
    `version` selects a model other than production.
    """
    started = time.perf_counter()
    question = read_question()
    query = request.args
    with_glyph, with_steps = GLYPH.read(query), STEPS.read(query)
    if question.is_glyph:
        prepared = _prepared_glyph(question)
        body = _answer_digit(question, prepared, with_glyph=with_glyph, with_steps=with_steps)
    else:
        pixels, scale = decode_with_scale(question.image, max_pixels=services().settings.max_image_pixels)
        if question.mode == "number":
            body = _read_number(question, pixels, scale)
        else:
            prepared = prepare(pixels, keep_steps=with_steps)
            body = _answer_digit(question, prepared, with_glyph=with_glyph, with_steps=with_steps)
    body["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return jsonify(body)


def _prepared_glyph(question: Question) -> Prepared:
    """A glyph as it is: nothing to decode, nothing to prepare."""
    if question.mode != "digit":
        raise InvalidInput("a glyph is one digit; send a picture to read a number", field="mode")
    return prepared_glyph(raw_glyph(question.image))


def _answer_digit(question: Question, prepared: Prepared, *, with_glyph: bool, with_steps: bool) -> dict[str, Any]:
    loaded = chosen_model(question.version)
    reading = services().read(loaded, prepared, question.thresholds)
    body: dict[str, Any] = {**readings.reading(reading, loaded.version)}
    if with_glyph:
        body["glyph"] = readings.glyph(prepared.glyph)
    if with_steps:
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
    return {**readings.number(reading.scaled(scale), loaded.version)}


@blueprint.get("/model-status")
@describe(types.State)
def model_status() -> Response:
    """Get the model in production and the progress of training."""
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
            "model": version and readings.model(version, room.registry.robustness(version)),
            "training": active
            and readings.training(
                active, room.runs.last_event(active.id, "epoch"), room.runs.last_event(active.id, "step")
            ),
            "last_run": last and readings.run(last),
        }
    )


@blueprint.get("/api/test-images/random")
@describe(types.LabelledImage, errors=(DataMissing, DataCorrupt))
def random_test_image() -> Response:
    """Get a random MNIST test image with its label."""
    return get_test_image(services().test_set.random_index())


@blueprint.get("/api/test-images/<int:index>")
@describe(types.LabelledImage, errors=(InvalidInput, DataMissing, DataCorrupt))
def get_test_image(index: ImageIndex) -> Response:
    """Get one MNIST test image by its number, 0 to 9999."""
    test = services().test_set.images()
    if index >= len(test.labels):
        raise InvalidInput(f"test images are numbered 0 to {len(test.labels) - 1}", field="index")
    image = to_data_url(encode_png(test.images[index]))
    return jsonify({"index": index, "label": int(test.labels[index]), "image": image})


@blueprint.get("/api/dataset")
@describe(types.Dataset)
def dataset_status() -> Response:
    """Check whether the MNIST files are here."""
    return jsonify(services().test_set.status())


@blueprint.post("/api/dataset")
@describe(types.Dataset, status=202)
def fetch_dataset() -> Reply:
    """Download the MNIST files in the background."""
    services().test_set.start_download()
    return jsonify(services().test_set.status()), 202


@blueprint.get("/healthz")
@describe(types.Health)
def healthz() -> Response:
    """The server is running."""
    return jsonify({"status": "ok"})
