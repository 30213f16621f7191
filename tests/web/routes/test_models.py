from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core import database
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.manifest import ONNX_FILE
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.app import create_app
from mnist_classifier.web.offline.pack import pack
from mnist_classifier.web.services import served_model
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.versions import BOX_ACCURACY, BOX_CORRECT, robustness, save
from tests.web.asserts import assert_error


@pytest.fixture
def registry(services: Services) -> Registry:
    """Two versions: 1 as good as the box, 2 worse."""
    save(services.registry, name="good", validation=BOX_CORRECT)
    save(services.registry, name="quick", validation=4951)
    return services.registry


def test_the_list_has_all_that_the_page_shows(client: FlaskClient, registry: Registry):
    registry.record_robustness(registry.get(1), robustness(pen=0.97))
    registry.aliases.move(PRODUCTION, 1)
    body = client.get("/api/models").get_json()
    assert [model["version"] for model in body["models"]] == [2, 1, BOX]
    assert body["aliases"] == {"production": 1}
    assert body["roll_back_to"] == BOX
    first = body["models"][1]
    assert (first["name"], first["aliases"], first["deletable"], first["editable"]) == (
        "good",
        ["production"],
        False,
        True,
    )
    assert first["bytes"] > 1_000_000
    assert first["metrics"]["robustness"]["goals"] == 3
    assert (body["models"][0]["deletable"], body["models"][2]["deletable"]) == (True, False)
    assert "confusion" not in json.dumps(body)


def test_a_version_comes_with_its_promotion_check(client: FlaskClient, registry: Registry):
    body = client.get("/api/models/2").get_json()
    assert body["gate"]["passed"] is False
    assert f"validation 99.02% (the model in the box: {BOX_ACCURACY}" in body["gate"]["reason"]
    assert ONNX_FILE in body["files"]
    assert client.get("/api/models/0").get_json()["gate"] is None
    assert_error(client.get("/api/models/9"), 404, "version_missing")


def test_promoting_and_rolling_back_move_what_answers(
    client: FlaskClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)
    assert_error(client.post("/api/models/rollback", json={}), 409, "nothing_to_roll_back")
    promoted = client.post("/api/models/2/promote", json={"reason": "quicker", "confirm": True}).get_json()
    assert promoted["aliases"] == ["production"]
    assert client.get("/model-status").get_json()["model"]["version"] == 2
    assert client.post("/api/models/rollback", json={"from": 2}).get_json()["version"] == BOX
    assert_error(client.post("/api/models/rollback", json={"from": 2}), 409, "alias_moved")
    assert client.get("/model-status").get_json()["model"]["version"] == BOX
    moves = client.get("/api/models/promotions").get_json()["promotions"]
    assert [(m["previous"], m["version"], m["actor"], m["reason"]) for m in moves] == [
        (2, BOX, "web", "rolled back from version 2"),
        (BOX, 2, "web", "quicker"),
    ]
    assert len(client.get("/api/models/promotions?limit=1").get_json()["promotions"]) == 1


def test_a_less_accurate_version_is_promoted_only_when_the_body_says_so(client: FlaskClient, registry: Registry):
    client.post("/api/models/1/promote")
    for body in ({}, {"confirm": False}, {"confirm": None, "reason": "quicker"}):
        message = assert_error(client.post("/api/models/2/promote", json=body), 409, "less_accurate", "confirm")
        assert f"validation accuracy 99.02% instead of {BOX_ACCURACY}" in message
    for wrong in ("true", 1, []):
        assert_error(client.post("/api/models/2/promote", json={"confirm": wrong}), 400, "invalid_input", "confirm")
    stale = client.post("/api/models/2/promote", json={"from": 0, "confirm": True})
    assert_error(stale, 409, "alias_moved")
    assert registry.aliases.production() == 1
    assert client.post("/api/models/2/promote", json={"from": 1, "confirm": True}).status_code == 200


