from __future__ import annotations

import base64
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.records import NumberReading
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.imaging.decode import encode_png
from tests.recognition.test_recogniser import seven_and_one
from tests.web.asserts import KEYS, assert_error

STROKES, SIZE = seven_and_one()
PICTURE = encode_png(draw(STROKES, 14, SIZE))
IMAGE = base64.b64encode(PICTURE).decode()
PATHS = [stroke.tolist() for stroke in STROKES]


def asked(client: FlaskClient, *arguments: Any, **options: Any) -> dict[str, Any]:
    response = client.post(*arguments, **options)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    assert set(body) == {field.name for field in dataclasses.fields(NumberReading)} | {"model", "elapsed_ms"}
    for digit in body["digits"]:
        assert set(digit) == KEYS - {"model", "elapsed_ms"} | {"box"}
    return body


@pytest.mark.parametrize("strokes", [{}, {"strokes": PATHS}, {"strokes": []}, {"strokes": None}])
def test_a_number_is_read(client: FlaskClient, strokes: dict[str, Any]):
    body = asked(client, "/predict", json={"image": IMAGE, "mode": "number", **strokes})
    assert (body["number"], body["verdict"]) == ("71", "number")
    assert [digit["prediction"] for digit in body["digits"]] == [7, 1]
    assert 0.9 < body["confidence"] < 1


def test_json_form_and_query_ask_alike(client: FlaskClient):
    form = {"file": (io.BytesIO(PICTURE), "71.png"), "mode": "number", "strokes": json.dumps(PATHS)}
    bodies = [
        asked(client, "/predict", json={"image": IMAGE, "mode": "number", "strokes": PATHS}),
        asked(client, "/predict?mode=number", json={"image": IMAGE, "strokes": PATHS}),
        asked(client, "/predict", data=form),
    ]
    assert len({json.dumps(body["digits"]) for body in bodies}) == 1
    raw = asked(client, "/predict?mode=number", data=PICTURE, content_type="image/png")
    assert raw["number"] == "71"


def test_boxes_and_strokes_are_in_pixels_of_the_picture_that_was_sent(client: FlaskClient):
    small = asked(client, "/predict", json={"image": IMAGE, "mode": "number", "strokes": PATHS})
    enlarged = encode_png(draw([stroke * 6 for stroke in STROKES], 14 * 6, (SIZE[0] * 6, SIZE[1] * 6)))
    paths = [(stroke * 6).tolist() for stroke in STROKES]
    image = base64.b64encode(enlarged).decode()
    large = asked(client, "/predict", json={"image": image, "mode": "number", "strokes": paths})
    assert large["number"] == "71"
    for one, other in zip(small["digits"], large["digits"], strict=True):
        assert np.abs(np.array(other["box"]) - 6 * np.array(one["box"])).max() <= 12


def test_a_blank_picture_is_blank(client: FlaskClient):
    blank = encode_png(np.zeros((100, 300), np.uint8))
    body = asked(client, "/predict?mode=number", data=blank, content_type="image/png")
    assert (body["number"], body["verdict"], body["digits"], body["confidence"]) == (None, "blank", [], 0)


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"mode": "poem"}, "mode"),
        ({"mode": ["number"]}, "mode"),
        ({"mode": None}, "mode"),
        ({"mode": "number", "strokes": "text"}, "strokes"),
        ({"mode": "number", "strokes": [[[1]]]}, "strokes"),
        ({"mode": "number", "strokes": [[[1, None]]]}, "strokes"),
        ({"mode": "number", "strokes": [[[0, 0]]] * 501}, "strokes"),
    ],
)
def test_bad_fields_are_named(client: FlaskClient, extra: dict[str, Any], field: str):
    assert_error(client.post("/predict", json={"image": IMAGE, **extra}), 400, "invalid_input", field)


@pytest.mark.parametrize("text", ["[", "[[[1, NaN]]]", "[" * 100_000, "7"])
def test_strokes_in_a_form_are_json(client: FlaskClient, text: str):
    form = {"file": (io.BytesIO(PICTURE), "71.png"), "mode": "number", "strokes": text}
    assert_error(client.post("/predict", data=form), 400, "invalid_input", "strokes")


@pytest.mark.parametrize("size", [(8, 8), (10_000, 8), (8, 10_000), (900, 900)])
def test_extreme_shapes_of_noise_are_answered(client: FlaskClient, size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    asked(client, "/predict?mode=number", data=encode_png(pixels), content_type="image/png")
