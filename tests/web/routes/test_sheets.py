from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers
from mnist_classifier.learning.filled_sheets import fill
from tests.web.asserts import assert_error
from tests.web.conftest import MakeClient

TOKEN = "correct-horse-battery"
EMPTY = frozenset({0, 99})


@pytest.fixture(scope="module")
def photo() -> str:
    """A sheet whose threes look like eights, with two empty boxes, as base64."""
    writer = generated_writers(3)[0]
    swapped = Writer({**writer.digits, "3": writer.digits["8"]})
    picture = Image.fromarray(fill(swapped, np.random.default_rng(2), empty=EMPTY).picture)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return base64.b64encode(buffer.getvalue()).decode()


def sent(client: FlaskClient, photo: str, **fields: object) -> dict[str, Any]:
    reply = client.post("/api/corrections/sheet", json={"image": photo, **fields})
    assert reply.status_code == 200, reply.json
    found: dict[str, Any] = reply.json
    return found


def count(client: FlaskClient) -> int:
    return int(client.get("/api/corrections").json["count"])


def test_a_sheet_is_read_and_nothing_is_stored_without_store(client: FlaskClient, photo: str):
    found = sent(client, photo, writer="Anna")
    assert [each["label"] for each in found["cells"]] == 10 * list(range(10))
    assert (found["cells"][0]["state"], found["cells"][0]["glyph"]) == ("empty", None)
    three = found["cells"][13]
    assert (three["state"], three["reason"], three["reading"]["prediction"]) == ("check", "the model reads 8", 8)
    assert three["image"].startswith("data:image/png;base64,")
    assert sum(found["counts"].values()) == 100
    assert (found["stored"], count(client)) == (0, 0)


def test_only_cells_that_are_ready_are_stored_by_themselves(client: FlaskClient, photo: str):
    found = sent(client, photo, writer="Anna", store="ready")
    assert found["stored"] == found["counts"]["ready"] == count(client) > 80
    listed = client.get("/api/corrections?limit=200").json
    assert {(each["writer"], each["source"]) for each in listed["corrections"]} == {("Anna", "sheet")}
    assert "3" not in listed["totals"]["labels"]
    numbers = [each["correction"] for each in found["cells"]]
    assert client.get(f"/api/corrections/{numbers[1]}").json["label"] == 1
    assert (numbers[13], found["cells"][13]["times"]) == (None, None)
    again = sent(client, photo, writer="Anna", store="ready")
    assert [each["cells"][1]["times"] for each in (found, again)] == [1, 2]
    assert (again["stored"], again["merged"], count(client)) == (0, found["stored"], found["stored"])


def test_a_person_confirms_and_relabels_cells(client: FlaskClient, photo: str):
    labels = [{"cell": 13, "label": 8}, {"cell": 23, "label": "not_a_digit"}]
    found = sent(client, photo, store=[3, 13, 23], labels=labels)
    assert found["stored"] == 3
    stored = [client.get(f"/api/corrections/{found['cells'][cell]['correction']}").json for cell in (3, 13, 23)]
    assert [each["label"] for each in stored] == [3, 8, "not_a_digit"]
    against = sent(client, photo, store=[13], labels=[{"cell": 13, "label": 3}])
    assert against["contradictions"] == 1


def test_an_empty_cell_is_refused_and_nothing_is_stored(client: FlaskClient, photo: str):
    reply = client.post("/api/corrections/sheet", json={"image": photo, "store": [0, 1]})
    assert_error(reply, 400, "invalid_input", "store")
    assert count(client) == 0


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"store": [100]}, "invalid_input", "store[0]"),
        ({"store": "all"}, "invalid_input", "store"),
        ({"labels": [{"cell": 1, "label": 11}]}, "invalid_input", "labels[0].label"),
        ({"writer": "a\nb"}, "invalid_input", "writer"),
        ({"image": "!"}, "invalid_image", "image"),
    ],
)
def test_wrong_requests_say_what_is_wrong(
    client: FlaskClient, photo: str, fields: dict[str, Any], code: str, field: str
):
    assert_error(client.post("/api/corrections/sheet", json={"image": photo, **fields}), 400, code, field)


def test_a_picture_without_a_sheet_is_refused_with_advice(client: FlaskClient):
    buffer = io.BytesIO()
    Image.new("L", (600, 800), 240).save(buffer, "PNG")
    reply = client.post("/api/corrections/sheet", json={"image": base64.b64encode(buffer.getvalue()).decode()})
    assert_error(reply, 400, "invalid_image", "image")
    assert "all four corners" in reply.json["error"]["message"]


def test_the_route_needs_the_token(make_client: MakeClient, photo: str):
    guarded = make_client(token=TOKEN)
    assert_error(guarded.post("/api/corrections/sheet", json={"image": photo}), 401, "token_missing")


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_the_sheet_can_be_printed_on_both_papers(client: FlaskClient, paper: str):
    page = client.get(f"/collect/sheet?paper={paper}")
    assert (page.status_code, page.text.count("<rect"), f'data-paper="{paper}"' in page.text) == (200, 107, True)
    file = client.get(f"/collect/sheet.svg?paper={paper}")
    assert (file.mimetype, file.text.strip() in page.text) == ("image/svg+xml", True)


def test_another_paper_is_refused(client: FlaskClient):
    assert client.get("/collect/sheet?paper=a3").status_code == 400


def test_a_form_with_a_file_does_as_well(client: FlaskClient, photo: str):
    def form(**fields: str) -> TestResponse:
        picture = io.BytesIO(base64.b64decode(photo)), "photo.jpg"
        return client.post("/api/corrections/sheet", data={"file": picture, **fields})

    assert form().json["stored"] == 0
    stored = form(writer="Ben", store="ready").json["stored"]
    assert client.get("/api/corrections?writer=Ben").json["count"] == stored > 80
    assert_error(form(store="[1]"), 400, "invalid_input", "store")
    assert_error(
        client.post("/api/corrections/sheet", data={"writer": "Ben"}, content_type="multipart/form-data"),
        400,
        "invalid_image",
        "file",
    )
