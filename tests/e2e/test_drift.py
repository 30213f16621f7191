"""The section "Readings over time" on the page of models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from application import Application
from playwright.sync_api import Browser, expect
from test_layout import SCREENS
from tests.handwriting import glyphs

from conftest import Visit
from mnist_classifier.core.database import Store, now
from mnist_classifier.core.records import Verdict
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.learning.reading_counts import Key, ReadingCounts, Tally

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """Five days with thin pens and many digits in doubt; 25 corrections wait."""
    folder = tmp_path_factory.mktemp("drifted")
    with Application(folder, data_dir=folder / "no-data") as running:
        store = Store(f"sqlite:///{folder / 'home' / 'mnist.db'}")
        hour = now().replace(minute=0, second=0, microsecond=0)
        ReadingCounts(store).add(
            {
                Key(hour - timedelta(hours=ago), 0, verdict): Tally(
                    count, count // 10, 0.9 * count, 0.08 * count, count
                )
                for ago in range(0, 120, 6)
                for verdict, count in ((Verdict.DIGIT, 91), (Verdict.AMBIGUOUS, 7), (Verdict.NOT_A_DIGIT, 2))
            }
        )
        Corrections(store).add_many([NewCorrection(glyph, 7, "page") for glyph in glyphs(25).images])
        store.close()
        yield running


def test_before_anybody_wrote_much_nothing_is_said(tmp_path: Path, visit: Visit) -> None:
    with Application(tmp_path, data_dir=tmp_path / "no-data") as unread:
        visitor = visit("/models", at=unread)
        expect(visitor.find("drift-note")).to_contain_text("At least 100 are needed")
        expect(visitor.find("drift-found")).to_be_hidden()
        expect(visitor.find("drift-train")).to_be_hidden()


def test_a_sentence_says_that_retraining_is_worth_it_and_why(visit: Visit, drifted: Application) -> None:
    visitor = visit("/models", at=drifted)
    note = visitor.find("drift-note")
    expect(note).to_contain_text("In the last week, 9 % of 2,000 digits were refused or ambiguous")
    expect(note).to_contain_text("against 1 % of the validation images")
    expect(note).to_contain_text("Strokes are thinner (ink 61 instead of 100)")
    expect(note).to_contain_text("25 corrections are waiting: retrain with them")
    expect(visitor.find("drift-facts")).to_contain_text("2,000; blank pictures: 0")
    for chart in ("drift-doubtful", "drift-ink"):
        expect(visitor.find(chart).locator("canvas")).to_be_visible()
    label = visitor.find("drift-doubtful").get_attribute("aria-label") or ""
    assert label.startswith("Share refused or ambiguous over")
    visitor.page.get_by_role("link", name="Retrain").click()
    # The training page begins with a recipe that learns no corrections.
    visitor.page.wait_for_url("**/corrections")
    expect(visitor.find("learn")).to_be_visible()


def test_another_time_can_be_chosen(visit: Visit, drifted: Application) -> None:
    visitor = visit("/models", at=drifted)
    visitor.find("drift-hours").select_option("24")
    expect(visitor.find("drift-note")).to_contain_text("In the last day, 9 % of 400 digits")
    visitor.find("drift-hours").select_option("8760")
    expect(visitor.find("drift-note")).to_contain_text("In the last 365 days, 9 % of 2,000 digits")


def test_the_time_that_was_chosen_last_is_shown_although_another_is_answered_later(
    visit: Visit, drifted: Application
) -> None:
    visitor = visit("/models", at=drifted)
    note = visitor.find("drift-note")
    expect(note).to_contain_text("In the last week")
    with visitor.slow("**/api/drift?hours=24"):
        visitor.find("drift-hours").select_option("24")
        visitor.find("drift-hours").select_option("8760")
        expect(note).to_contain_text("In the last 365 days")
    visitor.page.wait_for_timeout(200)
    expect(note).to_contain_text("In the last 365 days")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_section_fits_its_screen(visit: Visit, drifted: Application, screen: str) -> None:
    visitor = visit("/models", at=drifted, **SCREENS[screen])
    expect(visitor.find("drift-doubtful").locator("canvas")).to_be_visible()
    width: int = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
