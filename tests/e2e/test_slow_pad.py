"""A slow server: what a person does on the pad before the answer comes is not lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from application import Application
from playwright.sync_api import expect
from stored_corrections import stored
from test_correcting import choose, draw_seven, row, status
from test_recogniser import file, picture_of_seven
from test_test_images import answer
from visitor import DOT, FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

SEVEN_PNG = file("seven.png", "image/png", picture_of_seven())


def drawn(visitor: Visitor) -> Visitor:
    """A visitor who has drawn and whose page has stored it."""
    visitor.draw(DOT)
    expect(visitor.find("result")).not_to_have_attribute("data-state", "empty")
    visitor.wait_until_stored()
    return visitor


def test_undo_while_another_label_is_being_stored_waits_for_it(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    draw_seven(visitor)
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    with visitor.slow("**/api/corrections/*", "PATCH"):
        with visitor.page.expect_request("**/api/corrections/*"):
            choose(visitor, 2)
        row(visitor).get_by_role("button", name="Undo").click()
    expect(status(visitor)).to_have_text("Deleted. Nothing is stored.")


def test_each_of_several_corrections_is_stored_and_can_be_undone(visit: Visit, own: Application) -> None:
    """The second waited for the first, and was forgotten at the next drawing."""
    visitor = visit(at=own)
    with visitor.slow("**/api/corrections", "POST"):
        for label, stroke in ((1, SEVEN), (2, [(0.5, 0.2), (0.5, 0.8)])):
            visitor.find("clear").click()
            visitor.draw(stroke)
            expect(visitor.find("digit")).to_have_text("7" if label == 1 else "1")
            expect(row(visitor)).to_have_attribute("data-state", "ready")
            with visitor.page.expect_request("**/api/corrections"):
                choose(visitor, label)
        visitor.find("clear").click()
    messages = visitor.page.locator(".toast")
    for label in (1, 2):
        expect(messages.filter(has_text=f"Saved as {label}.")).to_have_count(1)
    for button in messages.get_by_role("button", name="Undo").all()[::-1]:
        with visitor.page.expect_response(lambda reply: reply.request.method == "DELETE"):
            button.click()
    assert stored(own) == []


@pytest.mark.parametrize("press", ["#predict", "#mode-number", "#steps summary"])
def test_a_picture_that_is_on_its_way_comes_whatever_is_pressed(visit: Visit, press: str) -> None:
    visitor = drawn(visit())
    with visitor.slow("**/predict*"):
        with visitor.page.expect_request("**/predict*"):
            visitor.find("file").set_input_files(SEVEN_PNG)
        visitor.page.locator(press).click()
    expect(visitor.find("caption")).to_contain_text("seven.png")
    expect(visitor.find("digit")).to_have_text("7")
    if "steps" in press:
        expect(visitor.find("step-list").locator("li").first).to_be_visible()


def test_a_picture_that_gives_way_to_a_stroke_is_told(visit: Visit) -> None:
    visitor = visit()
    with visitor.slow("**/predict*"):
        with visitor.page.expect_request("**/predict*"):
            visitor.find("file").set_input_files(SEVEN_PNG)
        visitor.draw(DOT)
        expect(visitor.page.locator(".toast")).to_contain_text("The picture was not opened")
    expect(visitor.find("digit")).not_to_be_empty()
    expect(visitor.find("caption")).to_be_empty()


@pytest.mark.parametrize("held", ["**/predict*", "**/js/pad/session.js"])
def test_a_picture_stays_although_the_drawing_of_before_loads_later(visit: Visit, held: str) -> None:
    """In the second case the picture has been read, in the first it is on its way."""
    visitor = drawn(visit())
    with visitor.slow(held):
        with visitor.slow("**/js/pad/session.js"):
            visitor.page.reload(wait_until="commit")
            expect(visitor.find("model-line")).to_contain_text("Read by")
            visitor.find("file").set_input_files(SEVEN_PNG)
            if "predict" not in held:
                expect(visitor.find("digit")).to_have_text("7")
        if "predict" in held:
            expect(visitor.find("undo")).to_have_attribute("aria-disabled", "false")
    visitor.wait_until_stored("seven.png")
    expect(visitor.find("caption")).to_contain_text("seven.png")
    expect(visitor.find("digit")).to_have_text("7")


def test_the_mode_that_was_chosen_stays_although_the_drawing_of_before_loads_later(visit: Visit) -> None:
    visitor = drawn(visit())
    with visitor.slow("**/js/pad/session.js") as held:
        visitor.page.reload(wait_until="commit")
        expect(visitor.find("model-line")).to_contain_text("Read by")
        visitor.find("mode-number").click()
        expect(visitor.find("mode-number")).to_have_attribute("aria-pressed", "true")
        assert held
    expect(visitor.page).to_have_url(f"{visitor.page.url.partition('?')[0]}?mode=number")
    expect(visitor.find("mode-number")).to_have_attribute("aria-pressed", "true")


def half_a_seven(visitor: Visitor) -> Iterator[None]:
    """The pen is down between its two halves."""
    for place, _ in enumerate(visitor.draw_slowly(SEVEN)):
        if place == 1:
            yield


def test_the_drawing_of_before_does_not_cut_off_a_stroke(visit: Visit) -> None:
    fresh = visit()
    for _ in fresh.draw_slowly(SEVEN):
        pass
    visitor = drawn(visit())
    with visitor.slow("**/js/pad/session.js"):
        visitor.page.reload(wait_until="commit")
        expect(visitor.find("model-line")).to_contain_text("Read by")
        stroke = half_a_seven(visitor)
        next(stroke)
    visitor.page.wait_for_timeout(300)
    next(stroke, None)
    expect(visitor.find("digit")).to_have_text("7")
    visitor.page.wait_for_function("() => document.getElementById('undo').ariaDisabled === 'false'")
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == fresh.ink()


def test_a_download_that_ends_does_not_take_the_pen_away(visit: Visit) -> None:
    visitor = visit()
    visitor.find("random").click()
    expect(visitor.find("truth")).not_to_be_empty()
    answer(visitor, "/api/dataset", {"status": "ready", "fraction": 1.0, "message": ""})
    stroke = half_a_seven(visitor)
    with visitor.slow("**/api/dataset", "GET"):
        visitor.find("dataset-download").click()
        next(stroke)
    expect(visitor.find("dataset")).to_be_hidden()
    visitor.page.wait_for_timeout(300)
    next(stroke, None)
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("truth")).to_be_empty()


def test_two_taps_on_share_open_one_dialog(visit: Visit) -> None:
    visitor = drawn(visit())
    with visitor.slow("**/js/pad/share.js") as held:
        visitor.find("share").click()
        visitor.find("share").click()
        visitor.page.wait_for_timeout(100)
        assert held
    expect(visitor.page.locator("dialog.share")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("dialog.share")).to_have_count(0)


def test_a_question_about_the_drawing_of_before_is_answered_for_the_one_on_the_pad(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.draw(SEVEN)
    tab = visitor.find("why-body").get_by_role("button", name="Why not").first
    expect(tab).to_be_visible()
    asked: list[str] = []
    visitor.page.on("request", lambda each: asked.append(each.post_data or "") if "/explain" in each.url else None)
    with visitor.slow("**/api/explore/explain*"):
        with visitor.page.expect_request("**/api/explore/explain*"):
            visitor.draw([(0.3, 0.5), (0.8, 0.5)])
        with visitor.page.expect_request("**/api/explore/explain?digit=*"):
            tab.click()
    drawing = visitor.predict_requests[-1].post_data_json
    assert drawing is not None
    assert drawing["image"] in asked[-1]


@pytest.mark.parametrize(
    ("address", "note", "words"),
    [
        ("**/api/explore/explain*", "#why-note", "Looking for the evidence…"),
        ("**/browser*", ".story-note", "Loading the network…"),
    ],
)
def test_a_part_that_is_at_work_does_not_ask_for_a_drawing(visit: Visit, address: str, note: str, words: str) -> None:
    visitor = visit("/mnist")
    with visitor.slow(address):
        visitor.draw(SEVEN)
        expect(visitor.page.locator(note)).to_have_text(words)
    expect(visitor.page.locator(note)).to_be_empty()


def test_the_keyboard_stays_on_the_question_that_it_asked(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.draw(SEVEN)
    tab = visitor.find("why-body").get_by_role("button", name="Why not").first
    with visitor.page.expect_response("**/api/explore/explain?digit=*"):
        tab.press("Enter")
    expect(visitor.find("why-body").locator("[aria-pressed=true]")).to_contain_text("Why not")
    expect(tab).to_be_focused()


def test_the_button_shows_that_a_training_is_being_started(visit: Visit) -> None:
    visitor = visit("/lesson#step-4")
    with visitor.slow("**/api/dataset"):
        visitor.find("quick-start").click()
        expect(visitor.find("quick-start")).to_have_attribute("aria-disabled", "true")
    expect(visitor.find("quick-start")).to_have_attribute("aria-disabled", "false")


def test_a_training_that_is_being_stopped_cannot_be_stopped_again(visit: Visit) -> None:
    """It looked as if nothing had happened, and a second press told an error."""
    run = {"run_id": 5, "status": "running", "planned_epochs": 3, "message": "", "model_version": None}
    kept = json.dumps({"format": 1, "runs": {"quick": 5, "memory": None}})

    def running(visitor: Visitor) -> None:
        visitor.expected_errors = (FAILED_REQUEST,)
        visitor.page.add_init_script(f"localStorage.setItem('mnist-classifier.lesson', '{kept}')")
        visitor.page.route("**/api/runs/5", lambda route: route.fulfill(json=run))
        visitor.page.route("**/api/runs/5/stream", lambda route: route.abort())

    visitor = visit("/lesson#step-4", before=running)
    stop = visitor.find("quick-stop")
    with visitor.slow("**/api/runs/5/cancel") as held:
        stop.click()
        expect(stop).to_be_hidden()
        held[0].abort()
        expect(stop).to_be_visible()


def test_nothing_can_be_covered_before_the_network_has_read_the_drawing(visit: Visit) -> None:
    """What was covered earlier was uncovered without a word."""
    visitor = visit()
    with visitor.slow("**/api/models/0/browser"):
        visitor.page.goto(visitor.page.url + "lesson#step-3")
        expect(visitor.find("board-note")).to_have_text("Loading the network…")
        expect(visitor.find("cover-squares")).to_have_js_property("inert", True)
    square = visitor.page.get_by_role("button", name="Row 4, column 4")
    square.click()
    expect(square).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(("path", "control"), [("/", "#clear"), ("/", "#pad"), ("/collect", "#write-start")])
def test_controls_look_inactive_until_their_script_runs(visit: Visit, path: str, control: str) -> None:
    visitor = visit("/docs")
    button = visitor.page.locator(control)
    with visitor.slow("**/js/pad/strokes.js"):
        visitor.page.goto(visitor.page.url.replace("/docs", path), wait_until="commit")
        expect(button).to_have_css("pointer-events", "none")
        expect(button).to_have_css("opacity", "0.55")
    expect(button).to_have_css("pointer-events", "auto")
    expect(button).not_to_have_css("opacity", "0.55")
