"""Asking another version than the one in production, and looking into one."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from mnist_classifier.recognition.imaging.decode import decode_base64, encode_png
from mnist_classifier.web.services.services import Services
from tests.web.asserts import assert_error, assert_reading
from tests.web.routes.test_predict import SEVEN, png
from tests.web.routes.test_routes import MANIFEST, write_files


@pytest.fixture
def second(services: Services) -> None:
    """Version 1, with the network of the model in the box, beside it."""
    services.registry.save({**MANIFEST, "name": "second"}, write_files)


@pytest.mark.usefixtures("second")
def test_another_version_answers_where_it_is_asked_for(client: FlaskClient):
    replies = [
        client.post("/predict?version=1", json={"image": SEVEN}),
        client.post("/predict", json={"image": SEVEN, "version": 1}),
        client.post("/predict", json={"image": SEVEN, "version": "1"}),
        client.post("/predict", data={"file": (io.BytesIO(png()), "seven.png"), "version": "1"}),
        client.post("/predict?version=1", data=png(), content_type="image/png"),
    ]
    assert [assert_reading(reply)["model"] for reply in replies] == [{"version": 1, "name": "second"}] * 5
    assert assert_reading(client.post("/predict", json={"image": SEVEN}))["model"]["version"] == 0


@pytest.mark.usefixtures("second")
def test_numbers_are_read_by_another_version_too(client: FlaskClient):
    reply = client.post("/predict", json={"image": SEVEN, "version": 1, "mode": "number"})
    assert (reply.get_json()["number"], reply.get_json()["model"]["version"]) == ("7", 1)


@pytest.mark.parametrize("version", ["production", "0", 0])
def test_the_version_in_production_can_be_named(client: FlaskClient, version: str | int):
    body = assert_reading(client.post("/predict", json={"image": SEVEN, "version": version}))
    assert body["model"]["version"] == 0


@pytest.mark.parametrize("version", ["", "newest", "-1", -1, "1" * 30, "²", 1.5, True, [1]])
def test_what_is_no_version_is_refused(client: FlaskClient, version: Any):
    assert_error(client.post("/predict", json={"image": SEVEN, "version": version}), 400, "invalid_input", "version")


@pytest.mark.parametrize("version", ["5", 5])
def test_a_version_that_is_not_there_is_not_found(client: FlaskClient, version: Any):
    assert_error(client.post("/predict", json={"image": SEVEN, "version": version}), 404, "version_missing", "version")


@pytest.mark.usefixtures("second")
def test_a_version_whose_file_was_changed_is_no_answer(client: FlaskClient, services: Services):
    (services.registry.folder(1) / "model.onnx").write_bytes(b"nonsense")
    assert_error(client.post("/predict?version=1", json={"image": SEVEN}), 500, "model_corrupt")
    assert_reading(client.post("/predict", json={"image": SEVEN}))


def test_feature_maps_are_pictures_of_one_scale(client: FlaskClient):
    body = client.post("/api/explore/activations", json={"image": SEVEN}).get_json()
    assert set(body) == {"model", "glyph", "blocks", "elapsed_ms"}
    first, second = body["blocks"]
    assert (first["name"], first["channels"], first["height"], first["width"]) == ("block1", 32, 7, 7)
    assert (second["name"], second["channels"], second["height"], second["width"]) == ("block2", 48, 3, 3)
    assert len(second["maps"]) == 48
    for block in (first, second):
        peaks = [each["strongest"] for each in block["maps"]]
        assert max(peaks) == block["strongest"]
        pictures = [np.asarray(Image.open(io.BytesIO(decode_base64(each["image"])))) for each in block["maps"]]
        assert max(each.max() for each in pictures) == 255
        assert pictures[0].shape[:2] == (block["height"], block["width"])
        assert [int(each.max()) for each in pictures] == pytest.approx(
            [255 * peak / block["strongest"] for peak in peaks], abs=0.6
        )


def test_a_blank_has_no_feature_maps(client: FlaskClient):
    blank = base64.b64encode(encode_png(np.zeros((28, 28), np.uint8))).decode()
    body = client.post("/api/explore/activations", json={"image": blank}).get_json()
    assert (body["glyph"], body["blocks"]) == (None, [])


@pytest.mark.parametrize("path", ["activations", "explain"])
@pytest.mark.usefixtures("second")
def test_looking_inside_takes_a_version_and_one_digit(client: FlaskClient, path: str):
    found = client.post(f"/api/explore/{path}?version=1", json={"image": SEVEN})
    assert found.get_json()["model"] == {"version": 1, "name": "second"}
    number = client.post(f"/api/explore/{path}", json={"image": SEVEN, "mode": "number"})
    assert_error(number, 400, "invalid_input", "mode")
    missing = client.post(f"/api/explore/{path}?version=9", json={"image": SEVEN})
    assert_error(missing, 404, "version_missing", "version")
