"""The recogniser: files, the model card, versions that come up."""

from __future__ import annotations

import base64
import io
import re
import time
from pathlib import Path

import pytest
from application import Application
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

TRAINING_TIMEOUT_MS = 240_000


def picture_of_seven() -> bytes:
    """Dark ink on white paper, as a scan is."""
    image = Image.new("RGB", (200, 240), "white")
    ImageDraw.Draw(image).line([(50, 60), (150, 60), (90, 190)], fill="black", width=14, joint="curve")
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def file(name: str, kind: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


def test_uploaded_picture_is_shown_and_read(visit: Visit) -> None:
    visitor = visit("/mnist")

    visitor.find("file").set_input_files(file("seven.png", "image/png", picture_of_seven()))

    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("caption")).to_have_text(re.compile(r"^seven\.png, \d+\sk?B$"))
    assert "multipart/form-data" in visitor.predict_requests[-1].headers["content-type"]
    assert visitor.ink() > 0


@pytest.mark.parametrize("path", ["/", "/mnist"])
@pytest.mark.parametrize("event", ["drop", "paste"])
def test_picture_can_be_dropped_and_pasted(visit: Visit, event: str, path: str) -> None:
    visitor = visit(path)
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
    with visitor.page.expect_response("**/predict*"):
        visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    ink = visitor.ink()

    with visitor.page.expect_response(lambda reply: reply.status == 400) as refused:
        visitor.find("file").set_input_files(file("notes.txt", "text/plain", b"this is no image"))

    message = refused.value.json()["error"]["message"]
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


@pytest.mark.mnist
@pytest.mark.slow
def test_version_that_was_trained_beside_the_page_answers_and_can_be_compared(
    visit: Visit, tmp_path: Path, data_dir: Path
) -> None:
    with Application(tmp_path, data_dir) as own:
        visitor = visit("/mnist", at=own)
        visitor.expected_errors = (FAILED_REQUEST,)  # the page outlives its server
        expect(visitor.find("model-version")).to_have_text("0")
        expect(visitor.find("compare-note")).to_contain_text("only one version")
        visitor.draw(SEVEN)
        expect(visitor.find("digit")).to_have_text("7")

        retrain(visitor, epochs=1, train_images=2000)
        wait_for_version(visitor, own, 1)
        # It is worse than the model in the box, so somebody has to want it.
        expect(visitor.find("model-version")).to_have_text("0")
        promote(visitor, 1)

        expect(visitor.find("model-version")).to_have_text("1", timeout=TRAINING_TIMEOUT_MS)
        expect(visitor.find("answered-by")).to_contain_text("version 1")
        expect(visitor.find("compare-left-version")).to_have_value("1")
        expect(visitor.find("compare-right-version")).to_have_value("0")
        expect(visitor.find("compare-note")).to_contain_text("agree")
        expect(visitor.find("compare-right").locator(".compared-digit")).to_have_text("7")
        expect(visitor.find("story-answers").locator("li").first).to_be_visible()


def wait_for_version(visitor: Visitor, at: Application, version: int) -> None:
    deadline = time.monotonic() + TRAINING_TIMEOUT_MS / 1000
    while (visitor.page.request.get(f"{at.url}/model-status").json()["last_run"] or {}).get("model_version") != version:
        assert time.monotonic() < deadline
        visitor.page.wait_for_timeout(300)


def promote(visitor: Visitor, version: int) -> None:
    """Put a version into production as another tab would."""
    script = (
        f"fetch('/api/models/{version}/promote', {{method: 'POST', body: '{{\"confirm\": true}}'}})"
        ".then(response => response.status)"
    )
    assert visitor.page.evaluate(script) == 200


def retrain(visitor: Visitor, **config: int) -> None:
    """Start a training as another tab would."""
    script = """config => fetch("/retrain", {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(config)
    }).then(response => response.status)"""
    assert visitor.page.evaluate(script, config) == 202
