"""Collecting handwriting: on the pad, and on a sheet that the browser prints."""

from __future__ import annotations

import contextlib
import io
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from application import PATIENCE_S, Application
from PIL import Image
from playwright.sync_api import Browser, Error, Route, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit
from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers
from mnist_classifier.learning.filled_sheets import fill
from mnist_classifier.learning.sheet_marks import find_marks
from mnist_classifier.recognition.imaging.decode import encode_png

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WALL: Any = {"name": "wall.png", "mimeType": "image/png", "buffer": encode_png(np.full((300, 400), 250, np.uint8))}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """An application of its own: it stores corrections."""
    folder = tmp_path_factory.mktemp("collector")
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running


@pytest.fixture
def collecting(collector: Application) -> Application:
    """The application without corrections."""
    purge = urllib.request.Request(f"{collector.url}/api/corrections?confirm=1", method="DELETE")
    urllib.request.urlopen(purge, timeout=PATIENCE_S).close()
    return collector


@pytest.fixture(scope="module")
def sheet() -> dict[str, Any]:
    """A sheet whose threes look like eights, as a file to choose."""
    writer = generated_writers(3)[0]
    swapped = Writer({**writer.digits, "3": writer.digits["8"]})
    buffer = io.BytesIO()
    Image.fromarray(fill(swapped, np.random.default_rng(2), empty=frozenset({0, 99})).picture).save(buffer, "JPEG")
    return {"name": "sheet.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def stored(application: Application) -> list[dict[str, Any]]:
    """All corrections, oldest first."""
    with urllib.request.urlopen(f"{application.url}/api/corrections?limit=200", timeout=PATIENCE_S) as reply:
        found: list[dict[str, Any]] = json.load(reply)["corrections"]
    return found[::-1]


def asked(visitor: Visitor) -> int:
    return int(visitor.find("asked").inner_text())


def test_the_pad_asks_for_digits_and_stores_each_when_the_pen_rests(visit: Visit, collecting: Application):
    visitor = visit("/collect", at=collecting)
    visitor.find("writer").fill("Anna")
    visitor.find("write-start").click()
    wanted = []
    for number in range(1, 4):
        wanted.append(asked(visitor))
        visitor.draw([(x, y + number / 100) for x, y in SEVEN])
        expect(visitor.find("write-count")).to_have_text(f"{number} of 100")
    expect(visitor.find("write-pending")).to_be_empty()
    found = stored(collecting)
    assert [each["label"] for each in found] == wanted
    assert {(each["writer"], each["source"]) for each in found} == {("Anna", "class")}
    with urllib.request.urlopen(f"{collecting.url}/api/corrections/{found[0]['id']}", timeout=PATIENCE_S) as reply:
        assert len(json.load(reply)["strokes"]) == 1


def test_a_name_that_was_typed_before_the_script_ran_stays(visit: Visit, collecting: Application):
    def typing(visitor: Visitor) -> None:
        visitor.page.add_init_script(
            "addEventListener('readystatechange', () => {"
            " const field = document.getElementById('writer'); if (field) field.value ||= 'Anna'; }, true)"
        )

    visitor = visit("/collect", at=collecting, before=typing)
    expect(visitor.find("writer")).to_have_value("Anna")
    visitor.find("write-start").click()
    visitor.draw()
    expect(visitor.find("write-count")).to_have_text("1 of 100")
    expect(visitor.find("write-pending")).to_be_empty()
    assert [each["writer"] for each in stored(collecting)] == ["Anna"]


def test_undo_takes_back_the_stroke_then_the_digit_before(visit: Visit, collecting: Application):
    visitor = visit("/collect", at=collecting)
    visitor.find("write-start").click()
    visitor.find("write-auto").uncheck()  # a slow machine would go on before Undo
    first = asked(visitor)
    visitor.draw()
    visitor.find("write-next").click()
    expect(visitor.find("write-count")).to_have_text("1 of 100")
    expect(visitor.find("write-pending")).to_be_empty()
    visitor.draw()
    visitor.find("write-undo").click()
    assert visitor.ink() == 0
    expect(visitor.find("write-count")).to_have_text("1 of 100")
    with visitor.page.expect_response(lambda reply: reply.request.method == "DELETE"):
        visitor.find("write-undo").click()
    expect(visitor.find("write-count")).to_have_text("0 of 100")
    assert (asked(visitor), stored(collecting)) == (first, [])


def test_the_keys_draw_without_hurry(visit: Visit, collecting: Application):
    visitor = visit("/collect", at=collecting)
    visitor.find("write-start").click()
    expect(visitor.find("pad")).to_be_focused()
    keys = visitor.page.keyboard
    for key in ("Space", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Space"):
        keys.press(key)
    visitor.page.wait_for_timeout(1500)
    expect(visitor.find("write-count")).to_have_text("0 of 100")
    keys.press("Enter")
    expect(visitor.find("write-count")).to_have_text("1 of 100")
    keys.press("Enter")  # nothing is drawn
    expect(visitor.find("write-count")).to_have_text("1 of 100")


@pytest.mark.parametrize("answers", [False, True])
def test_digits_that_the_server_did_not_take_are_stored_later(visit: Visit, collecting: Application, answers: bool):
    """By themselves once it is back; with "Try again" if it answered that it cannot."""
    visitor = visit("/collect", at=collecting)
    full = {"error": {"code": "storage_full", "message": "the disk is full", "field": None}}
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("write-start").click()
    for address in ("**/api/corrections", "**/model-status"):
        visitor.page.route(address, lambda route: route.fulfill(status=507, json=full) if answers else route.abort())
    for number in (1, 2):
        visitor.draw([(x, y + number / 100) for x, y in SEVEN])
        visitor.page.keyboard.press("Enter")
    toast = visitor.page.locator(".toast")
    expect(toast).to_contain_text("2 digits not saved yet")
    expect(visitor.find("write-pending")).to_have_text("2 digits not saved yet.")
    visitor.page.unroute_all()
    if answers:
        toast.get_by_role("button", name="Try again").click()
    expect(visitor.find("write-pending")).to_be_empty()
    expect(toast).to_have_count(0)
    assert len(stored(collecting)) == 2


def test_a_reload_continues_the_round_of_this_name(visit: Visit, collecting: Application):
    visitor = visit("/collect", at=collecting)
    visitor.find("writer").fill("Anna")
    visitor.find("write-start").click()
    for number in (1, 2):
        visitor.draw([(x, y + number / 100) for x, y in SEVEN])
        visitor.page.keyboard.press("Enter")
    expect(visitor.find("write-count")).to_have_text("2 of 100")
    expect(visitor.find("write-pending")).to_be_empty()
    next_one = asked(visitor)
    visitor.page.reload()
    expect(visitor.find("write-count")).to_have_text("2 of 100")
    assert asked(visitor) == next_one
    with visitor.page.expect_response(lambda reply: reply.request.method == "DELETE"):
        visitor.find("write-undo").click()
    expect(visitor.find("write-count")).to_have_text("1 of 100")
    assert len(stored(collecting)) == 1
    visitor.find("writer").fill("Ben")
    visitor.page.reload()
    expect(visitor.find("write-start")).to_be_visible()


@pytest.mark.parametrize("is_back", [True, False])
def test_undo_deletes_a_digit_whose_answer_was_lost(visit: Visit, collecting: Application, is_back: bool):
    """Once the page has sent it again, or while the server is still away."""

    def lose(route: Route) -> None:
        assert route.fetch().status == 201
        route.abort()

    visitor = visit("/collect", at=collecting)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("write-start").click()
    visitor.page.route("**/api/corrections", lose, times=1)
    visitor.page.route("**/model-status", lambda route: route.abort())
    visitor.draw()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("write-pending")).to_have_text("1 digit not saved yet.")
    assert len(stored(collecting)) == 1
    if is_back:
        visitor.page.locator(".toast").get_by_role("button", name="Try again").click()
        expect(visitor.find("write-pending")).to_be_empty()
    with visitor.page.expect_response(lambda reply: reply.request.method == "DELETE"):
        visitor.find("write-undo").click()
    expect(visitor.find("write-count")).to_have_text("0 of 100")
    assert stored(collecting) == []


def test_a_photograph_is_checked_box_by_box_and_saved(visit: Visit, collecting: Application, sheet: dict[str, Any]):
    visitor = visit("/collect", at=collecting)
    visitor.find("writer").fill("Ben")
    visitor.find("paper-file").set_input_files(sheet)
    expect(visitor.find("paper-count")).to_contain_text("to check, 2 empty.")
    assert stored(collecting) == []
    boxes, labels = visitor.page.locator(".paper-box"), visitor.find("paper-labels")
    expect(visitor.find("paper-cell-words")).to_contain_text("The sheet says 3, but the model reads 8.")
    labels.get_by_role("button", name="8", exact=True).click()
    boxes.nth(13).click()
    labels.get_by_role("button", name="3", exact=True).click()
    boxes.nth(14).click()
    labels.get_by_role("button", name="leave out").click()
    boxes.nth(0).click()
    expect(labels).to_be_hidden()
    kept = int(visitor.find("paper-count").inner_text().split()[0])
    visitor.find("paper-save").click()
    expect(visitor.find("paper-note")).to_have_text(f"Saved {kept} digits by Ben.")
    expect(visitor.find("paper-file")).to_be_focused()
    found = stored(collecting)
    assert len(found) == kept
    assert {(each["writer"], each["source"]) for each in found} == {("Ben", "sheet")}
    assert sum(each["label"] == 3 for each in found) == 1


def test_undo_deletes_what_the_save_of_a_sheet_added_and_only_that(
    visit: Visit, collecting: Application, sheet: dict[str, Any]
):
    visitor = visit("/collect", at=collecting)
    note, undo = visitor.find("paper-note"), visitor.find("paper-undo")
    visitor.find("paper-file").set_input_files(sheet)
    visitor.find("paper-save").click()
    expect(note).to_contain_text("Saved")
    first, *others = stored(collecting)
    for each in others:
        delete = urllib.request.Request(f"{collecting.url}/api/corrections/{each['id']}", method="DELETE")
        urllib.request.urlopen(delete, timeout=PATIENCE_S).close()
    visitor.find("paper-file").set_input_files(sheet)
    expect(visitor.find("paper-count")).to_contain_text("to check")
    expect(undo).to_be_hidden()
    visitor.find("paper-save").click()
    expect(note).to_have_text(f"Saved {len(others)} digits. 1 was already saved.")
    undo.click()
    expect(note).to_have_text(f"Deleted {len(others)} digits of the sheet.")
    expect(undo).to_be_hidden()
    expect(visitor.find("paper-file")).to_be_focused()
    assert [each["id"] for each in stored(collecting)] == [first["id"]]


def test_a_sheet_whose_answer_was_lost_is_saved_again_and_can_be_taken_back(
    visit: Visit, collecting: Application, sheet: dict[str, Any]
):
    def lose(route: Route) -> None:
        assert route.fetch().status == 200
        route.abort()

    visitor = visit("/collect", at=collecting)
    visitor.expected_errors = (FAILED_REQUEST,)
    note = visitor.find("paper-note")
    visitor.find("paper-file").set_input_files(sheet)
    expect(visitor.find("paper-count")).to_contain_text("to check")
    visitor.page.route("**/api/corrections/sheet", lose, times=1)
    visitor.find("paper-save").click()
    expect(note).to_contain_text("Save again: no digit is stored twice.")
    count = len(stored(collecting))
    visitor.find("paper-save").click()
    expect(note).to_have_text(f"Saved {count} digits.")
    visitor.find("paper-undo").click()
    expect(note).to_have_text(f"Deleted {count} digits of the sheet.")
    assert stored(collecting) == []


def test_nothing_can_be_changed_while_a_sheet_is_saved(visit: Visit, collecting: Application, sheet: dict[str, Any]):
    """A change was lost, and "Discard" said that nothing was saved."""
    visitor = visit("/collect", at=collecting)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("paper-file").set_input_files(sheet)
    found, save = visitor.find("paper-found"), visitor.find("paper-save")
    expect(visitor.find("paper-count")).to_contain_text("to check")
    with visitor.slow("**/api/corrections/sheet") as held:
        save.click()
        expect(found).to_have_js_property("inert", True)
        held[0].abort()
        expect(found).to_have_js_property("inert", False)
        expect(save).to_be_focused()
        save.click()
        expect(found).to_have_js_property("inert", True)
    expect(visitor.find("paper-note")).to_contain_text("Saved")
    visitor.find("paper-file").set_input_files(sheet)
    expect(found).to_have_js_property("inert", False)


def test_boxes_can_be_reached_with_the_arrow_keys(visit: Visit, collecting: Application, sheet: dict[str, Any]):
    visitor = visit("/collect", at=collecting, viewport=PHONE)
    visitor.find("paper-file").set_input_files(sheet)
    boxes = visitor.page.locator(".paper-box")
    boxes.nth(3).click()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        visitor.page.keyboard.press(key)
    expect(boxes.nth(13)).to_be_focused()
    expect(visitor.find("paper-cell-words")).to_contain_text("Row 2, column 4")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_another_picture_says_what_to_do(visit: Visit, collecting: Application):
    visitor = visit("/collect", at=collecting)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("paper-file").set_input_files(WALL)
    expect(visitor.find("paper-note")).to_contain_text("all four corners")
    visitor.find("paper-file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"})
    expect(visitor.find("paper-note")).to_contain_text("The browser cannot read this file as a picture.")


