from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.learning.corrections import NewCorrection
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.handwriting import LETTER_X, draw
from tests.learning.test_personal import drawn
from tests.web.asserts import assert_error
from tests.web.conftest import MakeClient

CROSS = encode_png(draw(LETTER_X, pen_px=18, rng=np.random.default_rng(7)))
IMAGE = {"image": base64.b64encode(CROSS).decode()}


@pytest.fixture
def anna(services: Services) -> None:
    """Corrections of somebody who writes a four as a cross."""
    services.corrections.add_many([NewCorrection(glyph, 4, "api", "Anna") for glyph in drawn(LETTER_X, 12)])


@pytest.mark.usefixtures("anna")
def test_a_writer_is_learned_read_and_forgotten(client: FlaskClient):
    assert client.get("/api/personal").json == {"models": [], "fewest_examples": 10}
    made = client.post("/api/personal", json={"writer": " Anna "})
    assert made.status_code == 201
    facts: dict[str, Any] = made.json
    assert (facts["writer"], facts["base_version"], facts["examples"]) == ("Anna", 0, 12)
    assert facts["figures"]["right_before"] < facts["figures"]["right_after"] <= 12
    assert client.get("/api/personal").json["models"] == [facts]

    everybody = client.post("/predict", json=IMAGE).json
    assert (everybody["prediction"], "personal" in everybody["model"]) == (None, False)
    form = {"file": (io.BytesIO(CROSS), "cross.png"), "personal": "Anna"}
    for reply in (
        client.post("/predict", json={**IMAGE, "personal": "Anna"}),
        client.post("/predict?personal=Anna", json=IMAGE),
        client.post("/predict?personal=Anna", data=CROSS, content_type="image/png"),
        client.post("/predict", data=form),
    ):
        assert (reply.json["prediction"], reply.json["verdict"]) == (4, "digit")
        assert reply.json["model"] == {**everybody["model"], "personal": "Anna"}
    number = client.post("/predict", json={**IMAGE, "mode": "number", "personal": "Anna"}).json
    assert number["model"]["personal"] == "Anna"

    assert client.delete("/api/personal?writer=Anna").json == {"forgotten": "Anna"}
    assert_error(client.post("/predict?personal=Anna", json=IMAGE), 404, "personal_model_missing")
    assert_error(client.delete("/api/personal?writer=Anna"), 404, "personal_model_missing")
    assert_error(client.delete("/api/personal"), 400, "invalid_input", field="writer")
    assert client.get("/api/corrections").json["count"] == 12


@pytest.mark.usefixtures("anna", "quick_personal_models")
def test_personal_readings_are_no_sign_of_drift_and_no_proposals(make_client: MakeClient):
    client = make_client(propose=1)
    services = client.application.extensions[EXTENSION]
    client.post("/api/personal", json={"writer": "Anna"})
    for body in (IMAGE, {**IMAGE, "mode": "number"}):
        assert client.post("/predict?personal=Anna", json=body).status_code == 200
    services.tally.flush()
    services.proposer.store()
    assert client.get("/api/drift").json["readings"] == 0
    assert client.get("/api/proposals").json["count"] == 0
    client.post("/predict", json=IMAGE)
    services.tally.flush()
    assert client.get("/api/drift").json["readings"] == 1


@pytest.mark.usefixtures("anna", "quick_personal_models")
def test_deleting_everything_of_a_writer_deletes_the_model(client: FlaskClient):
    client.post("/api/personal", json={"writer": "Anna"})
    client.delete("/api/corrections?writer=Anna&confirm=1")
    assert client.get("/api/personal").json["models"] == []


@pytest.mark.usefixtures("anna", "personal_models_without_figures")
def test_too_few_examples_and_another_version_are_refused(client: FlaskClient):
    assert_error(client.post("/api/personal", json={"writer": "Ben"}), 409, "too_few_examples")
    assert_error(client.post("/api/personal", json={"writer": "  "}), 400, "invalid_input", field="writer")
    client.post("/api/personal", json={"writer": "Anna"})
    assert client.post("/predict?personal=Anna&version=0", json=IMAGE).json["prediction"] == 4
    assert_error(client.post("/predict?personal=Anna&version=1", json=IMAGE), 400, "invalid_input", field="version")


@pytest.mark.parametrize("name", ["class 3/b", "/", "/Anna", "Anna/", "..", "//", "a?b#c&d", "100 %", "Zoë & 'Bo'"])
@pytest.mark.usefixtures("quick_personal_models")
def test_every_name_can_be_forgotten(services: Services, client: FlaskClient, name: str):
    for writer in ("Anna", name):
        services.corrections.add_many([NewCorrection(glyph, 4, "api", writer) for glyph in drawn(LETTER_X, 10)])
        client.post("/api/personal", json={"writer": writer})
    assert client.delete("/api/personal", query_string={"writer": name}).json == {"forgotten": name}
    assert [each["writer"] for each in client.get("/api/personal").json["models"]] == ["Anna"]


def test_the_names_and_every_change_need_the_token(make_client: MakeClient):
    client = make_client(token="correct-horse-battery", host="0.0.0.0")
    for reply in (
        client.get("/api/personal"),
        client.post("/api/personal", json={"writer": "Anna"}),
        client.delete("/api/personal?writer=Anna"),
    ):
        assert_error(reply, 401, "token_missing")