def test_rolling_back_twice_goes_two_promotions_back_and_never_forward(client: FlaskClient, registry: Registry):
    client.post("/api/models/2/promote", json={"confirm": True})
    client.post("/api/models/1/promote")
    assert client.get("/api/models").get_json()["roll_back_to"] == 2
    assert_error(client.post("/api/models/rollback", json={"from": 1}), 409, "less_accurate", "confirm")
    assert client.post("/api/models/rollback", json={"from": 1, "confirm": True}).get_json()["version"] == 2
    assert client.post("/api/models/rollback").get_json()["version"] == BOX
    assert client.get("/api/models").get_json()["roll_back_to"] is None
    assert_error(client.post("/api/models/rollback"), 409, "nothing_to_roll_back")
    moves = client.get("/api/models/promotions").get_json()["promotions"]
    assert [move["is_rollback"] for move in moves] == [True, True, False, False]


def test_a_damaged_version_is_refused_with_the_reason_and_the_last_good_one_goes_on(
    client: FlaskClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)
    client.post("/api/models/1/promote")
    path = registry.folder(2) / ONNX_FILE
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    message = assert_error(client.post("/api/models/2/promote", json={"confirm": True}), 500, "model_corrupt")
    assert "SHA-256" in message
    assert client.get("/model-status").get_json()["model"]["version"] == 1


def test_a_new_name_is_what_answers_give(client: FlaskClient, registry: Registry, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)
    client.post("/api/models/1/promote")
    client.get("/model-status")
    assert client.patch("/api/models/1", json={"name": "steady", "note": "n"}).get_json()["note"] == "n"
    assert client.get("/model-status").get_json()["model"]["name"] == "steady"
    assert_error(client.patch("/api/models/1", json={"name": " "}), 400, "invalid_input", "name")
    assert_error(client.patch("/api/models/1", json={"name": 7}), 400, "invalid_input", "name")
    assert_error(client.patch("/api/models/1", json={}), 400, "invalid_input")
    assert_error(client.patch("/api/models/0", json={"name": "mine"}), 409, "model_in_use")


def test_deleting(client: FlaskClient, registry: Registry):
    client.post("/api/models/1/promote")
    assert "promote another" in assert_error(client.delete("/api/models/1"), 409, "model_in_use")
    assert_error(client.delete("/api/models/0"), 409, "model_in_use")
    assert client.delete("/api/models/2").get_json() == {"deleted": 2}
    assert_error(client.delete("/api/models/2"), 404, "version_missing")
    assert not registry.folder(2).exists()


def test_two_versions_side_by_side(client: FlaskClient, registry: Registry):
    body = client.get("/api/models/0/compare/2").get_json()
    assert [model["version"] for model in body["models"]] == [BOX, 2]
    assert len(body["confusion_difference"]["test"]) == 10
    assert body["gate"]["champion"] == BOX
    assert_error(client.get("/api/models/0/compare/9"), 404, "version_missing")


def test_without_the_data_the_images_are_missed_in_words(client: FlaskClient, registry: Registry):
    assert_error(client.get("/api/models/0/disagreements/2"), 404, "data_missing")
    assert_error(client.get("/api/models/0/disagreements/2?split=all"), 400, "invalid_input", "split")


@pytest.mark.mnist
@pytest.mark.slow
def test_images_that_two_models_read_differently(settings: Settings, mnist_dirs: list[Path]):
    app = create_app(replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN)))
    services: Services = app.extensions[EXTENSION]
    client = app.test_client()
    save(services.registry)
    body = client.get("/api/models/0/disagreements/1").get_json()
    assert body == {"split": "validation", "count": 0, "right": [0, 0], "images": []}
    predictions = services.explorer.answers(1, "validation").predictions
    predictions[:3] = (predictions[:3] + 1) % 10  # version 1 reads three images differently
    body = client.get("/api/models/0/disagreements/1?limit=2").get_json()
    assert (body["count"], body["right"], len(body["images"])) == (3, [3, 0], 2)
    image = body["images"][0]
    assert image["predictions"][0] == image["label"] != image["predictions"][1]
    assert image["image"].startswith("data:image/png")
    assert_error(client.get("/api/models/0/disagreements/1?limit=0"), 400, "invalid_input", "limit")
    services.store.close()