def test_the_photograph_that_was_chosen_last_is_shown_although_another_one_is_read_later(
    visit: Visit, collecting: Application, sheet: dict[str, Any]
):
    """Saving would store the labels of one sheet with the digits of another."""
    visitor = visit("/collect", at=collecting)
    visitor.expected_errors = (FAILED_REQUEST,)
    held = list[Route]()
    visitor.page.route("**/api/corrections/sheet", lambda route: route.continue_() if held else held.append(route))
    with visitor.page.expect_request("**/api/corrections/sheet"):
        visitor.find("paper-file").set_input_files(sheet)
    visitor.find("paper-file").set_input_files(WALL)
    expect(visitor.find("paper-note")).to_contain_text("all four corners")
    reply = held[0].fetch()
    assert reply.status == 200
    with contextlib.suppress(Error):  # the page has aborted it
        held[0].fulfill(response=reply)
    visitor.page.wait_for_timeout(500)
    expect(visitor.find("paper-note")).to_contain_text("all four corners")
    expect(visitor.find("paper-found")).to_be_hidden()


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_the_printed_sheet_is_one_page_that_the_reader_finds(visit: Visit, paper: str):
    visitor = visit(f"/collect/sheet?paper={paper}")
    visitor.page.set_viewport_size({"width": 1100, "height": 1400})
    picture = Image.open(io.BytesIO(visitor.page.locator("main svg").screenshot())).convert("L")
    marks = find_marks(np.asarray(picture))
    assert np.ptp(marks[:, 1]) / np.ptp(marks[:, 0]) == pytest.approx(222 / 174, abs=0.01)
    pdf = visitor.page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 1
    width_mm = 210 if paper == "a4" else 215.9
    box = pdf.partition(b"/MediaBox [")[2].partition(b"]")[0].split()
    assert float(box[2]) / 72 * 25.4 == pytest.approx(width_mm, abs=0.5)
