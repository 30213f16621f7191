"""Below the recogniser: why, two versions, recent drawings."""

from __future__ import annotations

import json

import pytest
from application import Application
from playwright.sync_api import Route, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
ONE = [(0.5, 0.15), (0.5, 0.85)]


def recent(visitor: Visitor) -> list[str]:
    return visitor.find("recent-list").locator("span").all_inner_texts()


def test_evidence_follows_the_drawing(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.draw(SEVEN)

    expect(visitor.find("why-body").locator("canvas")).to_have_count(2)
    expect(visitor.find("why-body")).to_contain_text("supports 7")
    expect(visitor.find("why-body")).to_contain_text("With MNIST on this computer")
    other = visitor.find("why-body").get_by_role("button", name="Why not").first
    digit = (other.text_content() or "")[-2]
    other.click()
    expect(visitor.find("why-body")).to_contain_text(f"supports {digit}")

    visitor.find("clear").click()
    expect(visitor.find("why-body")).to_be_empty()


@pytest.mark.mnist
def test_similar_training_images_are_shown_where_they_are(visit: Visit, application_with_data: Application) -> None:
    visitor = visit("/mnist", at=application_with_data)
    visitor.draw(SEVEN)
    expect(visitor.find("why-body").locator(".thumbnails li")).to_have_count(8)


def test_failure_below_leaves_the_reading_alone(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.page.route("**/api/explore/*", lambda route: route.abort())
    visitor.draw(SEVEN)

    expect(visitor.find("why-note")).to_contain_text("No answer from the server.")
    expect(visitor.find("digit")).to_have_text("7")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_drawings_are_kept_and_taken_up_again(visit: Visit, options: dict[str, object]) -> None:
    visitor = visit("/mnist", **options)
    expect(visitor.find("recent-note")).to_have_text(
        "Your drawings on this page appear here. Only this browser keeps them."
    )
    draw = visitor.draw_with_finger if options else visitor.draw
    draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    ink = visitor.ink()
    visitor.find("clear").click()
    draw(ONE)
    expect(visitor.find("recent-list").locator("span")).to_have_text(["1", "7"])
    expect(visitor.find("recent-note")).to_contain_text("Click one to open it again.")

    visitor.page.reload()
    visitor.find("recent-list").get_by_role("button").nth(1).click()

    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == pytest.approx(ink, rel=0.01)
    assert recent(visitor) == ["7", "1"]
    visitor.find("recent-clear").click()
    assert recent(visitor) == []
    visitor.page.reload()
    assert recent(visitor) == []


def test_a_personal_model_does_not_answer_where_the_network_of_a_version_is_shown(visit: Visit) -> None:
    visitor = visit("/mnist?personal=Anna")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.page.locator(".story-answers [data-best=true] b")).to_have_text("7")
    assert not [each.url for each in visitor.predict_requests if "personal" in each.url]


def test_drawing_that_grows_stays_one_in_the_list(visit: Visit) -> None:
    visitor = visit("/mnist")
    for stroke in ([(0.3, 0.2), (0.25, 0.5), (0.7, 0.5)], [(0.6, 0.2), (0.6, 0.85)]):
        with visitor.page.expect_response("**/predict*"):
            visitor.draw(stroke)
    expect(visitor.find("digit")).to_have_text("4")
    assert recent(visitor) == ["4"]


@pytest.mark.parametrize("failure", ["SecurityError", "QuotaExceededError"])
def test_browser_that_keeps_nothing_is_told_and_works(visit: Visit, failure: str) -> None:
    script = f"""for (const name of ["setItem", "getItem"]) Storage.prototype[name] = () => {{
        throw new DOMException("no", "{failure}");
    }};"""
    visitor = visit("/mnist", before=lambda each: each.page.add_init_script(script))
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("recent-note")).to_contain_text("stores nothing")
    assert recent(visitor) == ["7"]


def test_two_versions_read_the_same_drawing(visit: Visit) -> None:
    choices = {
        "versions": [{"version": 1, "name": "classic"}, {"version": 0, "name": "pretrained"}],
        "production": 0,
        "splits": [],
    }
    asked: list[str] = []
    late: list[Route] = []

    def answer(route: Route) -> None:
        body = route.request.post_data_json
        if "version" not in body:
            route.continue_()
            return
        asked.append(body["version"])
        if body["version"] == "0":
            route.continue_()
            return
        late.append(route)

    def script(visitor: Visitor) -> None:
        reply = json.dumps(choices)
        visitor.page.route("**/api/explore", lambda route: route.fulfill(content_type="application/json", body=reply))
        visitor.page.route("**/predict*", answer)

    visitor = visit("/mnist", before=script)
    expect(visitor.find("compare-left-version")).to_have_value("0")
    visitor.draw(SEVEN)

    expect(visitor.find("compare-note")).to_have_text("Comparing…")
    probabilities = [0.0, 0.8, *([0.0] * 5), 0.2, 0.0, 0.0]
    reading = {"prediction": 1, "confidence": 0.8, "probabilities": probabilities, "verdict": "digit"}
    while not late:
        visitor.page.wait_for_timeout(50)
    late.pop().fulfill(content_type="application/json", body=json.dumps(reading))
    expect(visitor.find("compare-note")).to_have_text("They disagree: 7 and 1.")
    expect(visitor.find("compare-right").locator(".compared-words")).to_have_text("One")
    assert sorted(asked) == ["0", "1"]
    visitor.find("compare-right-version").select_option("0")
    expect(visitor.find("compare-note")).to_have_text("They agree, with the same confidence.")
