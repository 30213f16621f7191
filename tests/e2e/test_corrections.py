"""The page of corrections: filter, relabel, delete with Undo, export, import, delete for good."""

from __future__ import annotations

import io
import urllib.parse
import urllib.request
import zipfile

import numpy as np
import pytest
from application import PATIENCE_S, Application
from axe_playwright_python.sync_playwright import Axe
from pictures import keep
from playwright.sync_api import Locator, Route, expect
from stored_corrections import add, stored
from test_accessibility import rules
from test_forced_colours import style
from test_layout import SCREENS, schemes
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e


def glyphs(count: int, seed: int = 1) -> list[list[int]]:
    """Small drawings that differ: a bar in different places, with noise."""
    rng = np.random.default_rng(seed)
    made = np.zeros((count, 28, 28), np.uint8)
    made[:, 5:23, 12:16] = rng.integers(128, 256, (count, 18, 4))
    return [glyph.ravel().tolist() for glyph in made]


def cards(visitor: Visitor) -> Locator:
    return visitor.find("grid").get_by_role("listitem")


def message(visitor: Visitor) -> Locator:
    return visitor.page.locator(".toast")


def select(visitor: Visitor, *places: int) -> None:
    for place in places:
        cards(visitor).nth(place).get_by_role("checkbox").check()


@pytest.fixture
def three(own: Application) -> Application:
    """Three corrections: 1 by Anna, 7 by Ben, "not a digit" without a name; the newest comes first on the page."""
    for glyph, label, writer in zip(glyphs(3), [1, 7, "not_a_digit"], ["Anna", "Ben", ""], strict=True):
        add(own, [glyph], [label], writer)
    return own


def test_an_empty_page_invites_to_draw(visit: Visit, own: Application) -> None:
    visitor = visit("/corrections", at=own)
    expect(visitor.find("list-note")).to_have_text("There are no corrections yet.")
    expect(visitor.find("filters")).to_be_hidden()
    expect(visitor.find("purge")).to_be_hidden()
    expect(visitor.find("retention")).to_have_text("Corrections are kept until somebody deletes them.")
    visitor.page.get_by_role("link", name="Draw a digit").click()
    expect(visitor.find("pad")).to_be_visible()
    visitor.page.get_by_role("link", name="Corrections").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Corrections")


