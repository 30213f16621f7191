"""The lesson: its five steps as a learner goes through them."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from application import PATIENCE_S, Application
from pictures import keep
from playwright.sync_api import Browser, Route, expect
from visitor import FAILED_REQUEST, SEVEN, Point, Visitor

from conftest import DESKTOP, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRAINING_TIMEOUT_MS = 120_000
PHONE = {"width": 390, "height": 844}
ONE: list[Point] = [(0.5, 0.2), (0.5, 0.5), (0.5, 0.85)]
# Much less than the lesson trains, with the same settings otherwise.
TINY = {"train_images": 100, "epochs": 2}


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory, browser: Browser, data_dir: Any) -> Iterator[Application]:
    """An application with MNIST, whose trainings are those of the lesson."""
    with Application(tmp_path_factory.mktemp("classroom"), data_dir) as running:
        yield running


def get(application: Application, path: str) -> Any:
    with urllib.request.urlopen(application.url + path, timeout=PATIENCE_S) as reply:
        return json.load(reply)


def make_trainings_tiny(visitor: Visitor) -> list[dict[str, Any]]:
    """Let the page's trainings use few images; returns the settings that it asks for."""
    asked: list[dict[str, Any]] = []

    def shrink(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        asked.append(route.request.post_data_json)
        return route.continue_(post_data=json.dumps({**asked[-1], **TINY}))

    visitor.page.route("**/api/runs", shrink)
    return asked


def ready(visitor: Visitor) -> Visitor:
    """Wait until the network has read the pad."""
    expect(visitor.find("spoken")).not_to_be_empty()
    return visitor


def go_on(visitor: Visitor, step: int) -> None:
    visitor.find("step-next").click()
    expect(visitor.find(f"heading-{step}")).to_be_focused()
    expect(visitor.page.locator(".step:visible")).to_have_count(1)


def expect_done(visitor: Visitor, step: int, text: str) -> None:
    state = visitor.find(f"task-{step}")
    expect(state).to_have_text(re.compile(text), timeout=TRAINING_TIMEOUT_MS)
    expect(state).to_have_attribute("data-done", "true")


def refuse_trainings(visitor: Visitor, status: int, code: str) -> None:
    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            error = {"code": code, "message": "no", "field": None}
            route.fulfill(status=status, content_type="application/json", body=json.dumps({"error": error}))
        else:
            route.continue_()

    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.page.route("**/api/runs", refuse)


def test_a_learner_does_all_five_steps(classroom: Application, visit: Visit) -> None:
    visitor = ready(visit("/lesson", at=classroom))
    asked = make_trainings_tiny(visitor)

    visitor.draw(SEVEN)
    expect_done(visitor, 1, r"^Done\. It reads a 7 and is .* sure\.$")
    keep(visitor, "lesson-1")

    go_on(visitor, 2)
    visitor.page.locator("#drawn label", has_text="4").click()
    expect(visitor.find("task-2")).to_have_text("Not done yet. Now clear the pad and draw it.")
    visitor.find("clear").click()
    visitor.draw(ONE)
    expect_done(visitor, 2, r"^Done\. You drew a 4, and it reads a 1\. You fooled it\.$")

    go_on(visitor, 3)
    visitor.page.get_by_role("button", name="Row 4, column 4").focus()
    for key in ("Space", "ArrowUp", "Space", "ArrowUp", "Space", "ArrowUp", "Space", *["ArrowDown", "Space"] * 6):
        visitor.page.keyboard.press(key)
    expect_done(visitor, 3, r"^Done")
    visitor.find("inside-link").click()
    visitor.page.wait_for_url(re.compile(r"/mnist(#d=[\w-]+)?$"))
    visitor.page.go_back()
    expect(visitor.find("heading-3")).to_be_visible()

    go_on(visitor, 4)
    visitor.find("guess").fill("70")
    visitor.find("quick-start").click()
    expect_done(visitor, 4, r"^Done\. .* your network reads \d+\.\d right\. Your estimate was 70\.$")
    expect(visitor.page.locator(".curve-dot")).to_have_count(2)

    go_on(visitor, 5)
    expect(visitor.find("network-quick-note")).to_have_text("Version 1")
    visitor.find("memory-start").click()
    expect(visitor.find("network-memory-note")).to_have_text("Version 2", timeout=TRAINING_TIMEOUT_MS)
    facts = visitor.find("network-memory").locator("dd")
    expect(facts.nth(0)).to_have_text("100")
    by_heart, new = (float(fact.inner_text().split()[0]) for fact in (facts.nth(1), facts.nth(2)))
    assert by_heart > 95 > new
    visitor.find("clear").click()
    visitor.draw([(0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8), (0.2, 0.5), (0.8, 0.5)])
    expect_done(visitor, 5, r"^Done\. They do not agree: ")
    expect(visitor.find("lesson-end")).to_be_visible()
    keep(visitor, "lesson-5")

    assert [each["promote"] for each in asked] == ["never", "never"]
    listed = get(classroom, "/api/models")
    assert listed["aliases"] == {"production": 0} or listed["aliases"] == {}
    assert {each["name"]: each["deletable"] for each in listed["models"] if each["version"]} == {
        "Lesson: quick": True,
        "Lesson: by heart": True,
    }

    visitor.page.reload()
    ready(visitor)
    expect(visitor.page.locator(".lesson-steps [data-done]")).to_have_count(5)
    expect(visitor.find("network-memory-note")).to_have_text("Version 2")
    expect(visitor.find("pad-frame")).to_have_attribute("data-empty", "false")
    visitor.find("lesson-restart").click()
    expect(visitor.find("heading-1")).to_be_visible()
    expect(visitor.page.locator(".lesson-steps [data-done]")).to_have_count(0)


def test_progress_drawing_and_answers_survive_a_reload(visit: Visit) -> None:
    visitor = ready(visit("/lesson"))
    expect(visitor.find("spoken")).to_have_text("Nothing drawn yet")
    for part in (visitor.page.get_by_role("heading", level=1), visitor.find("pad"), visitor.find("bars")):
        expect(part).to_be_in_viewport(ratio=1)
    visitor.draw(SEVEN)
    expect_done(visitor, 1, "^Done")
    visitor.page.get_by_text("Show the answer").locator("visible=true").click()
    go_on(visitor, 2)
    visitor.page.get_by_role("radio", name="3").check(force=True)
    visitor.page.reload()
    ready(visitor)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(visitor.find("heading-2")).to_be_visible()
    expect(visitor.page.get_by_role("radio", name="3")).to_be_checked()
    expect(visitor.find("digit")).to_have_text("7")
    visitor.page.go_back()
    expect(visitor.find("heading-1")).to_be_visible()
    expect(visitor.page.get_by_text("784 numbers")).to_be_visible()
    expect(visitor.page.get_by_role("link", name="Draw (done)")).to_be_visible()


def test_the_reading_follows_the_pen(visit: Visit) -> None:
    visitor = ready(visit("/lesson"))
    seen = []
    for _ in visitor.draw_slowly(SEVEN):
        visitor.page.wait_for_timeout(50)
        seen.append(visitor.find("words").inner_text())
    assert len(set(seen)) > 1
    assert visitor.predict_requests == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(503, "training_unavailable", "PyTorch is not installed"), (409, "database_busy", "No.")],
)
def test_the_lesson_goes_on_where_nothing_can_be_trained(
    classroom: Application, visit: Visit, status: int, code: str, words: str
) -> None:
    visitor = visit("/lesson#step-4", at=classroom, before=lambda new: refuse_trainings(new, status, code))
    visitor.find("quick-start").click()
    expect(visitor.find("task-4")).to_contain_text(words)
    go_on(visitor, 5)
    expect(visitor.find("network-box-note")).to_have_text("Version 0, the model in the box")
    visitor.find("memory-start").click()
    expect(visitor.find("memory-state")).to_contain_text(words)


