from __future__ import annotations

import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist, mnist_sample
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_image, encode_png
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services import served_model
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.checkout import ROOT
from tests.versions import robustness
from tests.web.asserts import assert_error

MANIFEST = read_manifest(PRETRAINED_DIR)


def write_files(folder: Path) -> None:
    for name in MANIFEST["files"]:
        shutil.copyfile(PRETRAINED_DIR / name, folder / name)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion is noticed by the very next request."""
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)


@pytest.mark.parametrize("path", ["/", "/mnist", "/explore", "/lesson", "/collect", "/docs"])
def test_pages_load_with_everything_they_name(client: FlaskClient, path: str):
    page = client.get(path)
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    links = set(re.findall(r'(?:src|href)="(/[^"#]*)"', page.text))
    assert any(link.endswith(".js") for link in links)
    for link in links:
        with client.get(link) as response:
            assert response.status_code == 200, link


def test_pages_need_no_other_host(client: FlaskClient):
    folder = ROOT / "src" / "mnist_classifier" / "web"
    for path in [*folder.rglob("*.html"), *folder.rglob("*.js"), *folder.rglob("*.css")]:
        text = re.sub(r"^/\*!.*?\*/", "", path.read_text("utf-8"))  # a vendored file's banner names its home
        addresses = re.findall(r"(?:https?:)?//[a-z0-9][a-z0-9.-]+\.[a-z]{2,}", text)
        assert addresses == [], path


def test_every_reply_carries_the_strict_headers(client: FlaskClient):
    for path in ("/", "/model-status", "/nowhere", "/static/style.css"):
        with client.get(path) as response:
            headers = response.headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_unknown_path_is_an_error_in_the_one_shape(client: FlaskClient):
    assert_error(client.get("/nowhere"), 404, "not_found")


def test_status_without_trained_models_shows_the_model_in_the_box(client: FlaskClient):
    body = client.get("/model-status").get_json()
    assert body["status"] == "ready"
    assert body["model"]["version"] == BOX
    assert body["model"]["parameters"] > 0
    assert body["model"]["metrics"]["test"]["images"] == 10_000
    assert body["training"] is None
    assert body["last_run"] is None


@pytest.mark.usefixtures("impatient")
def test_status_shows_how_robust_a_model_is_where_it_was_measured(client: FlaskClient, services: Services):
    metrics = client.get("/model-status").get_json()["model"]["metrics"]
    assert 0.9 < metrics["robustness"]["pen_digits_mean"] <= 1
    version = services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 1)
    assert "robustness" not in client.get("/model-status").get_json()["model"]["metrics"]
    table = robustness(pen=0.97)
    services.registry.record_robustness(version, table)
    assert client.get("/model-status").get_json()["model"]["metrics"]["robustness"] == table["summary"]


def test_without_any_model_the_application_says_so_and_lives(settings: Settings, tmp_path: Path):
    app = create_app(settings)
    services: Services = app.extensions[EXTENSION]
    services.registry.box_dir = tmp_path
    client = app.test_client()
    assert client.get("/model-status").get_json()["status"] == "no_model"
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 13:15] = 255
    message = assert_error(
        client.post("/predict", data=encode_png(pixels), content_type="image/png"), 503, "model_missing"
    )
    assert "train" in message
    services.store.close()


@pytest.mark.usefixtures("impatient")
def test_a_promoted_version_is_served_and_a_roll_back_too(client: FlaskClient, services: Services):
    services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 1)
    assert client.get("/model-status").get_json()["model"]["version"] == 1
    services.registry.aliases.move(PRODUCTION, BOX)
    assert client.get("/model-status").get_json()["model"]["version"] == BOX


@pytest.mark.usefixtures("impatient")
def test_a_version_that_breaks_in_production_leaves_the_old_one_serving(client: FlaskClient, services: Services):
    services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 1)
    assert client.get("/model-status").get_json()["model"]["version"] == 1
    services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 2)
    (services.registry.folder(2) / ONNX_FILE).write_bytes(b"altered after promotion")
    assert client.get("/model-status").get_json()["model"]["version"] == 1


def test_a_broken_version_at_start_gives_way_to_the_model_in_the_box(settings: Settings, services: Services):
    services.registry.save(MANIFEST, write_files)
    services.registry.aliases.move(PRODUCTION, 1)
    (services.registry.folder(1) / ONNX_FILE).unlink()
    app = create_app(settings)
    assert app.test_client().get("/model-status").get_json()["model"]["version"] == BOX
    app.extensions[EXTENSION].store.close()


def test_status_shows_a_training_as_its_events_tell(client: FlaskClient, services: Services):
    run = services.runs.create(TrainConfig(epochs=4))
    services.runs.start(run.id, pid=1)
    body = client.get("/model-status").get_json()
    assert body["status"] == "training"
    assert body["model"] is not None
    assert (body["training"]["run_id"], body["training"]["fraction"]) == (run.id, 0)
    epoch = {
        "epoch": 1,
        "train_loss": 0.5,
        "train_accuracy": 0.8,
        "validation_loss": 0.2,
        "validation_accuracy": 0.9,
        "images_per_s": 1000.0,
        "elapsed_s": 55.0,
    }
    services.runs.add_event(run.id, "epoch", epoch)
    step = {"epoch": 2, "step": 10, "steps": 20, "loss": 0.3, "accuracy": 0.85, "images_per_s": 900.0}
    services.runs.add_event(run.id, "step", step)
    training = client.get("/model-status").get_json()["training"]
    assert training["fraction"] == pytest.approx(0.375)
    assert (training["train_loss"], training["validation_accuracy"]) == (0.3, 0.9)
    assert training["message"] == "epoch 2 of 4"
    services.runs.finish(run.id, RunStatus.FAILED, "no room")
    body = client.get("/model-status").get_json()
    assert (body["status"], body["training"], body["last_run"]["message"]) == ("ready", None, "no room")


def test_a_second_training_is_refused_while_one_runs(client: FlaskClient, services: Services):
    services.runs.create(TrainConfig())
    assert_error(client.post("/retrain", json={}), 409, "run_in_progress")


@pytest.mark.parametrize(
    ("body", "field"), [({"epochs": 0}, "epochs"), ({"speed": 1}, "speed"), ({"seed": "x"}, "seed")]
)
def test_a_bad_training_config_is_refused_before_anything_starts(
    client: FlaskClient, services: Services, body: dict[str, object], field: str
):
    assert_error(client.post("/retrain", json=body), 400, "invalid_config", field)
    assert services.runs.recent() == []


def test_unknown_runs_are_not_found(client: FlaskClient):
    assert_error(client.get("/api/runs/99"), 404, "run_missing")
    assert_error(client.post("/api/runs/99/cancel"), 404, "run_missing")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_may_not_change_anything(client: FlaskClient, services: Services, headers: dict[str, str]):
    for path in ("/retrain", "/api/dataset", "/api/runs/1/cancel"):
        assert_error(client.post(path, headers=headers), 403, "cross_site_request")
    assert services.runs.recent() == []


def test_our_own_pages_and_programs_may(client: FlaskClient):
    for headers in ({}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}):
        assert_error(client.post("/retrain", json={"epochs": 0}, headers=headers), 400, "invalid_config", "epochs")


def test_without_the_mnist_files_random_test_images_come_from_the_package(client: FlaskClient):
    image = client.get("/api/test-images/random").get_json()
    sample = mnist_sample.load()
    (position,) = np.flatnonzero(sample.rows == image["index"])
    assert (image["is_sample"], image["label"]) == (True, sample.labels[position])
    pixels = decode_image(decode_base64(image["image"]), max_pixels=10**6)
    assert np.array_equal(pixels, sample.images[position])
    assert client.get(f"/api/test-images/{image['index']}").get_json() == image
    message = assert_error(client.get("/api/test-images/5"), 404, "data_missing")
    assert "mnist data" in message
    assert client.get("/api/dataset").get_json()["status"] == "missing"


@pytest.mark.mnist
def test_random_test_images_come_with_their_label(settings: Settings, mnist_dirs: list[Path]):
    app = create_app(replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TEST)))
    client = app.test_client()
    seen = [client.get("/api/test-images/random").get_json() for _ in range(20)]
    assert len({image["index"] for image in seen}) > 10
    test = mnist.load(mnist_dirs, mnist.TEST)
    for image in seen:
        assert (image["is_sample"], image["label"]) == (False, test.labels[image["index"]])
        pixels = decode_image(decode_base64(image["image"]), max_pixels=10**6)
        assert np.array_equal(pixels, test.images[image["index"]])
    assert client.get("/api/dataset").get_json()["status"] == "ready"
    assert_error(client.get("/api/test-images/10000"), 400, "invalid_input", "index")
    app.extensions[EXTENSION].store.close()


def test_a_download_that_fails_is_reported_and_can_be_tried_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, services: Services, tmp_path: Path
):
    monkeypatch.setattr(
        mnist.ensure, "__kwdefaults__", {**mnist.ensure.__kwdefaults__, "mirrors": ("http://127.0.0.1:9/",)}
    )
    monkeypatch.setattr(Settings, "data_dirs", lambda self: [tmp_path])
    for _ in range(2):
        assert client.post("/api/dataset").status_code == 202
        deadline = time.monotonic() + 20
        while (status := client.get("/api/dataset").get_json())["status"] == "downloading":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status["status"] == "failed"
        assert "mirror" in status["message"].lower()


def test_health(client: FlaskClient):
    assert client.get("/healthz").get_json() == {"status": "ok"}
