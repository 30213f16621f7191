from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.data import mnist, mnist_sample
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_image, encode_png
from mnist_classifier.web.services.services import Services
from tests.handwriting import glyphs
from tests.web.asserts import KEYS, assert_error
from tests.web.routes.test_predict import SEVEN, png
from tests.web.routes.test_routes import MANIFEST, write_files

FEW = glyphs(12)
# One label is wrong on purpose: image 5 is a 7.
LABELS = FEW.labels.copy()
LABELS[5] = 1
EXPLANATION = KEYS | {"glyph", "steps", "saliency", "neighbours"}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both MNIST files hold twelve glyphs over and over."""
    rows = np.arange(5100) % 12
    images = mnist.Images(FEW.images[rows], LABELS[rows])
    test = mnist.Images(FEW.images, LABELS)
    monkeypatch.setattr(mnist, "load", lambda directories, split: test if split == mnist.TEST else images)


def got(client: FlaskClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def test_without_the_files_every_route_shows_the_200_test_images_of_the_package(client: FlaskClient):
    assert got(client, "/api/explore")["dataset"]["status"] == "missing"
    summary, sample = got(client, "/api/explore/summary"), mnist_sample.load()
    assert (summary["is_sample"], summary["images"], summary["disputed"]["images"]) == (True, 200, 0)
    gallery = got(client, "/api/explore/images?show=all&limit=100&offset=100")
    assert (gallery["is_sample"], gallery["total"]) == (True, 200)
    assert [each["index"] for each in gallery["images"]] == sample.rows[100:].tolist()
    number = int(sample.rows[150])
    image = got(client, f"/api/explore/images/test/{number}")
    assert (image["index"], image["row"], image["label"]) == (number, number, sample.labels[150])
    assert image["neighbours"] is None
    assert image["glyph"] == gallery["images"][50]["image"]


def test_what_the_200_images_lack_is_missing_with_what_to_do(client: FlaskClient):
    for path in ("summary?split=validation", "images?split=validation", "images/validation/0", "images/test/5"):
        message = assert_error(client.get(f"/api/explore/{path}"), 404, "data_missing")
        assert "mnist data" in message
    assert_error(client.get("/api/explore/images/test/10000"), 400, "invalid_input", "index")


def test_the_choices_name_every_version_and_the_one_that_answers(client: FlaskClient, services: Services):
    services.registry.save(MANIFEST, write_files)
    body = got(client, "/api/explore")
    assert [each["version"] for each in body["versions"]] == [1, 0]
    assert body["production"] == 0
    assert body["splits"] == ["test", "validation"]


@pytest.mark.usefixtures("files")
def test_the_summary_has_the_matrix_and_each_digit(client: FlaskClient):
    body = got(client, "/api/explore/summary")
    assert body["model"] == {"version": 0, "name": "pretrained"}
    assert (body["split"], body["is_sample"], body["images"], body["correct"]) == ("test", False, 12, 11)
    assert body["confusion"][1][7] == 1
    assert [each["digit"] for each in body["per_class"]] == list(range(10))
    assert sum(body["verdicts"].values()) == 12
    assert got(client, "/api/explore/summary?split=validation&version=0")["images"] == 5000


@pytest.mark.usefixtures("files")
def test_a_version_can_be_chosen(client: FlaskClient, services: Services):
    services.registry.save(MANIFEST, write_files)
    assert got(client, "/api/explore/summary?version=1")["model"]["version"] == 1
    assert got(client, "/api/explore/summary?version=production")["model"]["version"] == 0


@pytest.mark.usefixtures("files")
def test_the_cells_of_the_matrix_open_the_images_behind_them(client: FlaskClient):
    confusion = got(client, "/api/explore/summary")["confusion"]
    for label in range(10):
        for prediction in range(10):
            found = got(client, f"/api/explore/images?show=all&label={label}&prediction={prediction}")
            assert found["total"] == confusion[label][prediction]
            for image in found["images"]:
                assert (image["label"], image["prediction"]) == (label, prediction)


@pytest.mark.usefixtures("files")
def test_a_thumbnail_says_what_it_is_and_what_it_was_read_as(client: FlaskClient):
    (image,) = got(client, "/api/explore/images")["images"]
    assert {name: image[name] for name in ("index", "row", "label", "prediction", "disputed", "verdict")} == {
        "index": 5,
        "row": 5,
        "label": 1,
        "prediction": 7,
        "disputed": False,
        "verdict": "digit",
    }
    assert 0.9 < image["confidence"] < 1
    assert np.array_equal(decode_image(decode_base64(image["image"]), max_pixels=10**6), FEW.images[5])


@pytest.mark.usefixtures("files")
def test_pages_follow_each_other_without_gap_or_overlap(client: FlaskClient):
    everything = got(client, "/api/explore/images?show=uncertain&limit=100")
    assert everything["total"] == 12
    pages = [got(client, f"/api/explore/images?show=uncertain&limit=5&offset={offset}") for offset in (0, 5, 10, 15)]
    assert [len(page["images"]) for page in pages] == [5, 5, 2, 0]
    assert [image for page in pages for image in page["images"]] == everything["images"]
    confidences = [image["confidence"] for image in everything["images"]]
    assert confidences == sorted(confidences)


@pytest.mark.usefixtures("files")
def test_one_image_is_shown_with_everything_behind_its_reading(client: FlaskClient):
    body = got(client, "/api/explore/images/test/5")
    assert set(body) == EXPLANATION | {"index", "row", "label", "disputed", "split"}
    assert (body["label"], body["prediction"], body["verdict"]) == (1, 7, "digit")
    assert body["saliency"]["digit"] == 7
    for part in ("ink", "gaps"):
        assert np.array(body["saliency"][part]).shape == (28, 28)
    assert [step["name"] for step in body["steps"]][-1] == "glyph"
    assert len(body["neighbours"]) == 8
    assert body["neighbours"][0]["similarity"] == 1
    assert got(client, "/api/explore/images/test/5?digit=1")["saliency"]["digit"] == 1


@pytest.mark.parametrize("path", ["summary?version=99", "images?version=99", "images/test/0?version=99"])
@pytest.mark.usefixtures("files")
def test_a_version_that_is_not_there_is_not_found_as_everywhere(client: FlaskClient, path: str):
    message = assert_error(client.get(f"/api/explore/{path}"), 404, "version_missing", "version")
    assert message == assert_error(client.get("/api/models/99"), 404, "version_missing")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("summary?split=train", "split"),
        ("summary?version=newest", "version"),
        ("images?show=best", "show"),
        ("images?label=10", "label"),
        ("images?prediction=-1", "prediction"),
        ("images?offset=x", "offset"),
        ("images?limit=0", "limit"),
        ("images?limit=101", "limit"),
        ("images?label=", "label"),
        ("images?limit=99999999999999999999", "limit"),
        ("images/train/0", "split"),
        ("images/test/12", "index"),
        ("images/test/0?digit=ten", "digit"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_cannot_be_asked_is_refused_with_its_field(client: FlaskClient, path: str, field: str):
    assert_error(client.get(f"/api/explore/{path}"), 400, "invalid_input", field)


@pytest.mark.usefixtures("files")
def test_any_image_is_explained_whatever_the_body(client: FlaskClient):
    replies = [
        client.post("/api/explore/explain", json={"image": SEVEN}),
        client.post("/api/explore/explain", data=png(), content_type="image/png"),
    ]
    for reply in replies:
        assert reply.status_code == 200, reply.text
        body = reply.get_json()
        assert set(body) == EXPLANATION
        assert (body["prediction"], body["saliency"]["digit"]) == (7, 7)
        assert [step["name"] for step in body["steps"]] == ["grey", "ink", "glyph"]
        assert body["neighbours"][0]["label"] == 7


def test_a_drawing_is_explained_without_the_files_too(client: FlaskClient):
    body = client.post("/api/explore/explain", json={"image": SEVEN}).get_json()
    assert body["neighbours"] is None
    assert body["saliency"]["digit"] == 7


def test_a_blank_has_nothing_to_explain(client: FlaskClient):
    blank = base64.b64encode(encode_png(np.zeros((280, 280), np.uint8))).decode()
    body = client.post("/api/explore/explain", json={"image": blank}).get_json()
    assert (body["verdict"], body["glyph"], body["saliency"], body["neighbours"]) == ("blank", None, None, None)


def test_bad_questions_are_refused_as_by_predict(client: FlaskClient):
    assert_error(client.post("/api/explore/explain", json={}), 400, "invalid_image", "image")
    number = {"image": SEVEN, "mode": "number"}
    assert_error(client.post("/api/explore/explain", json=number), 400, "invalid_input", "mode")
    foreign = client.post("/api/explore/explain", json={"image": SEVEN}, headers={"Sec-Fetch-Site": "cross-site"})
    assert_error(foreign, 403, "cross_site_request")
