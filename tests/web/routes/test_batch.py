from __future__ import annotations

import base64
import gzip
import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.batch import REFUSED, VERDICTS
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.web.app import create_app
from mnist_classifier.web.routes import batch as batch_api
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.data.test_mnist import idx
from tests.web.asserts import assert_error, assert_reading

URL = "/api/predict/batch"


@pytest.fixture(scope="module")
def glyphs(digits: mnist.Images) -> np.ndarray:
    """Digits, noise and a blank."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    return np.concatenate([digits.images, noise, np.zeros((1, 28, 28), np.uint8)])


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def base64_of(glyph: np.ndarray) -> str:
    return base64.b64encode(encode_png(glyph)).decode()


def test_every_form_of_a_batch_gives_the_same_answer(client: FlaskClient, glyphs: np.ndarray):
    replies = [
        client.post(URL, data=saved(glyphs), content_type="application/x-npy"),
        client.post(URL, data=saved(glyphs.reshape(-1, 784)), content_type="application/octet-stream"),
        client.post(URL, data=saved(glyphs), content_type="application/x-www-form-urlencoded"),  # as curl has it
        client.post(URL, data=idx(glyphs)),
        client.post(URL, data=gzip.compress(idx(glyphs)), content_type="application/gzip"),
        client.post(URL, data={"file": (io.BytesIO(saved(glyphs)), "glyphs.npy")}),
        client.post(URL, data={"file": (io.BytesIO(gzip.compress(idx(glyphs))), "glyphs.gz")}),
        client.post(URL, json={"glyphs": glyphs.tolist()}),
        client.post(URL, json={"glyphs": glyphs.reshape(-1, 784).tolist()}),
    ]
    bodies = [reply.get_json() for reply in replies]
    for body in bodies:
        assert body.pop("elapsed_ms") > 0
        assert body == bodies[0]


def test_a_batch_says_what_predict_says_of_each(client: FlaskClient, glyphs: np.ndarray):
    batch = client.post(URL + "?probabilities=1", data=saved(glyphs)).get_json()
    assert batch["count"] == len(glyphs)
    assert batch["model"] == {"version": 0, "name": "pretrained"}
    for index, glyph in enumerate(glyphs):
        reading = assert_reading(
            client.post("/predict", data=glyph.tobytes(), content_type="application/x-mnist-glyph")
        )
        assert batch["predictions"][index] == reading["prediction"]
        assert batch["verdicts"][index] == reading["verdict"]
        assert batch["confidences"][index] == pytest.approx(reading["confidence"], abs=2e-6)
        assert batch["not_a_digit"][index] == pytest.approx(reading["not_a_digit"], abs=2e-6)
        assert batch["probabilities"][index] == pytest.approx(reading["probabilities"], abs=2e-6)
    assert set(batch["verdicts"]) >= {"digit", "blank"}


def test_probabilities_come_only_when_they_are_asked_for(client: FlaskClient, glyphs: np.ndarray):
    assert "probabilities" not in client.post(URL, data=saved(glyphs)).get_json()


@pytest.mark.parametrize("query", ["", "?probabilities=1"])
def test_an_array_is_given_to_whoever_accepts_one(client: FlaskClient, glyphs: np.ndarray, query: str):
    expected = client.post(URL + "?probabilities=1", data=saved(glyphs)).get_json()
    reply = client.post(URL + query, data=saved(glyphs), headers={"Accept": "application/x-npy"})
    assert (reply.status_code, reply.mimetype) == (200, "application/x-npy")
    assert reply.headers["Mnist-Model-Version"] == "0"
    records = np.load(io.BytesIO(reply.data), allow_pickle=False)
    assert [None if digit == REFUSED else digit for digit in records["prediction"]] == expected["predictions"]
    assert [VERDICTS[code].value for code in records["verdict"]] == expected["verdicts"]
    assert records["confidence"] == pytest.approx(np.array(expected["confidences"]), abs=2e-6)
    assert records["not_a_digit"] == pytest.approx(np.array(expected["not_a_digit"]), abs=2e-6)
    assert ("probabilities" in records.dtype.names) == bool(query)
    if query:
        assert records["probabilities"] == pytest.approx(np.array(expected["probabilities"]), abs=2e-6)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, application/x-npy;q=0.5", "text/html"]
)
def test_everybody_else_gets_json(client: FlaskClient, glyphs: np.ndarray, accept: str):
    assert client.post(URL, data=saved(glyphs), headers={"Accept": accept}).mimetype == "application/json"


def test_thresholds_and_version_are_taken_from_body_and_query(client: FlaskClient, glyphs: np.ndarray):
    few = {"glyphs": glyphs[:2].tolist()}
    expected = ["ambiguous", "ambiguous"]
    assert client.post(URL, json={**few, "ambiguous_below": 1}).get_json()["verdicts"] == expected
    assert client.post(URL + "?ambiguous_below=1&version=0", data=saved(glyphs[:2])).get_json()["verdicts"] == expected
    assert_error(client.post(URL, json={**few, "version": 7}), 404, "version_missing", "version")
    assert_error(client.post(URL + "?ambiguous_below=2", json=few), 400, "invalid_input", "ambiguous_below")


def test_pictures_are_prepared_as_predict_does(client: FlaskClient):
    drawing = np.zeros((280, 280), np.uint8)
    drawing[40:240, 130:150] = 255
    pictures = [drawing, 255 - drawing, np.zeros((50, 50), np.uint8)]
    body = client.post(URL, json={"images": [base64_of(picture) for picture in pictures]}).get_json()
    for index, picture in enumerate(pictures):
        reading = assert_reading(client.post("/predict", data=encode_png(picture), content_type="image/png"))
        assert body["predictions"][index] == reading["prediction"]
        assert body["confidences"][index] == pytest.approx(reading["confidence"], abs=2e-6)
    assert body["verdicts"][2] == "blank"


def test_no_glyphs_give_no_readings(client: FlaskClient):
    for reply in (
        client.post(URL, json={"glyphs": []}),
        client.post(URL, json={"images": []}),
        client.post(URL, data=saved(np.empty((0, 28, 28), np.uint8))),
    ):
        assert (reply.status_code, reply.get_json()["count"], reply.get_json()["predictions"]) == (200, 0, [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"glyphs": [], "images": []}, None),
        ({"glyphs": 7}, "glyphs"),
        ({"glyphs": [[1, 2]]}, "glyphs[0]"),
        ({"images": 7}, "images"),
        ({"images": [7]}, "images"),
        ([], None),
    ],
)
def test_a_bad_body_is_refused_in_words(client: FlaskClient, body: object, field: str | None):
    assert_error(client.post(URL, json=body), 400, "invalid_input", field)


def test_a_bad_picture_is_named(client: FlaskClient, glyphs: np.ndarray):
    images = [base64_of(glyphs[0]), base64.b64encode(b"no picture").decode()]
    message = assert_error(client.post(URL, json={"images": images}), 400, "invalid_image", "images[1]")
    assert message.startswith("images[1]: ")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\x93NUMPY", b"\x1f\x8b", b"\0\0", struct.pack(">4I", 0x0803, 2**31, 28, 28), saved(np.zeros(3))],
)
def test_a_damaged_file_is_refused_in_words(client: FlaskClient, data: bytes):
    assert_error(client.post(URL, data=data), 400, "invalid_input")
    assert_error(client.post(URL, data={"file": (io.BytesIO(data), "x")}), 400, "invalid_input", "file")


def test_a_form_without_a_file_is_refused(client: FlaskClient):
    assert_error(client.post(URL, data={"other": (io.BytesIO(b"x"), "x")}), 400, "invalid_input", "file")


def test_the_byte_limit_holds_packed_and_unpacked(settings: Settings):
    app = create_app(replace(settings, max_body_bytes=100_000))
    client = app.test_client()
    many = np.zeros((200, 28, 28), np.uint8)
    assert_error(client.post(URL, data=saved(many)), 413, "request_too_large")
    message = assert_error(client.post(URL, data=gzip.compress(idx(many))), 400, "invalid_input")
    assert "100000 bytes" in message
    assert client.post(URL, data=gzip.compress(idx(many[:100]))).get_json()["count"] == 100
    app.extensions[EXTENSION].close()


def test_json_holds_two_thousand_glyphs_and_a_file_as_many_as_its_bytes(client: FlaskClient):
    row = b"[" + b",".join([b"0"] * 784) + b"]"
    most = [row] * 2000
    assert client.post(URL, data=b'{"glyphs":[%s]}' % b",".join(most)).get_json()["count"] == 2000
    reply = client.post(URL, data=b'{"glyphs":[%s]}' % b",".join([*most, row]))
    assert "at most 2,000 glyphs are read from JSON" in assert_error(reply, 400, "invalid_input", "glyphs")
    assert client.post(URL, data=saved(np.zeros((2001, 28, 28), np.uint8))).get_json()["count"] == 2001


def test_pictures_are_limited_in_number_and_in_pixels_together(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    app = create_app(replace(settings, max_image_pixels=1000))
    client = app.test_client()
    picture = base64_of(np.zeros((20, 20), np.uint8))
    assert client.post(URL, json={"images": [picture] * 2}).get_json()["count"] == 2
    assert_error(client.post(URL, json={"images": [picture] * 3}), 413, "image_too_large", "images[2]")
    monkeypatch.setattr(batch_api, "MOST_PICTURES", 1)
    assert_error(client.post(URL, json={"images": [picture] * 2}), 400, "invalid_input", "images")
    app.extensions[EXTENSION].close()


def test_other_sites_may_read_batches_as_they_may_read_images(client: FlaskClient, glyphs: np.ndarray):
    assert client.post(URL, data=saved(glyphs), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_batch_is_counted_reading_by_reading(client: FlaskClient, services: Services, glyphs: np.ndarray):
    verdicts = client.post(URL, data=saved(glyphs)).get_json()["verdicts"]
    text = client.get("/metrics").text
    for verdict in VERDICTS:
        assert f'mnist_readings_total{{verdict="{verdict.value}",version="0"}} {verdicts.count(verdict)}.0' in text


@pytest.mark.mnist
def test_the_test_images_are_read_over_http_as_well_as_the_card_says(
    client: FlaskClient, services: Services, mnist_dirs: list[Path]
):
    test = mnist.load(mnist_dirs, mnist.TEST)
    reply = client.post(URL + "?probabilities=1", data=idx(test.images), headers={"Accept": "application/x-npy"})
    records = np.load(io.BytesIO(reply.data))
    right = int((records["probabilities"].argmax(axis=1) == test.labels).sum())
    assert right == services.model.current().version.metrics["test"]["correct"]
