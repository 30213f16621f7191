"""The section "What to label next"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from application import Application
from playwright.sync_api import Browser, expect
from test_layout import SCREENS
from tests.handwriting import glyphs
from visitor import Visitor

from conftest import Visit
from mnist_classifier.core.database import Store
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.learning.corrections import Corrections
from mnist_classifier.learning.proposals import Candidate, Proposals

pytestmark = pytest.mark.e2e

UNSURE = Reading(1, 0.6, (0.0, 0.6, *[0.05] * 8), Verdict.AMBIGUOUS)
# A stroke between a 1 and a 7.
BETWEEN = [(0.42, 0.32), (0.58, 0.25), (0.5, 0.8)]


@pytest.fixture(scope="module")
def proposing(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("proposing")
    with Application(folder, data_dir=folder / "no-data", MNIST_PROPOSE="1") as running:
        yield running


@pytest.fixture
def store(proposing: Application) -> Iterator[Store]:
    """Its database, without readings and corrections."""
    store = Store(f"sqlite:///{proposing.folder / 'home' / 'mnist.db'}")
    Corrections(store).purge()
    yield store
    store.close()


def wait_for_labels(store: Store, count: int) -> None:
    Proposals(store).add([Candidate(glyph, UNSURE, 0) for glyph in glyphs(count).images])


def labels_of(store: Store) -> list[tuple[int, str]]:
    return [(each.label, each.writer) for each in Corrections(store).find()]


def test_the_page_says_how_to_switch_it_on_and_what_is_kept(visit: Visit) -> None:
    visitor = visit("/corrections")
    expect(visitor.find("proposals-note")).to_contain_text("Uncertain readings are not stored")
    expect(visitor.find("proposals-kept")).to_contain_text("28x28 pixels")
    expect(visitor.find("proposal")).to_be_hidden()


def test_an_uncertain_drawing_is_proposed_and_labelled_with_a_tap(
    visit: Visit, proposing: Application, store: Store
) -> None:
    drawing = visit("/", at=proposing)
    drawing.draw(BETWEEN)
    for _ in range(100):
        drawing.page.wait_for_timeout(100)
        if Proposals(store).count() > 0:
            break
    visitor = visit("/corrections", at=proposing)
    expect(visitor.find("proposals-note")).to_contain_text("for a label")
    expect(visitor.find("proposal-reading")).to_contain_text("The model says:")
    visitor.find("proposal-writer").fill("Anna")
    visitor.page.get_by_role("button", name="7", exact=True).click()
    expect(visitor.find("proposal-done")).to_have_text("Saved as 7.")
    expect(visitor.find("list-note")).to_have_text("1 correction by 1 writer.")
    assert (7, "Anna") in labels_of(store)


def test_keys_label_and_skip_and_a_label_can_be_undone(visit: Visit, proposing: Application, store: Store) -> None:
    wait_for_labels(store, 4)
    visitor = visit("/corrections", at=proposing)
    expect(visitor.find("proposals-note")).to_contain_text("4 uncertain readings wait")
    visitor.find("proposal-glyph").click()
    visitor.page.keyboard.press("3")
    expect(visitor.find("proposals-note")).to_contain_text("3 uncertain readings wait")
    visitor.page.keyboard.press("n")
    expect(visitor.find("proposals-note")).to_contain_text("2 uncertain readings wait")
    assert sorted(labels_of(store)) == [(3, ""), (10, "")]
    visitor.find("proposal-undo").click()
    expect(visitor.find("proposal-done")).to_contain_text("Undone")
    assert labels_of(store) == [(3, "")]
    expect(visitor.find("list-note")).to_have_text("1 correction.")
    expect(visitor.find("proposal")).to_be_focused()
    visitor.page.keyboard.press("s")
    expect(visitor.find("proposals-note")).to_contain_text("1 uncertain reading waits")
    assert labels_of(store) == [(3, "")]
    visitor.page.get_by_role("button", name="Skip").click()
    expect(visitor.find("proposals-note")).to_contain_text("No readings wait for a label")
    expect(visitor.find("proposal")).to_be_hidden()


def test_typing_a_name_labels_nothing(visit: Visit, proposing: Application, store: Store) -> None:
    wait_for_labels(store, 2)
    visitor = visit("/corrections", at=proposing)
    visitor.find("proposal-writer").click()
    visitor.page.keyboard.type("Anna 7 Nils")
    expect(visitor.find("proposal-writer")).to_have_value("Anna 7 Nils")
    assert labels_of(store) == []


def test_a_reading_that_somebody_else_labelled_gives_way_to_the_next(
    visit: Visit, proposing: Application, store: Store
) -> None:
    wait_for_labels(store, 2)
    visitor = visit("/corrections", at=proposing)
    expect(visitor.find("proposal")).to_be_visible()
    visitor.expected_errors = ("404",)
    for each in Proposals(store).best(1):
        Proposals(store).delete(each.id)
    visitor.page.get_by_role("button", name="7", exact=True).click()
    expect(visitor.page.locator("#toasts")).to_contain_text("it may have been labelled or skipped")
    expect(visitor.find("proposals-note")).to_contain_text("1 uncertain reading waits")


def test_no_reading_is_shown_once_everything_was_deleted(visit: Visit, proposing: Application, store: Store) -> None:
    wait_for_labels(store, 3)
    visitor = visit("/corrections", at=proposing)
    visitor.page.get_by_role("button", name="7", exact=True).click()
    visitor.find("purge").click()
    visitor.page.get_by_label("Type “delete 1” to confirm").fill("delete 1")
    visitor.page.get_by_role("button", name="Delete for good").click()
    expect(visitor.find("proposals-note")).to_contain_text("No readings wait for a label")
    expect(visitor.find("proposal")).to_be_hidden()


def test_nothing_else_can_be_labelled_or_undone_while_a_label_is_stored(
    visit: Visit, proposing: Application, store: Store
) -> None:
    """A tap was lost without a word, and Undo took another label back."""
    wait_for_labels(store, 3)
    visitor = visit("/corrections", at=proposing)
    seven = visitor.page.get_by_role("button", name="7", exact=True)
    visitor.find("proposal").get_by_role("button", name="3", exact=True).click()
    expect(visitor.find("proposals-note")).to_contain_text("2 uncertain readings wait")
    with visitor.slow("**/api/proposals/*", "POST"):
        seven.click()
        for each in (seven, visitor.find("proposal-undo")):
            expect(each).to_have_attribute("aria-disabled", "true")
    expect(visitor.find("proposals-note")).to_contain_text("1 uncertain reading waits")
    expect(seven).to_have_attribute("aria-disabled", "false")
    with visitor.slow("**/api/corrections/*", "DELETE"):
        visitor.find("proposal-undo").click()
        expect(seven).to_have_attribute("aria-disabled", "true")
    expect(visitor.find("proposal-done")).to_contain_text("Undone")
    assert [label for label, _ in labels_of(store)] == [3]


def test_a_list_of_readings_that_comes_before_the_answer_loses_none(
    visit: Visit, proposing: Application, store: Store
) -> None:
    wait_for_labels(store, 3)
    visitor = visit("/corrections", at=proposing)
    expect(visitor.find("proposals-note")).to_contain_text("3 uncertain readings wait")
    with visitor.slow("**/api/proposals/*", "POST") as held:
        visitor.page.get_by_role("button", name="7", exact=True).click()
        expect(visitor.page.get_by_role("button", name="7", exact=True)).to_be_focused()
        reply = held[0].fetch()
        with visitor.page.expect_response("**/api/proposals"):
            visitor.page.evaluate("document.dispatchEvent(new CustomEvent('readings-changed'))")
        expect(visitor.find("proposals-note")).to_contain_text("2 uncertain readings wait")
        held[0].fulfill(response=reply)
        expect(visitor.find("proposal-done")).to_have_text("Saved as 7.")
    expect(visitor.find("proposals-note")).to_contain_text("2 uncertain readings wait")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_section_fits_its_screen(
    visit: Visit, proposing: Application, store: Store, screen: str, tmp_path: Path
) -> None:
    wait_for_labels(store, 2)
    visitor: Visitor = visit("/corrections", at=proposing, **SCREENS[screen])
    expect(visitor.find("proposal")).to_be_visible()
    width: int = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
    for each in visitor.find("proposal").locator("button, input").all():
        assert (each.bounding_box() or {"height": 0})["height"] >= 44  # px, for a finger
