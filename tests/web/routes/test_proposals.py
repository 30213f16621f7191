from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.proposals import Candidate, Proposals
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.handwriting import draw, glyphs
from tests.web.asserts import assert_error
from tests.web.conftest import MakeClient
from tests.web.routes.test_predict import SEVEN

TOKEN = "correct-horse-battery"
GLYPHS = glyphs(20).images
UNSURE = Reading(1, 0.6, (0.0, 0.6, *[0.05] * 8), Verdict.AMBIGUOUS, not_a_digit=0.125)


def services_of(client: FlaskClient) -> Services:
    found: Services = client.application.extensions[EXTENSION]
    return found


def unsure_picture() -> str:
    """Half way between a 1 and a 7."""
    drawn = draw([[(0.38, 0.26), (0.55, 0.25), (0.5, 0.8)]], pen_px=18, rng=np.random.default_rng(5))
    return base64.b64encode(encode_png(drawn)).decode()


@pytest.fixture
def waiting(client: FlaskClient, services: Services) -> list[int]:
    """The numbers of three readings that wait."""
    services.proposals.add([Candidate(GLYPHS[number], UNSURE, 0) for number in range(3)])
    return [each["id"] for each in client.get("/api/proposals").json["proposals"]]


def test_nothing_is_kept_unless_somebody_switched_it_on(client: FlaskClient, services: Services):
    client.post("/predict", json={"image": unsure_picture()})
    assert services.proposer is None
    found = client.get("/api/proposals").json
    assert found == {"is_on": False, "count": 0, "most": 2000, "days": 0, "proposals": []}


def test_uncertain_readings_are_proposed_and_sure_ones_not(make_client: MakeClient):
    client = make_client(propose=1)
    assert client.post("/predict", json={"image": SEVEN}).json["verdict"] == "digit"
    read = client.post("/predict?version=0", json={"image": unsure_picture()}).json
    assert read["verdict"] != "digit"
    proposer = services_of(client).proposer
    assert proposer is not None
    proposer.store()
    found = client.get("/api/proposals").json
    assert (found["is_on"], found["count"]) == (True, 1)
    (proposal,) = found["proposals"]
    assert (proposal["model_version"], proposal["glyph"][:22]) == (0, "data:image/png;base64,")
    assert proposal["reading"]["confidence"] == pytest.approx(read["confidence"], abs=1e-6)


def test_thresholds_of_a_request_make_no_proposal(make_client: MakeClient):
    client = make_client(propose=1)
    client.post("/predict?ambiguous_below=1", json={"image": SEVEN})
    proposer = services_of(client).proposer
    assert proposer is not None
    proposer.store()
    assert client.get("/api/proposals").json["count"] == 0


def test_a_label_makes_a_correction_and_ends_the_wait(client: FlaskClient, waiting: list[int]):
    before = {each["id"]: each for each in client.get("/api/proposals").json["proposals"]}
    reply = client.post(f"/api/proposals/{waiting[1]}", json={"label": "not_a_digit", "writer": "Anna"})
    assert reply.status_code == 201
    correction = reply.json["correction"]
    assert (correction["label"], correction["writer"], correction["source"]) == ("not_a_digit", "Anna", "page")
    assert (correction["reading"], correction["glyph"]) == (before[waiting[1]]["reading"], before[waiting[1]]["glyph"])
    left = [each["id"] for each in client.get("/api/proposals").json["proposals"]]
    assert sorted(left) == sorted({*waiting} - {waiting[1]})
    assert_error(client.post(f"/api/proposals/{waiting[1]}", json={"label": 7}), 404, "proposal_missing")


def test_a_skipped_reading_is_deleted(client: FlaskClient, waiting: list[int]):
    assert client.delete(f"/api/proposals/{waiting[0]}").json == {"deleted": waiting[0]}
    assert client.get("/api/proposals").json["count"] == 2
    assert_error(client.delete(f"/api/proposals/{waiting[0]}"), 404, "proposal_missing")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "label"), ({"label": 10}, "label"), ({"label": "seven"}, "label"), ({"label": 7, "writer": 3}, "writer")],
)
def test_a_wrong_label_is_refused_and_the_reading_still_waits(
    client: FlaskClient, waiting: list[int], body: dict, field: str
):
    assert_error(client.post(f"/api/proposals/{waiting[0]}", json=body), 400, "invalid_input", field)
    assert client.get("/api/proposals").json["count"] == 3


def test_what_people_drew_is_not_proposed_without_the_token(make_client: MakeClient):
    client = make_client(token=TOKEN)
    services_of(client).proposals.add([Candidate(GLYPHS[0], UNSURE, 0)])
    for reply in (
        client.get("/api/proposals"),
        client.post("/api/proposals/1", json={"label": 7}),
        client.delete("/api/proposals/1"),
    ):
        assert reply.status_code == 401
    assert client.get("/api/proposals", headers={"Authorization": f"Bearer {TOKEN}"}).json["count"] == 1


def test_readings_of_another_version_are_read_again(client: FlaskClient, services: Services):
    services.proposals.add([Candidate(GLYPHS[number], UNSURE, 9) for number in range(3)])
    for each in client.get("/api/proposals").json["proposals"]:
        assert each["model_version"] == 0
    assert client.get("/api/proposals").json["count"] < 3  # the box reads some of them with certainty


def test_a_reading_is_answered_while_nothing_can_be_stored(settings: Settings, make_client: MakeClient, tmp_path: Path):
    client = make_client(propose=1)
    found = services_of(client)
    assert found.proposer is not None
    other = Store(settings.resolved_database_url)
    with other.writing():
        found.proposer.watch()
        found.tally.watch()
        for _ in range(50):
            assert client.post("/predict", json={"image": unsure_picture()}).status_code == 200
    other.close()
    found.proposer.close()
    found.tally.close()
    assert Proposals(found.store).count() == 1