def test_a_version_is_carried_away_and_brought_in(client: FlaskClient, registry: Registry):
    exported = client.get("/api/models/1/export")
    assert exported.mimetype == "application/zip"
    assert "filename=mnist-model-1-good.zip" in exported.headers["Content-Disposition"]
    data = exported.get_data()
    exported.close()
    reply = client.post("/api/models/import", data={"file": (io.BytesIO(data), "model.zip")})
    reply.request.environ["wsgi.input"].close()  # the test client leaves its own large bodies open
    assert reply.status_code == 201
    assert reply.get_json()["version"] == 3
    assert "MNIST images are not here" in reply.get_json()["remarks"][0]
    assert client.post("/api/models/import", data=data, content_type="application/zip").get_json()["version"] == 4
    assert client.get("/api/models/3").get_json()["imported_from"] == {"version": 1, "run_id": None}
    assert_error(client.post("/api/models/import", data=b"PK"), 400, "invalid_archive", "file")
    assert_error(client.post("/api/models/import", data={"name": "x"}), 400, "invalid_archive", "file")
    assert registry.aliases.production() == BOX


def test_a_browser_gets_the_network_once(client: FlaskClient, registry: Registry):
    first = client.get("/api/models/1/browser")
    assert first.data == pack(registry.folder(1), 1)
    assert first.cache_control.no_cache
    tag = first.headers["ETag"]
    again = client.get("/api/models/1/browser", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/api/models/0/browser", headers={"If-None-Match": tag}).status_code == 200


def test_a_network_that_no_browser_can_run_is_refused_with_the_reason(client: FlaskClient, services: Services):
    save(services.registry, architecture={"class": "Ensemble", "arguments": {}})
    message = assert_error(client.get("/api/models/1/browser"), 409, "not_for_browsers")
    assert "a browser can run only a single network" in message
    assert_error(client.get("/api/models/9/browser"), 404, "version_missing")


def test_other_sites_may_not_touch_the_models(client: FlaskClient, registry: Registry):
    headers = {"Sec-Fetch-Site": "cross-site"}
    for method, path in (
        ("POST", "/api/models/1/promote"),
        ("POST", "/api/models/rollback"),
        ("POST", "/api/models/import"),
        ("PATCH", "/api/models/1"),
        ("DELETE", "/api/models/1"),
    ):
        assert_error(client.open(path, method=method, headers=headers), 403, "cross_site_request")
    assert [version.version for version in registry.versions()] == [2, 1, BOX]


def test_a_database_that_another_process_holds_is_said_and_nothing_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "PATIENCE_S", 0.05)
    app = create_app(settings)
    services: Services = app.extensions[EXTENSION]
    save(services.registry)
    client = app.test_client()
    with services.store.writing():
        message = assert_error(client.post("/api/models/1/promote"), 503, "database_busy")
        assert "try again" in message
        assert client.get("/api/models").get_json()["aliases"] == {"production": BOX}
    assert client.post("/api/models/1/promote").status_code == 200
    services.store.close()


def test_two_servers_on_one_folder_agree(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)
    apps = [create_app(settings) for _ in range(2)]
    one, other = (app.test_client() for app in apps)
    save(apps[0].extensions[EXTENSION].registry)
    one.post("/api/models/1/promote")
    assert other.get("/model-status").get_json()["model"]["version"] == 1
    assert [model["version"] for model in other.get("/api/models").get_json()["models"]] == [1, BOX]
    other.post("/api/models/rollback")
    assert one.get("/model-status").get_json()["model"]["version"] == BOX
    other.delete("/api/models/1")
    assert_error(one.post("/api/models/1/promote"), 404, "version_missing")
    for app in apps:
        app.extensions[EXTENSION].store.close()
