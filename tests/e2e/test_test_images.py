"""Random test images, with and without the MNIST files."""

from __future__ import annotations

import json
import re

import pytest
from application import Application
from playwright.sync_api import Route, expect
from visitor import SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e


def answer(visitor: Visitor, path: str, *bodies: dict[str, object]) -> None:
    """Let GET requests for `path` be answered by these bodies in turn, the last one again and again; POST by 202."""
    queue = list(bodies)

    def reply(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=202, content_type="application/json", body="{}")
            return
        body = queue.pop(0) if len(queue) > 1 else queue[0]
        route.fulfill(content_type="application/json", body=json.dumps(body))

    visitor.page.route(f"**{path}", reply)


@pytest.mark.mnist
def test_random_image_shows_its_label_and_the_prediction(visit: Visit, application_with_data: Application) -> None:
    visitor = visit(at=application_with_data)

    visitor.find("random").click()

    expect(visitor.find("truth")).to_have_text(re.compile(r"^Label \d: (correct|wrong|not read)$"))
    expect(visitor.find("caption")).to_have_text(re.compile(r"^Test image \d+$"))
    expect(visitor.find("glyph").locator("img")).to_have_count(1)
    assert visitor.sent_image().size == (28, 28)
    label = re.findall(r"\d", visitor.find("truth").inner_text())[0]
    agrees = visitor.find("truth").get_attribute("data-agrees") == "true"
    assert agrees == (visitor.find("digit").inner_text() == label)


@pytest.mark.mnist
def test_drawing_replaces_the_random_image(visit: Visit, application_with_data: Application) -> None:
    visitor = visit(at=application_with_data)
    visitor.page.keyboard.press("r")
    expect(visitor.find("truth")).to_contain_text("Label ")

    visitor.draw(SEVEN)

    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("truth")).to_be_empty()
    assert visitor.sent_image().size == (280, 280)


@pytest.mark.mnist
def test_undo_after_a_random_image_brings_the_drawing_back(visit: Visit, application_with_data: Application) -> None:
    visitor = visit(at=application_with_data)
    visitor.draw(SEVEN)
    ink = visitor.ink()
    visitor.find("random").click()
    expect(visitor.find("truth")).to_contain_text("Label ")

    visitor.find("undo").click()

    expect(visitor.find("truth")).to_be_empty()
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == ink


def test_without_mnist_the_image_is_one_of_200_and_a_button_fetches_the_rest(visit: Visit) -> None:
    visitor = visit()

    visitor.find("random").click()

    expect(visitor.find("truth")).to_have_text(re.compile(r"^Label \d: (correct|wrong|not read)$"))
    expect(visitor.find("caption")).to_have_text(re.compile(r"^Test image \d+$"))
    expect(visitor.find("dataset")).to_contain_text("one of the 200 test images")
    expect(visitor.page.get_by_role("button", name="Download MNIST (12 MB)")).to_be_visible()


def test_download_shows_progress_and_then_the_image(visit: Visit) -> None:
    visitor = visit()
    visitor.find("random").click()
    downloading = {"status": "downloading", "fraction": 0.4, "message": "downloading MNIST"}
    answer(visitor, "/api/dataset", downloading, downloading, {"status": "ready", "fraction": 1.0, "message": ""})
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    image = json.loads(visitor.predict_requests[-1].post_data or "")["image"]
    answer(visitor, "/api/test-images/random", {"index": 17, "label": 7, "image": image, "is_sample": False})

    visitor.find("dataset-download").click()

    expect(visitor.find("dataset-progress")).to_have_js_property("value", 0.4)
    expect(visitor.find("truth")).to_have_text("Label 7: correct")
    expect(visitor.find("dataset")).to_be_hidden()


def test_failed_download_says_why_and_offers_another_try(visit: Visit) -> None:
    visitor = visit()
    visitor.find("random").click()
    answer(visitor, "/api/dataset", {"status": "failed", "fraction": None, "message": "no mirror answered"})

    visitor.find("dataset-download").click()

    expect(visitor.find("dataset")).to_contain_text("No mirror answered.")
    expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
