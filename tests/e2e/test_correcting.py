"""Correcting a reading: one tap stores what it was, Undo deletes it, and nothing is stored without that tap."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from application import PATIENCE_S, Application
from pictures import keep
from playwright.sync_api import Browser, Locator, expect
from stored_corrections import stored
from test_layout import SCREENS, schemes
from test_numbers import upload_seven_and_one
from test_token import give
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

TOKEN = "correct-horse-battery-staple"


def row(visitor: Visitor, name: str = "correct") -> Locator:
    return visitor.find(name)


def choose(visitor: Visitor, label: int | str, name: str = "correct") -> None:
    row(visitor, name).locator(f"[data-label='{label}']").click()


def status(visitor: Visitor, name: str = "correct") -> Locator:
    return row(visitor, name).locator(".correct-status")


def draw_seven(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    expect(row(visitor)).to_have_attribute("data-state", "ready")


def test_a_tap_stores_what_it_was_and_another_changes_it_and_undo_deletes_it(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    expect(row(visitor)).to_be_hidden()
    draw_seven(visitor)
    assert stored(own) == []

    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    expect(row(visitor).locator("[aria-pressed=true]")).to_have_text("1")
    (found,) = stored(own)
    assert (found["label"], found["writer"], found["source"], found["model_version"]) == (1, "", "page", 0)
    assert (found["has_image"], found["reading"]["prediction"], found["reading"]["verdict"]) == (True, 7, "digit")
    with urllib.request.urlopen(f"{own.url}/api/corrections/{found['id']}", timeout=PATIENCE_S) as reply:
        strokes = json.load(reply)["strokes"]
    assert len(strokes) == 1
    assert len(strokes[0]) > len(SEVEN)

    choose(visitor, "not_a_digit")
    expect(status(visitor)).to_have_text("Changed to not a digit.")
    assert [each["label"] for each in stored(own)] == ["not_a_digit"]

    row(visitor).get_by_role("button", name="Undo").click()
    expect(status(visitor)).to_have_text("Deleted. Nothing is stored.")
    assert stored(own) == []
    expect(row(visitor).locator("[aria-pressed=true]")).to_have_count(0)


def save_a_one_and_reload(visitor: Visitor) -> None:
    draw_seven(visitor)
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    visitor.wait_until_stored()
    visitor.page.reload()
    expect(row(visitor)).to_have_attribute("data-state", "ready")


def test_the_same_drawing_counts_once_and_a_contradiction_is_told(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    save_a_one_and_reload(visitor)
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Already saved as 1.")
    expect(row(visitor).get_by_role("button", name="Delete it")).to_be_visible()
    assert [each["times"] for each in stored(own)] == [2]

    visitor.page.reload()
    expect(row(visitor)).to_have_attribute("data-state", "ready")
    choose(visitor, 9)
    expect(status(visitor)).to_have_text("Saved as 9. The same drawing also has another label.")
    row(visitor).get_by_role("link", name="See both").click()
    expect(visitor.find("grid").get_by_role("listitem")).to_have_count(2)
    expect(visitor.find("filter-contradictions")).to_be_checked()


def test_a_reply_that_comes_after_the_drawing_changed_tells_what_the_button_deletes(
    visit: Visit, own: Application
) -> None:
    """The drawing was saved before.  The message offered to undo the tap, and deleted what was saved before it."""
    visitor = visit(at=own)
    save_a_one_and_reload(visitor)
    with visitor.slow("**/api/corrections"):
        choose(visitor, 1)
        visitor.draw(SEVEN)
    message = visitor.page.locator("#toasts")
    expect(message).to_contain_text("Already saved as 1.")
    with visitor.page.expect_response(lambda reply: reply.request.method == "DELETE"):
        message.get_by_role("button", name="Delete it").click()
    assert stored(own) == []


def test_a_writer_gives_a_name_once(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    draw_seven(visitor)
    row(visitor).get_by_role("button", name="Add your name").click()
    dialog = visitor.page.get_by_role("dialog", name="Who is writing?")
    dialog.get_by_label("Name").fill("  Anna ")
    dialog.get_by_role("button", name="Save").click()
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1, by Anna.")
    visitor.page.reload()
    expect(row(visitor).get_by_role("button", name="Writer: Anna")).to_be_visible()
    assert [each["writer"] for each in stored(own)] == ["Anna"]


def test_a_digit_of_a_number_is_corrected_by_its_card_or_its_box(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    upload_seven_and_one(visitor)
    expect(row(visitor)).to_be_hidden()
    visitor.find("number-digits").get_by_role("button").nth(1).click()
    choose(visitor, 4, "correct-part")
    expect(status(visitor, "correct-part")).to_have_text("Saved as 4.")
    visitor.find("found").get_by_role("button").first.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("inspect-title")).to_contain_text("Digit 7")
    expect(status(visitor, "correct-part")).to_be_empty()
    choose(visitor, 2, "correct-part")
    expect(status(visitor, "correct-part")).to_have_text("Saved as 2.")
    first, second = stored(own)
    assert [each["reading"]["prediction"] for each in (first, second)] == [1, 7]
    assert [each["label"] for each in (first, second)] == [4, 2]
    assert first["glyph_sha256"] != second["glyph_sha256"]


def test_a_digit_of_a_drawn_number_is_corrected(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    visitor.find("mode-number").click()
    for left in (0.0, 0.4):
        visitor.draw([(left + 0.3 * x, y) for x, y in SEVEN])
    expect(visitor.find("digit")).to_have_text("77")
    expect(visitor.find("correct-hint")).to_be_visible()
    visitor.find("number-digits").get_by_role("button").first.click()
    choose(visitor, 1, "correct-part")
    expect(status(visitor, "correct-part")).to_have_text("Saved as 1.")
    assert [(each["label"], each["reading"]["prediction"]) for each in stored(own)] == [(1, 7)]


def test_the_keyboard_alone_corrects_and_undoes(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    draw_seven(visitor)
    row(visitor).get_by_role("button", name="Add your name").focus()
    for _ in range(2):
        visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    expect(status(visitor)).to_have_text("Saved as 1.")
    visitor.page.keyboard.press("Shift+Tab")
    for _ in range(2):
        visitor.page.keyboard.press("Shift+Tab")
    visitor.page.keyboard.press("Space")
    expect(status(visitor)).to_have_text("Deleted. Nothing is stored.")
    expect(row(visitor).locator("[data-label='0']")).to_be_focused()


def test_on_a_phone_the_row_opens_over_the_tools_and_moves_nothing(visit: Visit, own: Application) -> None:
    visitor = visit(at=own, **SCREENS["phone"])
    draw_seven(visitor)
    expect(row(visitor).locator(".correct-labels")).to_be_hidden()
    before = visitor.find("pad").bounding_box()
    row(visitor).get_by_role("button", name="Wrong?").tap()
    for part in ("digit", "glyph", "bars"):
        expect(visitor.find(part)).to_be_in_viewport(ratio=1)
    assert visitor.find("pad").bounding_box() == before
    for label in row(visitor).locator("[data-label]").all():
        box = label.bounding_box()
        assert box is not None
        assert box["width"] >= 44
        assert box["height"] >= 44
    for scheme in schemes(visitor):
        keep(visitor, f"correct-phone-{scheme}", full_page=False)
    row(visitor).locator("[data-label='1']").tap()
    expect(status(visitor)).to_have_text("Saved as 1.")
    expect(row(visitor).locator(".correct-labels")).to_be_hidden()
    row(visitor).get_by_role("button", name="Undo").tap()
    expect(status(visitor)).to_have_text("Deleted. Nothing is stored.")
    assert stored(own) == []


def test_a_new_stroke_ends_the_offer_until_its_reading_has_come(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    draw_seven(visitor)
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    visitor.draw([(0.3, 0.5), (0.8, 0.5)])
    expect(status(visitor)).to_be_empty()
    choose(visitor, 2)
    expect(status(visitor)).to_have_text("Saved as 2.")
    assert [each["label"] for each in stored(own)] == [1, 2]
    visitor.find("clear").click()
    expect(row(visitor)).to_be_hidden()


def test_a_tap_before_the_reading_has_come_waits_for_it(visit: Visit, own: Application) -> None:
    """It was lost without a word."""
    visitor = visit(at=own)
    draw_seven(visitor)
    with visitor.slow("**/predict**"):
        with visitor.page.expect_request("**/predict**"):
            visitor.draw([(0.3, 0.5), (0.8, 0.5)])
        choose(visitor, 2)
        expect(row(visitor).locator("[aria-pressed=true]")).to_have_text("2")
        assert stored(own) == []
    expect(status(visitor)).to_have_text("Saved as 2.")
    assert [each["label"] for each in stored(own)] == [2]


def test_a_tap_that_waits_does_not_count_for_the_next_drawing(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    draw_seven(visitor)
    with visitor.slow("**/predict**"):
        with visitor.page.expect_request("**/predict**"):
            visitor.draw([(0.3, 0.5), (0.8, 0.5)])
        choose(visitor, 2)
        with visitor.page.expect_request("**/predict**"):
            visitor.draw([(0.3, 0.9), (0.8, 0.9)])
        expect(row(visitor).locator("[aria-pressed=true]")).to_have_count(0)
    choose(visitor, 3)
    expect(status(visitor)).to_have_text("Saved as 3.")
    assert [each["label"] for each in stored(own)] == [3]


def test_the_last_of_two_quick_taps_counts(visit: Visit, own: Application) -> None:
    """The second was lost while the first was being stored."""
    visitor = visit(at=own)
    draw_seven(visitor)
    with visitor.slow("**/api/corrections"):
        with visitor.page.expect_request("**/api/corrections"):
            choose(visitor, 1)
        choose(visitor, 2)
    expect(status(visitor)).to_have_text("Changed to 2.")
    assert [each["label"] for each in stored(own)] == [2]


@pytest.mark.mnist
def test_a_test_image_is_not_offered(visit: Visit, application_with_data: Application) -> None:
    visitor = visit(at=application_with_data)
    draw_seven(visitor)
    visitor.find("random").click()
    expect(visitor.find("truth")).to_contain_text("Label")
    expect(row(visitor)).to_be_hidden()


def test_without_the_server_the_page_says_that_nothing_was_stored(visit: Visit, own: Application) -> None:
    visitor = visit(at=own)
    visitor.expected_errors = (FAILED_REQUEST,)
    draw_seven(visitor)
    visitor.page.route("**/api/corrections", lambda route: route.abort())
    choose(visitor, 1)
    expect(visitor.page.locator(".toast")).to_contain_text("No answer from the server")
    expect(status(visitor)).to_be_empty()
    visitor.page.unroute("**/api/corrections")
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    expect(visitor.page.locator(".toast")).to_have_count(0)


def test_where_a_token_is_needed_the_page_asks_for_it(tmp_path: Path, browser: Browser, visit: Visit) -> None:
    with Application(tmp_path, data_dir=tmp_path / "no-data", MNIST_TOKEN=TOKEN) as guarded:
        visitor = visit(at=guarded)
        visitor.expected_errors = (FAILED_REQUEST,)
        draw_seven(visitor)
        choose(visitor, 1)
        dialog = visitor.page.get_by_role("dialog", name="This server needs a token")
        dialog.get_by_role("button", name="Cancel").click()
        expect(status(visitor)).to_be_empty()
        choose(visitor, 1)
        give(visitor, TOKEN)
        expect(status(visitor)).to_have_text("Saved as 1.")
        assert [each["label"] for each in stored(guarded, token=TOKEN)] == [1]
        visitor.page.goto(guarded.url + "/corrections")
        expect(visitor.find("grid").get_by_role("listitem")).to_have_count(1)


def test_a_correction_that_was_deleted_on_another_page_can_be_made_again_and_undone(
    visit: Visit, own: Application
) -> None:
    def delete_elsewhere() -> None:
        path = f"{own.url}/api/corrections/{stored(own)[0]['id']}"
        urllib.request.urlopen(urllib.request.Request(path, method="DELETE"), timeout=PATIENCE_S).close()

    visitor = visit(at=own)
    visitor.expected_errors = (FAILED_REQUEST,)
    draw_seven(visitor)
    choose(visitor, 1)
    expect(status(visitor)).to_have_text("Saved as 1.")
    delete_elsewhere()
    choose(visitor, 2)
    expect(status(visitor)).to_have_text("Changed to 2.")
    assert [each["label"] for each in stored(own)] == [2]
    delete_elsewhere()
    row(visitor).get_by_role("button", name="Undo").click()
    expect(status(visitor)).to_have_text("Deleted. Nothing is stored.")