def test_filters_show_what_matches_and_stay_in_the_address(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    expect(cards(visitor)).to_have_count(3)
    expect(visitor.find("list-note")).to_have_text("3 corrections by 2 writers.")
    visitor.find("filter-writer").select_option("Anna")
    expect(cards(visitor)).to_have_count(1)
    expect(visitor.find("list-note")).to_have_text("1 of 3 corrections by 2 writers.")
    expect(visitor.find("export-note")).to_have_text("Exports only the corrections that match the filters (1).")
    visitor.page.reload()
    expect(cards(visitor)).to_have_count(1)
    visitor.find("filter-label").select_option("7")
    expect(visitor.find("list-note")).to_have_text("No correction matches the filters.")
    visitor.find("filter-writer").select_option("no name (1)")
    visitor.find("filter-label").select_option("not_a_digit")
    expect(cards(visitor)).to_have_count(1)
    assert visitor.page.url.endswith("?label=not_a_digit&writer=")


def test_the_dialog_tells_what_was_read_and_relabels(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    cards(visitor).nth(1).get_by_role("button").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Model version")
    expect(dialog).to_contain_text("0 · in the box")
    expect(dialog.locator("[aria-pressed=true]")).to_have_text("7")
    dialog.get_by_role("button", name="4", exact=True).click()
    expect(message(visitor)).to_contain_text("Relabelled as 4.")
    expect(cards(visitor).nth(1)).to_contain_text("4")
    assert [each["label"] for each in stored(three)] == [1, 4, "not_a_digit"]
    message(visitor).get_by_role("button", name="Undo").click()
    expect(cards(visitor).nth(1)).to_contain_text("7")
    assert [each["label"] for each in stored(three)] == [1, 7, "not_a_digit"]
    cards(visitor).nth(1).get_by_role("button").click()
    dialog.get_by_label("Writer").fill("Cy")
    dialog.get_by_role("button", name="Save").click()
    expect(cards(visitor).nth(1)).to_contain_text("Cy")
    assert [each["writer"] for each in stored(three)] == ["Anna", "Cy", ""]


def test_undo_takes_back_the_last_of_two_equal_changes(visit: Visit, three: Application) -> None:
    """Both messages say the same.  The button of the second took back the first."""
    visitor = visit("/corrections", at=three)
    for place in (0, 1):
        cards(visitor).nth(place).get_by_role("button").click()
        visitor.page.get_by_role("dialog").get_by_role("button", name="4", exact=True).click()
        expect(cards(visitor).nth(place)).to_contain_text("4")
    assert [each["label"] for each in stored(three)] == [1, 4, 4]
    message(visitor).get_by_role("button", name="Undo").click()
    expect(cards(visitor).nth(1)).to_contain_text("7")
    assert [each["label"] for each in stored(three)] == [1, 7, 4]


def test_undo_of_a_deletion_is_in_reach_of_the_keyboard(visit: Visit, three: Application) -> None:
    """It is the last button of the page, and there for ten seconds."""
    visitor = visit("/corrections", at=three)
    select(visitor, 0)
    visitor.find("bulk-delete").focus()
    visitor.page.keyboard.press("Enter")
    expect(cards(visitor)).to_have_count(2)
    visitor.page.keyboard.press("Enter")
    expect(cards(visitor)).to_have_count(3)


def test_several_are_relabelled_renamed_and_deleted_at_once(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    expect(visitor.find("bulk-delete")).to_be_disabled()
    select(visitor, 0, 1)
    expect(visitor.find("bulk-count")).to_have_text("2 selected")
    visitor.find("bulk-label").select_option("3")
    expect(message(visitor)).to_contain_text("Relabelled 2 corrections as 3.")
    assert [each["label"] for each in stored(three)] == [1, 3, 3]
    visitor.find("bulk-all").check()
    visitor.find("bulk-writer").click()
    dialog = visitor.page.get_by_role("dialog", name="Who wrote them?")
    dialog.get_by_label("Name").fill("Dora")
    dialog.get_by_role("button", name="Save").click()
    expect(message(visitor)).to_contain_text("Changed the writer of 3 corrections to Dora.")
    assert {each["writer"] for each in stored(three)} == {"Dora"}
    select(visitor, 0, 2)
    visitor.find("bulk-delete").click()
    expect(cards(visitor)).to_have_count(1)
    assert len(stored(three)) == 3
    message(visitor).get_by_role("button", name="Undo").click()
    expect(cards(visitor)).to_have_count(3)
    select(visitor, 0, 2)
    visitor.find("bulk-delete").click()
    expect(message(visitor)).to_contain_text("Deleted 2 corrections.", timeout=30_000)
    assert len(stored(three)) == 1


def test_a_change_of_many_goes_on_when_another_page_has_deleted_one(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    visitor.expected_errors = (FAILED_REQUEST,)
    select(visitor, 0, 1, 2)
    middle = stored(three)[1]["id"]
    request = urllib.request.Request(f"{three.url}/api/corrections/{middle}", method="DELETE")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()
    visitor.find("bulk-label").select_option("3")
    expect(message(visitor)).to_contain_text("Relabelled 2 corrections as 3. 1 correction was no longer there.")
    expect(cards(visitor)).to_have_count(2)
    expect(cards(visitor).first).not_to_contain_text("not a digit")
    assert [each["label"] for each in stored(three)] == [3, 3]
    message(visitor).get_by_role("button", name="Undo").click()
    expect(cards(visitor).first).to_contain_text("not a digit")
    assert [each["label"] for each in stored(three)] == [1, "not_a_digit"]


def test_a_change_that_breaks_off_says_what_it_did(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    visitor.expected_errors = (FAILED_REQUEST,)
    select(visitor, 0, 1, 2)
    last = stored(three)[0]["id"]
    visitor.page.route(f"**/api/corrections/{last}", lambda route: route.abort())
    visitor.find("bulk-label").select_option("3")
    expect(message(visitor)).to_contain_text("Relabelled 2 corrections as 3. The others were not changed.")
    assert [each["label"] for each in stored(three)] == [1, 3, 3]


def test_a_writer_called_like_a_wildcard_can_be_chosen(visit: Visit, three: Application) -> None:
    add(three, glyphs(4)[3:], [5], "*")
    visitor = visit("/corrections", at=three)
    visitor.find("filter-writer").select_option("* (1)")
    expect(cards(visitor)).to_have_count(1)
    visitor.find("filter-writer").select_option("Anybody")
    expect(cards(visitor)).to_have_count(4)


def test_the_longest_name_fits_a_phone(visit: Visit, own: Application) -> None:
    name = 33 * "Wéß" + "W"
    add(own, glyphs(12), [1, 7] * 6, name)
    own.post("/api/personal", writer=name)
    address = urllib.parse.quote(name)
    for path in (f"/?personal={address}", "/corrections", f"/corrections?writer={address}"):
        visitor = visit(path, at=own, viewport={"width": 390, "height": 844})
        shown = visitor.find("reader") if "personal" in path else visitor.page.get_by_role("link", name="Read as")
        expect(shown).to_be_visible()
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path


def test_what_waits_to_be_deleted_is_deleted_when_the_page_is_left(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    select(visitor, 0)
    visitor.find("bulk-delete").click()
    expect(cards(visitor)).to_have_count(2)
    visitor.page.goto(three.url + "/")
    visitor.page.goto(three.url + "/corrections")
    expect(cards(visitor)).to_have_count(2)
    assert len(stored(three)) == 2


def test_a_page_that_comes_back_offers_no_undo_of_what_was_deleted(visit: Visit, three: Application) -> None:
    """Browsers keep a page that the user leaves, and show it again on the way back."""
    visitor = visit("/corrections", at=three)
    select(visitor, 0)
    with visitor.slow("**/api/corrections?*") as held:
        with visitor.page.expect_request("**/api/corrections?*"):
            visitor.find("bulk-delete").click()
        expect(message(visitor)).to_contain_text("will be deleted in a moment")
        list_of_before = held[0].fetch()
        with visitor.page.expect_response(lambda response: response.request.method == "DELETE"):
            visitor.page.evaluate("() => { window.dispatchEvent(new Event('pagehide')); }")
        held[0].fulfill(response=list_of_before)
    expect(message(visitor)).to_have_count(0)
    expect(cards(visitor)).to_have_count(2)


def test_what_waits_to_be_deleted_is_deleted_before_a_model_learns(visit: Visit, own: Application) -> None:
    """A training that learned from it would be thrown away at its end."""
    add(own, glyphs(14), [1, 7] * 7, "Anna")
    visitor = visit("/corrections", at=own)
    visitor.expected_errors = (FAILED_REQUEST,)
    select(visitor, 0, 1)
    visitor.find("bulk-delete").click()
    visitor.page.get_by_role("button", name="Personalise for Anna").click()
    expect(visitor.page.locator("[data-writer=Anna]")).to_contain_text("of 12 right")
    busy = {"error": {"code": "training_in_progress", "message": "a training is under way", "field": None}}
    left = list[int]()

    def refuse(route: Route) -> None:
        left.append(len(stored(own)))
        route.fulfill(status=409, json=busy)

    visitor.page.route("**/retrain", refuse)
    select(visitor, 0)
    visitor.find("bulk-delete").click()
    visitor.page.get_by_role("button", name="Retrain").click()
    expect(message(visitor).get_by_text("A training is under way")).to_be_visible()
    assert left == [11]


def test_the_keyboard_goes_on_beside_the_button_that_it_pressed(visit: Visit, own: Application) -> None:
    """The list of personal models is made anew, and the focus went to the top of the page."""
    add(own, glyphs(12), [1, 7] * 6, "Anna")
    visitor = visit("/corrections", at=own)
    visitor.page.get_by_role("button", name="Personalise for Anna").press("Enter")
    expect(visitor.page.get_by_role("link", name="Read as Anna")).to_be_focused()
    visitor.page.get_by_role("button", name="Forget").press("Enter")
    expect(visitor.page.get_by_role("button", name="Personalise for Anna")).to_be_focused()


def test_a_contradiction_is_flagged_and_resolved(visit: Visit, three: Application) -> None:
    add(three, glyphs(1), [9], "Ben")
    visitor = visit("/corrections", at=three)
    expect(visitor.find("list-note")).to_contain_text("2 contradict each other.")
    visitor.find("filter-contradictions").check()
    expect(cards(visitor)).to_have_count(2)
    cards(visitor).first.get_by_role("button").click()
    expect(visitor.find("correction-contradicts")).to_contain_text(" gives the same picture another label.")
    visitor.find("correction-dialog").get_by_role("button", name="1", exact=True).click()
    expect(visitor.find("list-note")).not_to_contain_text("contradict")


def test_pages_go_on_to_older_ones_and_back(visit: Visit, own: Application) -> None:
    add(own, glyphs(61), [1] * 61)
    visitor = visit("/corrections", at=own)
    expect(visitor.find("range")).to_have_text("1 to 60 of 61")
    visitor.find("older").click()
    expect(visitor.find("range")).to_have_text("61 to 61 of 61")
    expect(visitor.find("older")).to_be_disabled()
    select(visitor, 0)
    visitor.find("newer").click()
    expect(cards(visitor)).to_have_count(60)
    expect(visitor.find("bulk-count")).to_have_text("Select all on this page")


@pytest.mark.parametrize("kind", ["idx", "png"])
def test_an_export_comes_back_by_an_import(visit: Visit, three: Application, kind: str) -> None:
    visitor = visit("/corrections", at=three)
    visitor.find("export-format").select_option(kind)
    expect(cards(visitor)).to_have_count(3)
    with visitor.page.expect_download() as download:
        visitor.find("export").click()
    assert download.value.suggested_filename == f"mnist-corrections-{kind}.zip"
    content = download.value.path().read_bytes()
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    before = [(each["label"], each["writer"], each["glyph_sha256"]) for each in stored(three)]

    visitor.find("purge").click()
    dialog = visitor.page.get_by_role("dialog", name="Delete many corrections")
    confirm = dialog.get_by_role("button", name="Delete for good")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Type “delete 3” to confirm").fill("delete 2")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Type “delete 3” to confirm").fill("delete 3")
    confirm.click()
    expect(visitor.find("list-note")).to_have_text("There are no corrections yet.")
    assert stored(three) == []

    visitor.find("import-file").set_input_files(
        {"name": "corrections.zip", "mimeType": "application/zip", "buffer": content}
    )
    expect(visitor.find("import-note")).to_have_text("Imported 3 corrections.")
    expect(cards(visitor)).to_have_count(3)
    assert sorted(map(str, before)) == sorted(
        str((each["label"], each["writer"], each["glyph_sha256"])) for each in stored(three)
    )


def test_only_one_writers_corrections_are_deleted_for_good(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    visitor.find("purge").click()
    dialog = visitor.page.get_by_role("dialog", name="Delete many corrections")
    dialog.get_by_label("Whose corrections").select_option("Anna (1)")
    dialog.get_by_label("Type “delete 1” to confirm").fill("delete 1")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(message(visitor)).to_contain_text("Deleted 1 correction for good.")
    assert sorted(each["writer"] for each in stored(three)) == ["", "Ben"]


def test_a_wrong_file_imports_nothing_and_says_why(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("import-file").set_input_files({"name": "a.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    expect(visitor.find("import-note")).to_have_text("Nothing was imported.")
    expect(message(visitor)).to_be_visible()
    assert len(stored(three)) == 3


def test_a_failure_can_be_tried_again(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three, before=refuse_list)
    expect(visitor.find("list-note")).to_have_text("The database is busy.")
    visitor.page.unroute("**/api/corrections?*")
    visitor.page.get_by_role("button", name="Try again").click()
    expect(cards(visitor)).to_have_count(3)


def refuse_list(visitor: Visitor) -> None:
    visitor.expected_errors = (FAILED_REQUEST,)
    error = {"error": {"code": "database_error", "message": "the database is busy", "field": None}}
    visitor.page.route("**/api/corrections?*", lambda route: route.fulfill(status=503, json=error))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_and_its_dialog_fit_the_screen(visit: Visit, three: Application, screen: str) -> None:
    visitor = visit("/corrections", at=three, reduced_motion="reduce", **SCREENS[screen])
    expect(cards(visitor)).to_have_count(3)
    width = SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
    for scheme in schemes(visitor):
        keep(visitor, f"corrections-{screen}-{scheme}")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        assert Axe().run(visitor.page, options=rules(scheme)).violations_count == 0
    for control in visitor.page.locator("main button:visible, main select:visible, main .check:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44, control.evaluate("element => element.outerHTML")
    cards(visitor).first.get_by_role("button").click()
    expect(visitor.find("correction-dialog")).to_be_visible()
    for scheme in schemes(visitor):
        keep(visitor, f"corrections-dialog-{screen}-{scheme}", full_page=False)
        assert Axe().run(visitor.page, options=rules(scheme)).violations_count == 0


def test_forced_colours_show_what_is_selected(visit: Visit, three: Application) -> None:
    visitor = visit("/corrections", at=three, forced_colors="active")
    select(visitor, 0)
    assert style(cards(visitor).first, "outline-style") == "solid"
    assert style(cards(visitor).nth(1), "outline-style") == "none"
