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
from mnist_classifier.recognition.imaging.crops import MOST_PIXELS
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import LONGEST, MOST_FIELDS
from mnist_classifier.recognition.numbers.form import MOST_BYTES
from tests.recognition.test_recogniser import seven_and_one
from tests.web.asserts import assert_error

STROKES, SIZE = seven_and_one()
NUMBER = draw(STROKES, 14, SIZE)
PLACES = ((30, 20), (30, SIZE[1] + 60))
BOXES = [[x, y, *SIZE] for x, y in PLACES]
FIELDS = [{"name": name, "box": box} for name, box in zip(("day", "month"), BOXES, strict=True)]


def form() -> bytes:
    """Two numbers, one below the other, and a line between them."""
    page = np.full((2 * SIZE[1] + 120, SIZE[0] + 80), NUMBER.max() if NUMBER.mean() > 127 else 0, np.uint8)
    for x, y in PLACES:
        page[y : y + SIZE[1], x : x + SIZE[0]] = NUMBER
    return encode_png(page)


PICTURE = form()
IMAGE = base64.b64encode(PICTURE).decode()


def asked(client: FlaskClient, *arguments: Any, **options: Any) -> dict[str, Any]:
    response = client.post(*arguments, **options)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def test_each_field_of_a_form_is_read_in_the_order_of_the_request(client: FlaskClient):
    body = asked(client, "/predict", json={"image": IMAGE, "fields": FIELDS[::-1]})
    assert set(body) == {"fields", "model", "elapsed_ms"}
    assert [field["name"] for field in body["fields"]] == ["month", "day"]
    for field, box in zip(body["fields"], BOXES[::-1], strict=True):
        assert set(field) == {each.name for each in dataclasses.fields(NumberReading)} | {"name", "box"}
        assert (field["number"], field["box"]) == ("71", box)


def test_the_boxes_of_digits_are_in_pixels_of_the_whole_form(client: FlaskClient):
    body = asked(client, "/predict", json={"image": IMAGE, "fields": FIELDS})
    alone = asked(client, "/predict?mode=number", data=encode_png(NUMBER), content_type="image/png")
    for field, (left, top) in zip(body["fields"], PLACES, strict=True):
        for digit, own in zip(field["digits"], alone["digits"], strict=True):
            assert digit["box"] == [own["box"][0] + left, own["box"][1] + top, *own["box"][2:]]
            assert digit["probabilities"] == pytest.approx(own["probabilities"], abs=1e-5)


def test_json_and_form_ask_for_fields_alike(client: FlaskClient):
    sent = {"file": (io.BytesIO(PICTURE), "form.png"), "fields": json.dumps(FIELDS)}
    by_form = asked(client, "/predict", data=sent)
    by_json = asked(client, "/predict?mode=number", json={"image": IMAGE, "mode": "number", "fields": FIELDS})
    assert by_form["fields"] == by_json["fields"]


def test_a_field_that_reaches_beyond_the_picture_is_read_as_far_as_there_is_picture(client: FlaskClient):
    beyond = [{"name": "a", "box": [-500, -500, 900 + SIZE[0], 540 + SIZE[1]]}]
    (field,) = asked(client, "/predict", json={"image": IMAGE, "fields": beyond})["fields"]
    assert field["number"] == "71"
    assert all(min(digit["box"]) >= 0 for digit in field["digits"])


@pytest.mark.parametrize("length", [5, 2])
def test_what_is_known_of_a_number_is_used_however_it_is_sent(client: FlaskClient, length: int):
    one = encode_png(NUMBER)
    image = base64.b64encode(one).decode()
    answers = [
        asked(client, "/predict", json={"image": image, "mode": "number", "length": length}),
        asked(client, f"/predict?mode=number&length={length}", data=one, content_type="image/png"),
        asked(client, "/predict?length=9", json={"image": image, "mode": "number", "length": length}),
        asked(client, "/predict", data={"file": (io.BytesIO(one), "71.png"), "mode": "number", "length": str(length)}),
    ]
    assert len({json.dumps({**answer, "elapsed_ms": 0}) for answer in answers}) == 1
    (field,) = asked(client, "/predict", json={"image": IMAGE, "fields": [{**FIELDS[0], "length": length}]})["fields"]
    assert (field["number"], field["verdict"]) == (answers[0]["number"], answers[0]["verdict"])


