"""The page of the HTTP API in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from test_accessibility import rules, viewports

from conftest import Visit

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_link_opens_the_type_that_it_names(visit: Visit):
    page = visit("/").page
    page.get_by_role("link", name="HTTP API").click()
    route = page.locator("#post_api_predict")
    route.locator("summary").click()
    route.get_by_role("link", name="Reading").click()
    expect(page.locator("#type-reading")).to_have_attribute("open", "")
    expect(page.locator("#type-reading").get_by_role("cell").first).to_be_visible()


def test_predict_can_be_tried(visit: Visit, tmp_path: Path):
    page = visit("/docs").page
    picture = Path(__file__).parents[2] / "src" / "mnist_classifier" / "web" / "offline" / "icon-192.png"
    page.get_by_label("Picture", exact=True).set_input_files(picture)
    page.get_by_role("button", name="Send to /predict").click()
    expect(page.locator("#try-reply")).to_contain_text("probabilities")
    assert len(json.loads(page.locator("#try-reply").inner_text())["probabilities"]) == 10


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_everything_is_open(visit: Visit, theme: str):
    page = visit("/docs", color_scheme=theme).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for viewport in viewports(theme):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        found = Axe().run(page, options=rules(theme))
        assert found.violations_count == 0, found.generate_report()
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, "the page scrolls sideways"