def test_a_reading_that_fails_leaves_no_earlier_answer_beside_the_new_drawing(visit: Visit) -> None:
    network = {"version": 7, "name": "Lesson: quick", "run_id": None, "training": {}, "metrics": {}}

    def pretend(visitor: Visitor) -> None:
        visitor.page.route("**/api/models", lambda route: route.fulfill(json={"models": [network]}))
        visitor.page.route("**/api/models/7", lambda route: route.fulfill(json=network))
        reading = {"prediction": 7, "confidence": 1, "probabilities": [0] * 7 + [1, 0, 0], "verdict": "digit"}
        visitor.page.route("**/predict*", lambda route: route.fulfill(json=reading))

    visitor = ready(visit("/lesson#step-5", before=pretend))
    visitor.draw(SEVEN)
    expect(visitor.find("network-quick").locator(".compared-digit")).to_have_text("7")

    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.page.route("**/predict*", lambda route: route.abort())
    visitor.draw(ONE)

    expect(visitor.find("task-5")).to_contain_text("No answer from the server.")
    expect(visitor.find("network-quick")).to_have_attribute("data-state", "empty")


def test_a_learner_without_the_token_hears_what_to_do(classroom: Application, visit: Visit) -> None:
    visitor = visit("/lesson#step-4", at=classroom, before=lambda new: refuse_trainings(new, 401, "token_missing"))
    visitor.find("quick-start").click()
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.find("task-4")).to_contain_text("Watch the training of your teacher")
    expect(visitor.find("quick-start")).to_have_attribute("aria-disabled", "false")