KNOWN = {"mode": "number"}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({**KNOWN, "length": 0}, "length"),
        ({**KNOWN, "length": LONGEST + 1}, "length"),
        ({**KNOWN, "length": "5"}, "length"),
        ({**KNOWN, "length": 10**400}, "length"),
        ({**KNOWN, "length": None}, "length"),
        ({**KNOWN, "pattern": ""}, "pattern"),
        ({**KNOWN, "pattern": "dd.mm.yy"}, "pattern"),
        ({**KNOWN, "pattern": "d" * 100_000}, "pattern"),
        ({**KNOWN, "allowed": ""}, "allowed"),
        ({**KNOWN, "allowed": "x" * 100_000}, "allowed"),
        ({**KNOWN, "length": 2, "pattern": "dd"}, "length"),
        ({"length": 2}, "length"),
        ({"mode": "digit", "allowed": "17"}, "allowed"),
        ({"mode": "digit", "fields": FIELDS}, "mode"),
        ({"fields": FIELDS, "length": 2}, "length"),
        ({"fields": FIELDS, "strokes": [[[1, 1]]]}, "strokes"),
        ({"fields": None}, "fields"),
        ({"fields": {}}, "fields"),
        ({"fields": []}, "fields"),
        ({"fields": [*FIELDS, "x"]}, "fields[2]"),
        ({"fields": [*FIELDS, {"name": "x"}]}, "fields[2].box"),
        ({"fields": [*FIELDS, {"name": "", "box": BOXES[0]}]}, "fields[2].name"),
        ({"fields": [*FIELDS, {"name": "x" * 101, "box": BOXES[0]}]}, "fields[2].name"),
        ({"fields": [*FIELDS, {"name": "day", "box": BOXES[0]}]}, "fields[2].name"),
        ({"fields": [*FIELDS, {"name": "x", "box": [1, 2, 3]}]}, "fields[2].box"),
        ({"fields": [*FIELDS, {"name": "x", "box": [1, 2, 3, 0]}]}, "fields[2].box[3]"),
        ({"fields": [*FIELDS, {"name": "x", "box": [1, 2, 3, 10**400]}]}, "fields[2].box[3]"),
        ({"fields": [*FIELDS, {"name": "x", "box": [5000, 2, 300, 200]}]}, "fields[2].box"),
        ({"fields": [*FIELDS, {"name": "x", "box": [0, 0, 300, 7]}]}, "fields[2].box"),
        ({"fields": [*FIELDS, {"name": "x", "box": BOXES[0], "lenght": 5}]}, "fields[2].lenght"),
        ({"fields": [*FIELDS, {"name": "x", "box": BOXES[0], "length": 99}]}, "fields[2].length"),
        ({"fields": [*FIELDS, {"name": "x", "box": BOXES[0], "pattern": "no"}]}, "fields[2].pattern"),
        ({"fields": [*FIELDS, {"name": "x", "box": BOXES[0], "allowed": "a"}]}, "fields[2].allowed"),
        ({"fields": [{"name": str(number), "box": BOXES[0]} for number in range(MOST_FIELDS + 1)]}, "fields"),
    ],
)
def test_an_error_names_the_exact_field(client: FlaskClient, sent: dict[str, Any], field: str):
    response = client.post("/predict", json={"image": IMAGE, **sent})
    assert_error(response, 400, "invalid_input", field)
    assert len(response.get_json()["error"]["message"]) < 300


@pytest.mark.parametrize(
    "query", ["length=0", "length=", "length=x", "pattern=", "pattern=word", "allowed=", "allowed=x"]
)
def test_the_query_is_checked_too(client: FlaskClient, query: str):
    response = client.post(f"/predict?mode=number&{query}", data=PICTURE, content_type="image/png")
    assert_error(response, 400, "invalid_input", query.partition("=")[0])


@pytest.mark.parametrize("text", ["[", "", "x" * (MOST_BYTES + 1), "[" * 100_000, '[{"name": "\ud800"}]'])
def test_fields_in_a_form_are_json(client: FlaskClient, text: str):
    sent = {"file": (io.BytesIO(PICTURE), "form.png"), "fields": text.encode("utf-8", "surrogatepass")}
    assert_error(client.post("/predict", data=sent), 400, "invalid_input", "fields")


def test_fields_that_cover_a_large_picture_again_and_again_are_refused(client: FlaskClient):
    page = encode_png(np.full((1000, 1000), 255, np.uint8))
    image = base64.b64encode(page).decode()
    most = MOST_PIXELS // 10**6
    fields = [{"name": str(number), "box": [0, 0, 1000, 1000]} for number in range(most + 1)]
    assert_error(client.post("/predict", json={"image": image, "fields": fields}), 400, "invalid_input", "fields")
    assert len(asked(client, "/predict", json={"image": image, "fields": fields[:most]})["fields"]) == most


def test_fields_that_take_too_long_are_refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_classifier.web.routes.predict.MOST_READING_S", 0.0)
    response = client.post("/predict", json={"image": IMAGE, "fields": FIELDS})
    assert_error(response, 400, "invalid_input", "fields")
    assert "longer than" in response.get_json()["error"]["message"]
