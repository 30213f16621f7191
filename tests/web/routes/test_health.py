from __future__ import annotations

import math
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DatabaseBusy, DatabaseUnreachable
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.web.app import create_app
from mnist_classifier.web.routes.health import drift
from mnist_classifier.web.services import database_state, served_model
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.data.test_mnist import idx
from tests.web.asserts import assert_error
from tests.web.routes.test_routes import MANIFEST, write_files
from tests.web.server.test_server import wait_until


def scrape(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names...) -> value, as a Prometheus server reads them."""
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert reply.mimetype == "text/plain"
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_a_server_with_model_and_database_is_ready(client: FlaskClient):
    assert client.get("/readyz").get_json() == {"status": "ready", "warnings": []}


def test_a_server_without_its_database_is_ready_to_read_and_says_what_is_wrong(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    assert client.get("/readyz").status_code == 200
    break_database(monkeypatch)
    reply = client.get("/readyz")
    assert reply.status_code == 200
    assert "database" in reply.get_json()["warnings"][0]


def break_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Store) -> None:
        raise DatabaseBusy("another process has held the database for 10 s")

    monkeypatch.setattr(Store, "reading", fail)


def test_a_server_that_is_not_ready_says_every_reason(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    app = create_app(settings)
    services: Services = app.extensions[EXTENSION]
    services.registry.box_dir = tmp_path
    client = app.test_client()
    assert "no model" in assert_error(client.get("/readyz"), 503, "not_ready")
    break_database(monkeypatch)
    message = assert_error(client.get("/readyz"), 503, "not_ready")
    assert "no model" in message
    assert "database" in message
    assert client.get("/healthz").status_code == 200
    services.close()


def test_probe_and_metrics_do_not_wait_for_a_silent_database(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database_state, "INTERVAL_S", 0.05)
    monkeypatch.setattr(database_state, "SILENT_S", 0.2)
    services.watch()
    wait_until(lambda: client.get("/readyz").get_json()["warnings"] == [])
    reading, answers = Store.reading, Event()

    def silent(self: Store) -> AbstractContextManager[sa.Connection]:
        assert answers.wait(60)
        return reading(self)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "reading", silent)
        try:
            wait_until(lambda: client.get("/readyz").get_json()["warnings"] != [])
            (warning,) = client.get("/readyz").get_json()["warnings"]
            assert warning == DatabaseUnreachable("").public
            assert client.get("/v2/health/ready").status_code == 200
            assert ("mnist_trainings", "running") not in scrape(client)
        finally:
            answers.set()
    wait_until(lambda: client.get("/readyz").get_json()["warnings"] == [])
    assert scrape(client)["mnist_trainings", "running"] == 0


def test_a_damaged_row_is_said_and_the_next_promotion_is_followed(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database_state, "INTERVAL_S", 0.05)
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.05)
    for _ in range(2):
        services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 1)
    services.watch()
    wait_until(lambda: services.model.current().version.version == 1)
    with services.store.writing() as connection:
        connection.execute(sa.text("UPDATE model_versions SET manifest = '{' WHERE version = 1"))
    services.database.metrics([1])
    wait_until(lambda: len(client.get("/readyz").get_json()["warnings"]) == 2)
    assert all("database is damaged" in each for each in client.get("/readyz").get_json()["warnings"])
    services.registry.aliases.move(PRODUCTION, 2)
    wait_until(lambda: services.model.current().version.version == 2)


def test_requests_are_counted_by_template_not_by_path(client: FlaskClient):
    for path in ("/api/runs/7", "/api/runs/8", "/nowhere", "/elsewhere"):
        client.get(path)
    found = scrape(client)
    assert found["mnist_request_duration_seconds_count", "/api/runs/<int:run_id>", "4xx"] == 2
    assert found["mnist_request_duration_seconds_count", "none", "4xx"] == 2
    assert not any("nowhere" in label for key in found for label in key)


def test_a_request_that_fails_is_counted_too(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as broken:
        broken.setattr(type(services.model), "current", lambda self: 1 / 0)
        assert client.post("/predict", data=b"\0" * 784, content_type="application/octet-stream").status_code == 500
    assert scrape(client)["mnist_request_duration_seconds_count", "/predict", "5xx"] == 1


def test_every_way_of_reading_is_counted(client: FlaskClient, digits: mnist.Images):
    glyph = digits.images[0]
    client.post("/predict", data=glyph.tobytes(), content_type="application/x-mnist-glyph")
    client.post("/api/predict/batch", json={"glyphs": [glyph.tolist()]})
    tensor = {"name": "glyphs", "datatype": "UINT8", "shape": [1, 28, 28], "data": glyph.reshape(-1).tolist()}
    client.post("/v2/models/mnist/infer", json={"inputs": [tensor]})
    client.post("/predict", data=b"\0" * 784, content_type="application/x-mnist-glyph")
    found = scrape(client)
    assert sum(value for key, value in found.items() if key[0] == "mnist_readings_total") == 4
    assert found["mnist_readings_total", "blank", "0"] == 1
    assert found["mnist_recent_readings", "0"] == 3
    assert found["mnist_recent_mean", "ink", "0"] == pytest.approx(glyph.mean() / 255)


def test_every_metric_has_a_name_that_prometheus_accepts(client: FlaskClient, digits: mnist.Images):
    client.post("/predict", data=digits.images[0].tobytes(), content_type="application/x-mnist-glyph")
    exposed = client.get("/metrics").text
    for family in text_string_to_metric_families(exposed):
        if family.type not in ("histogram", "summary"):
            assert not family.name.endswith(("_sum", "_count", "_bucket")), family.name
    assert "mnist_recent_summed_ink" in exposed
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=exposed, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_the_model_in_production_and_the_trainings_are_shown(client: FlaskClient, services: Services):
    services.runs.enqueue(TrainConfig())
    found = scrape(client)
    assert found["mnist_model_info", "pretrained", "0"] == 1
    assert (found["mnist_trainings", "running"], found["mnist_trainings", "queued"]) == (0, 1)
    services.runs.start(1, pid=1)
    found = scrape(client)
    assert (found["mnist_trainings", "running"], found["mnist_trainings", "queued"]) == (1, 0)


def test_what_was_counted_is_shown_without_a_database(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
):
    services.observer.observe_reading(Verdict.DIGIT, 0.9, 0.1, 3)
    break_database(monkeypatch)
    found = scrape(client)
    assert found["mnist_readings_total", "digit", "3"] == 1
    assert ("mnist_trainings", "running") not in found


def test_drift_is_the_difference_of_the_means_in_deviations_of_the_validation_split():
    windows = {"3": {"mnist_recent_readings": 4, "mnist_recent_summed_ink": 0.8, "mnist_recent_summed_confidence": 3.6}}
    reference = {"3": {"ink": {"mean": 0.13, "sd": 0.04}, "confidence": {"mean": 0.99, "sd": 0.03}}}
    families = {family.name: family for family in drift(windows, reference)}
    drifted = {sample.labels["measure"]: sample.value for sample in families["mnist_drift"].samples}
    assert drifted == {"ink": pytest.approx((0.2 - 0.13) / 0.04), "confidence": pytest.approx((0.9 - 0.99) / 0.03)}


def test_drift_needs_readings_and_a_reference():
    window = {"mnist_recent_readings": 2, "mnist_recent_summed_ink": 0.2, "mnist_recent_summed_confidence": 1.9}
    reference = {"ink": {"mean": 0.13, "sd": 0.0}, "confidence": {"mean": 0.99, "sd": 0.03}}
    for windows, references, expected in (
        ({"3": {}}, {"3": reference}, []),
        ({"3": {**window, "mnist_recent_readings": 0}}, {"3": reference}, []),
        ({"3": window}, {}, []),
        ({"3": window}, {"3": reference}, ["confidence"]),  # ink that never varies has no deviation to count in
    ):
        families = {family.name: family for family in drift(windows, references)}
        samples = families["mnist_drift"].samples
        assert [sample.labels["measure"] for sample in samples] == expected
        assert all(math.isfinite(sample.value) for sample in samples)


def test_the_model_in_the_box_knows_what_its_validation_split_was_like(client: FlaskClient, services: Services):
    figures = services.registry.get(BOX).metrics["validation"]
    found = scrape(client)
    for measure in ("ink", "confidence"):
        assert found["mnist_validation_mean", measure, "0"] == figures[measure]["mean"] > 0
        assert found["mnist_validation_sd", measure, "0"] == figures[measure]["sd"] > 0


@pytest.mark.mnist
def test_validation_digits_do_not_drift_and_thick_ones_do(client: FlaskClient, mnist_dirs: list[Path]):
    training = mnist.load(mnist_dirs, mnist.TRAIN)
    _, rows = mnist.split_train_validation(training.labels)
    digits = training.images[rows][:1000]
    client.post("/api/predict/batch", data=idx(digits))
    found = scrape(client)
    # 1,000 readings: a standard error of 0.03.
    assert abs(found["mnist_drift", "ink", "0"]) < 0.12
    assert abs(found["mnist_drift", "confidence", "0"]) < 0.12
    thick = np.maximum(digits, np.maximum(np.roll(digits, 1, axis=1), np.roll(digits, 1, axis=2)))
    client.post("/api/predict/batch", data=idx(thick))
    assert scrape(client)["mnist_drift", "ink", "0"] > 0.5