def test_a_learner_stops_a_training(classroom: Application, visit: Visit) -> None:
    visitor = visit("/lesson#step-4", at=classroom)
    visitor.page.route("**/api/runs", make_long)
    expect(visitor.find("quick-stop")).to_be_hidden()
    visitor.find("quick-start").click()
    visitor.find("quick-stop").click()
    expect(visitor.find("task-4")).to_contain_text(
        "This training was stopped. Start it again.", timeout=TRAINING_TIMEOUT_MS
    )
    expect(visitor.find("quick-stop")).to_be_hidden()
    expect(visitor.find("quick-start")).to_have_text("Train again")


def make_long(route: Route) -> None:
    """Let a training last until it is stopped."""
    if route.request.method != "POST":
        return route.continue_()
    return route.continue_(post_data=json.dumps({**route.request.post_data_json, "epochs": 500}))


def test_without_mnist_the_step_offers_the_download(visit: Visit) -> None:
    visitor = visit("/lesson#step-4")
    visitor.find("quick-start").click()
    expect(visitor.find("dataset-download")).to_be_visible()
    expect(visitor.find("task-4")).to_contain_text("Nothing of yours is sent.")
    go_on(visitor, 5)
    visitor.find("memory-start").click()
    expect(visitor.find("dataset-download")).to_be_visible()


def test_every_step_fits_a_phone_and_has_controls_for_fingers(visit: Visit) -> None:
    visitor = ready(visit("/lesson", viewport=DESKTOP))
    visitor.draw(SEVEN)
    for step in range(1, 6):
        visitor.page.goto(visitor.page.url.partition("#")[0] + f"#step-{step}")
        expect(visitor.find(f"heading-{step}")).to_be_visible()
        for size in (PHONE, DESKTOP, {"width": 1920, "height": 1080}):
            visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
            assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            keep(visitor, f"lesson-{step}-{size['width']}")
            if size != PHONE:
                continue
            for control in visitor.page.locator(
                ".step button:visible, .step input:visible, .lesson-moves button:visible"
            ).all():
                box = control.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) >= 44 - 0.5, control.evaluate("element => element.outerHTML")
