"""The route that reads a digit or a number."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify

from mnist_classifier.core.errors import (
    ImageTooLarge,
    InvalidImage,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    PersonalModelMissing,
    TooFewExamples,
    VersionMissing,
)
from mnist_classifier.core.records import NumberReading
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.imaging.decode import decode_image, decode_with_scale
from mnist_classifier.recognition.imaging.preprocess import prepare, prepared_glyph
from mnist_classifier.recognition.numbers.looks import NUMBER_SIDE_PX
from mnist_classifier.web.services.served_model import Loaded
from mnist_classifier.web.services.services import Services, chosen_model, personal_model, services
from mnist_classifier.web.wire import bodies, numbers, readings
from mnist_classifier.web.wire.glyphs import RAW_GLYPH, raw_glyph
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import flag
from mnist_classifier.web.wire.question import (
    EXPECTED,
    MODE,
    NUMBER,
    PERSONAL,
    THRESHOLDS,
    VERSION,
    Question,
    read_question,
)

blueprint = Blueprint("api", __name__)

GLYPH = flag("glyph", "1: add the 28x28 network input")
STEPS = flag("steps", "1: add the preprocessing steps")
QUESTION = {
    "application/json": bodies.Question,
    "multipart/form-data": bodies.QuestionForm,
    "image/*": None,
    "application/octet-stream": None,
    RAW_GLYPH: None,
}
# Processor time.  A form with 200 fields takes 7 to 14 s (Xeon with other load); fields full of noise take minutes.
MOST_READING_S = 30.0
# Every route that reads an image can raise these.
IMAGE_ERRORS = (InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt)
PERSONAL_ERRORS = (PersonalModelMissing, TooFewExamples)


@blueprint.post("/predict")
@describe(
    readings.Reading | numbers.Number | numbers.Form,
    query=(MODE, VERSION, PERSONAL, *THRESHOLDS, *EXPECTED, GLYPH, STEPS),
    body=QUESTION,
    errors=(*IMAGE_ERRORS, *PERSONAL_ERRORS),
)
def predict() -> Response:
    """Read the digit in an image, or several with mode `number`.

    `?glyph=1` adds the network input, `?steps=1` the preprocessing steps.
    `version` selects a model other than production, `personal` the personal model of a writer.

    `length`, `pattern` and `allowed` say what the number must be like; mode `number` only.
    `fields` reads several places of a form, and the reply has a reading for each.
    """
    started = time.perf_counter()
    question = read_question()
    with_glyph, with_steps = GLYPH.read(), STEPS.read()
    if question.personal:
        find_model = partial(personal_model, question.personal, question.version)
    else:
        find_model = partial(chosen_model, question.version)
    reply: Any
    if question.fields:
        reply = _read_fields(find_model, question)
    elif question.mode == NUMBER:
        reply = _read_number(find_model, question)
    else:
        reply = read_digit(services(), find_model, question, with_glyph=with_glyph, with_steps=with_steps)
    if question.personal:
        reply["model"]["personal"] = checked_writer(question.personal)
    return jsonify(readings.timed(reply, started))


def read_digit(
    app_services: Services,
    find_model: Callable[[], Loaded],
    question: Question,
    *,
    with_glyph: bool = False,
    with_steps: bool = False,
    in_event_loop: bool = False,
) -> dict[str, Any]:
    """Read one digit and count the reading; the reply still lacks its time.

    Raises InvalidImage, ImageTooLarge, what `find_model` raises, and TakesLong in the event loop.
    """
    if question.is_glyph:
        prepared = prepared_glyph(raw_glyph(question.image))
    else:
        pixels = decode_image(question.image, max_pixels=app_services.settings.max_image_pixels)
        prepared = prepare(pixels, keep_steps=with_steps)
    loaded = find_model()
    reading = app_services.read(loaded, prepared, question.thresholds, in_event_loop=in_event_loop)
    reply: dict[str, Any] = {**readings.reading(reading, loaded.version)}
    if with_glyph:
        reply["glyph"] = readings.glyph(prepared)
    if with_steps:
        reply["steps"] = readings.steps(prepared)
    return reply


def _read_number(find_model: Callable[[], Loaded], question: Question) -> numbers.NamedNumber:
    """Read several digits; strokes and boxes are in pixels of the picture that was sent."""
    most_pixels = services().settings.max_image_pixels
    pixels, scale = decode_with_scale(question.image, max_pixels=most_pixels, side_px=NUMBER_SIDE_PX)
    loaded = find_model()
    strokes = [stroke / scale for stroke in question.strokes]
    number = loaded.recogniser.read_number(pixels, strokes, question.thresholds, question.expected)
    _count(number, loaded, question)
    return numbers.named(number.scaled(scale), loaded.version)


def _read_fields(find_model: Callable[[], Loaded], question: Question) -> numbers.NamedForm:
    """Read the fields of a form, within a limit of time."""
    loaded = find_model()
    started_s, found = time.thread_time(), []
    each_field = loaded.recogniser.each_field(
        question.image, question.fields, question.thresholds, services().settings.max_image_pixels
    )
    for field, number in zip(question.fields, each_field, strict=True):
        _count(number, loaded, question)
        found.append((field, number))
        if time.thread_time() - started_s > MOST_READING_S:
            raise InvalidInput(
                f"the fields took longer than {MOST_READING_S:g} s to read; send fewer at a time", field="fields"
            )
    return numbers.form(found, loaded.version)


def _count(number: NumberReading, loaded: Loaded, question: Question) -> None:
    """Count each digit as a reading."""
    is_typical = not (question.thresholds or loaded.is_personal)
    for digit in number.digits:
        found = digit.reading
        services().observer.observe_reading(
            found.verdict, found.confidence, None, loaded.version.version, is_typical=is_typical
        )
