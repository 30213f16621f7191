"""The recogniser: files, the model card, training."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from application import Application
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Route, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

TRAINING_TIMEOUT_MS = 240_000
MODEL = {"version": 3, "name": "classic-3", "recipe": "classic", "parameters": 1234, "metrics": {}}
RUNNING = {
    "run_id": 4,
    "status": "running",
    "epoch": 3,
    "epochs": 15,
    "fraction": 0.2,
    "train_loss": 0.1234,
    "train_accuracy": 0.9612,
    "validation_loss": 0.0567,
    "validation_accuracy": 0.9834,
    "images_per_s": 12345.6,
    "eta_s": 41.0,
    "message": "epoch 4 of 15",
}
QUEUED = {**dict.fromkeys(RUNNING), "run_id": 4, "status": "queued", "epochs": 15, "message": ""}


def picture_of_seven() -> bytes:
    """Dark ink on white paper, as a scan is."""
    image = Image.new("RGB", (200, 240), "white")
    ImageDraw.Draw(image).line([(50, 60), (150, 60), (90, 190)], fill="black", width=14, joint="curve")
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def file(name: str, kind: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


class Scripted:
    """The page before a server whose /model-status the test decides."""

    def __init__(self, visit: Visit) -> None:
        self.status: dict[str, Any] = {"status": "ready", "model": MODEL, "training": None, "last_run": None}
        self.visitor: Visitor = visit("/mnist", before=self._script)

    def becomes(self, **changes: Any) -> None:
        """Change the status and let the page ask for it, as it does when somebody comes back to it."""
        self.status.update(changes)
        self.visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def _script(self, visitor: Visitor) -> None:
        visitor.page.route(
            "**/model-status",
            lambda route: route.fulfill(content_type="application/json", body=json.dumps(self.status)),
        )


@pytest.fixture
def scripted(visit: Visit) -> Iterator[Scripted]:
    page = Scripted(visit)
    expect(page.visitor.find("model-name")).to_have_text("classic-3")
    yield page
    page.visitor.page.unroute_all(behavior="ignoreErrors")


def test_uploaded_picture_is_shown_and_read(visit: Visit) -> None:
    visitor = visit("/mnist")

    visitor.find("file").set_input_files(file("seven.png", "image/png", picture_of_seven()))

    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("caption")).to_have_text(re.compile(r"^seven\.png, \d+\sk?B$"))
    assert "multipart/form-data" in visitor.predict_requests[-1].headers["content-type"]
    assert visitor.ink() > 0


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_picture_can_be_dropped_and_pasted(visit: Visit, event: str) -> None:
    visitor = visit("/mnist")
    content = base64.b64encode(picture_of_seven()).decode()

    visitor.page.evaluate(
        """([kind, content]) => {
            const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "seven.png", {type: "image/png"}));
            const event = kind === "drop"
                ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
                : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true});
            document.body.dispatchEvent(event);
        }""",
        [event, content],
    )

    expect(visitor.find("digit")).to_have_text("7")


def test_file_that_is_no_image_gets_the_servers_message_and_changes_nothing(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    ink = visitor.ink()

    with visitor.page.expect_response("**/predict*") as refused:
        visitor.find("file").set_input_files(file("notes.txt", "text/plain", b"this is no image"))

    message = refused.value.json()["error"]["message"]
    assert refused.value.status == 400
    expect(visitor.page.locator(".toast")).to_contain_text(message, ignore_case=True)
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == ink


def test_drawing_works_here_too(visit: Visit) -> None:
    visitor = visit("/mnist")

    visitor.draw(SEVEN)

    expect(visitor.find("digit")).to_have_text("7")


def test_card_shows_the_model_in_the_box(visit: Visit, application: Application) -> None:
    visitor = visit("/mnist")
    model = visitor.page.request.get(f"{application.url}/model-status").json()["model"]

    assert model["version"] == 0
    expect(visitor.find("model-version")).to_have_text("0")
    expect(visitor.find("model-name")).to_have_text(model["name"])
    expect(visitor.find("model-parameters")).to_have_text(f"{model['parameters']:,}")
    for split in ("validation", "test"):
        score = model["metrics"][split]
        expected = f"{score['accuracy'] * 100:.2f} % of {score['images']:,}"
        expect(visitor.find(f"model-{split}")).to_have_text(expected)


def test_training_that_somebody_started_shows_its_progress(scripted: Scripted) -> None:
    visitor = scripted.visitor

    scripted.becomes(status="training", training=RUNNING)

    expect(visitor.find("training-headline")).to_have_text("Epoch 4 of 15.")
    expect(visitor.find("training-progress")).to_have_js_property("value", 0.2)
    expect(visitor.find("training-epoch")).to_have_text("3 of 15")
    expect(visitor.find("training-speed")).to_have_text("12,346")
    expect(visitor.find("training-eta")).to_have_text("41 s")
    expect(visitor.find("training-train-loss")).to_have_text("0.1234")
    expect(visitor.find("training-validation-accuracy")).to_have_text("98.34 %")
    expect(visitor.find("training-start")).to_be_hidden()


def test_training_before_its_first_epoch_shows_no_figures(scripted: Scripted) -> None:
    visitor = scripted.visitor

    scripted.becomes(status="training", training=QUEUED)

    expect(visitor.find("training-headline")).to_have_text("Training 4 is about to start…")
    expect(visitor.find("training-epoch")).to_have_text("0 of 15")
    expect(visitor.find("training-train-loss")).to_have_text("–")


def test_form_sends_only_what_was_filled_in(scripted: Scripted) -> None:
    visitor = scripted.visitor
    sent: list[Any] = []

    def start(route: Route) -> None:
        sent.append(route.request.post_data_json)
        scripted.status.update(status="training", training=QUEUED)
        body = json.dumps({"run_id": 4, "status": "queued", "links": {}})
        route.fulfill(status=202, content_type="application/json", body=body)

    visitor.page.route("**/retrain", start)
    visitor.page.get_by_label("Recipe").select_option("fast")
    visitor.page.get_by_label("Epochs").fill("5")
    visitor.find("training-start").click()

    expect(visitor.find("training-cancel")).to_be_visible()
    assert sent == [{"recipe": "fast", "epochs": 5}]


def test_refused_setting_is_marked_with_the_servers_message(scripted: Scripted) -> None:
    visitor = scripted.visitor
    visitor.expected_errors = (FAILED_REQUEST,)
    error = {"code": "invalid_config", "message": "epochs must lie between 1 and 4", "field": "epochs"}
    visitor.page.route(
        "**/retrain",
        lambda route: route.fulfill(status=400, content_type="application/json", body=json.dumps({"error": error})),
    )

    visitor.page.get_by_label("Epochs").fill("5")
    visitor.find("training-start").click()

    expect(visitor.find("training-error")).to_have_text("Epochs must lie between 1 and 4.")
    expect(visitor.page.get_by_label("Epochs")).to_have_attribute("aria-invalid", "true")
    expect(visitor.find("training-start")).to_be_enabled()


def test_failed_training_is_told(scripted: Scripted) -> None:
    visitor = scripted.visitor
    scripted.becomes(status="training", training=RUNNING)
    expect(visitor.find("training-cancel")).to_be_visible()

    last_run = {"run_id": 4, "status": "failed", "message": "the disk is full"}
    scripted.becomes(status="ready", training=None, last_run=last_run)

    expect(visitor.find("training-outcome")).to_have_text("Training 4 failed. The disk is full.")
    expect(visitor.page.locator(".toast")).to_contain_text("The disk is full.")
    expect(visitor.find("training-start")).to_be_enabled()


@pytest.mark.mnist
@pytest.mark.slow
def test_training_goes_on_beside_the_page_and_its_version_answers(visit: Visit, tmp_path: Path, data_dir: Path) -> None:
    with Application(tmp_path, data_dir) as own:
        visitor = visit("/mnist", at=own)
        expect(visitor.find("model-version")).to_have_text("0")

        retrain(visitor, epochs=1, train_images=2000)

        expect(visitor.find("training-cancel")).to_be_visible()
        visitor.draw(SEVEN)
        expect(visitor.find("digit")).to_have_text("7")
        expect(visitor.find("model-version")).to_have_text("1", timeout=TRAINING_TIMEOUT_MS)
        expect(visitor.find("training-outcome")).to_contain_text("Training 1 succeeded.")
        expect(visitor.find("answered-by")).to_contain_text("version 1")

        retrain(visitor, epochs=1000, patience=0, train_images=2000)
        visitor.find("training-cancel").click()

        expect(visitor.find("training-outcome")).to_contain_text("Training 2 cancelled", timeout=TRAINING_TIMEOUT_MS)
        expect(visitor.find("model-version")).to_have_text("1")


def retrain(visitor: Visitor, **config: int) -> None:
    """Start a training as another tab would."""
    script = """config => fetch("/retrain", {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(config)
    }).then(response => response.status)"""
    assert visitor.page.evaluate(script, config) == 202
