"""A slow server: what a person does on the page of corrections before the answer comes is not lost."""

from __future__ import annotations

import base64

import pytest
from application import Application
from playwright.sync_api import expect
from stored_corrections import add
from test_corrections import cards, glyphs, message, select
from test_recogniser import picture_of_seven
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

LIST_AGAIN = "document.dispatchEvent(new CustomEvent('corrections-changed'))"


@pytest.fixture
def three(own: Application) -> Application:
    add(own, glyphs(3), [1, 7, "not_a_digit"])
    return own


def relabel(visitor: Visitor, place: int, label: str) -> None:
    cards(visitor).nth(place).get_by_role("button").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name=label, exact=True).click()


def test_what_is_selected_while_others_change_stays_selected(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    with visitor.slow("**/api/corrections/*", "PATCH"):
        select(visitor, 0)
        visitor.find("bulk-label").select_option("3")
        select(visitor, 1)
    expect(message(visitor)).to_contain_text("Relabelled 1 correction as 3.")
    expect(cards(visitor).nth(0)).to_contain_text("3")
    expect(visitor.find("bulk-count")).to_have_text("1 selected")
    expect(cards(visitor).nth(1).get_by_role("checkbox")).to_be_checked()


def test_the_undo_of_a_deletion_stays_when_an_earlier_change_is_done(visit: Visit, three: Application) -> None:
    """The message about the change took its place, and the correction was deleted."""
    visitor = visit("/corrections", at=three)
    expect(cards(visitor)).to_have_count(3)
    with (
        visitor.page.expect_response(lambda reply: reply.request.method == "PATCH"),
        visitor.slow("**/api/corrections/*", "PATCH"),
    ):
        relabel(visitor, 0, "4")
        cards(visitor).nth(1).get_by_role("button").click()
        visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(cards(visitor).nth(0)).to_contain_text("4")
    expect(cards(visitor)).to_have_count(2)
    expect(message(visitor)).to_contain_text("1 correction will be deleted in a moment.")
    message(visitor).get_by_role("button", name="Undo").click()
    expect(cards(visitor)).to_have_count(3)


def test_what_is_deleted_goes_before_the_list_has_come(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    select(visitor, 0)
    with visitor.slow("**/api/corrections?*"):
        visitor.find("bulk-delete").click()
        expect(cards(visitor)).to_have_count(2)


def test_two_presses_of_older_show_the_next_page_and_its_range(visit: Visit, own: Application) -> None:
    """The second went on from the page before, and the range was that of another page."""
    add(own, glyphs(130), [1] * 130)
    visitor = visit("/corrections", at=own)
    expect(visitor.find("range")).to_have_text("1 to 60 of 130")
    with visitor.slow("**/api/corrections?*after=*"):
        visitor.find("older").click()
        expect(visitor.find("older")).to_have_attribute("aria-disabled", "true")
        visitor.find("older").dispatch_event("click")
    expect(visitor.find("range")).to_have_text("61 to 120 of 130")
    visitor.find("older").click()
    expect(visitor.find("range")).to_have_text("121 to 130 of 130")


def test_a_picture_that_fails_late_is_told_of_its_own_correction_only(visit: Visit, own: Application) -> None:
    image = base64.b64encode(picture_of_seven()).decode()
    for label in (1, 7):
        own.post("/api/corrections", image=image, label=label, source="page")
    visitor = visit("/corrections", at=own)
    visitor.expected_errors = (FAILED_REQUEST,)
    with visitor.slow("**/api/corrections/*/image") as held:
        cards(visitor).nth(0).get_by_role("button").click()
        visitor.find("correction-close").click()
        cards(visitor).nth(1).get_by_role("button").click()
        expect(visitor.find("correction-dialog")).to_be_visible()
        with visitor.page.expect_response("**/image"):
            held[0].fulfill(status=500, json={"error": {"code": "internal_error", "message": "no", "field": None}})
    with visitor.page.expect_response("**/api/corrections?*"):
        visitor.page.evaluate(LIST_AGAIN)
    expect(visitor.find("correction-error")).to_be_empty()


def test_the_keyboard_stays_on_its_card_when_the_list_comes_again(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    control = cards(visitor).nth(1).get_by_role("checkbox")
    control.focus()
    with visitor.page.expect_response("**/api/personal"):  # it is asked for once the list is shown
        visitor.page.evaluate(LIST_AGAIN)
    expect(control).to_be_focused()


@pytest.mark.parametrize("press", ["Personalise again", "Forget"])
def test_a_personal_model_in_the_making_stays_busy_when_the_list_comes_again(
    visit: Visit, own: Application, press: str
) -> None:
    add(own, glyphs(12), [1, 7] * 6, "Anna")
    own.post("/api/personal", writer="Anna")
    visitor = visit("/corrections", at=own)
    with visitor.slow("**/api/personal*", "POST"), visitor.slow("**/api/personal*", "DELETE"):
        visitor.page.get_by_role("button", name=press).click()
        expect(visitor.page.get_by_role("button", name=press)).to_be_disabled()
        with visitor.page.expect_response("**/api/personal"):
            visitor.page.evaluate(LIST_AGAIN)
        expect(visitor.page.get_by_role("button", name=press)).to_be_disabled()
        if press != "Forget":
            expect(visitor.find("personal-note")).to_have_text("Learning how Anna writes…")
    expect(visitor.page.get_by_role("button", name="Personalise")).to_be_enabled()
    expect(visitor.find("personal-note")).to_be_empty()


def test_a_second_export_cannot_be_asked_for_before_the_first_has_come(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    select(visitor, 0)
    visitor.find("bulk-delete").click()
    with visitor.page.expect_download(), visitor.slow("**/api/corrections/export?*"):
        with visitor.page.expect_response("**/api/personal"):  # it is asked for once the list is shown
            visitor.find("export").click()
        expect(message(visitor)).to_contain_text("Deleted 1 correction.")
        expect(visitor.find("export")).to_be_disabled()
    expect(visitor.find("export")).to_be_enabled()
