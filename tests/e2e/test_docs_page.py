"""The page of the HTTP API in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_accessibility import AT_ONCE, PHONE, assert_accessible, rules
from test_layout import schemes

from conftest import DESKTOP, Visit

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


# Hundreds of its cells look alike.  Contrast depends on these styles of an element and of those around it.
MARK_ONE_OF_EACH_LOOK = """() => {
    const OF_CONTRAST = "color backgroundColor backgroundImage opacity fontSize fontWeight textShadow".split(" ");
    const looks = new Map([[document.documentElement, ""]]);
    const found = new Set();
    for (const element of document.querySelectorAll("body, body *")) {
        const style = getComputedStyle(element);
        const look = [looks.get(element.parentElement), ...OF_CONTRAST.map((name) => style[name])].join();
        looks.set(element, look);
        // axe leaves single letters to people.
        const hasText = [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim().length > 1);
        element.toggleAttribute("data-look", hasText && !found.has(look) && element.checkVisibility());
        if (element.hasAttribute("data-look")) found.add(look);
    }
    return found.size;
}"""


def test_axe_finds_nothing_where_everything_is_open(visit: Visit):
    visitor = visit("/docs", **AT_ONCE)
    page = visitor.page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for theme in schemes(visitor):
        for viewport in (DESKTOP, PHONE):
            page.set_viewport_size(viewport)  # type: ignore[arg-type]
            if theme == "light":
                assert_accessible(page, {**rules("light"), "rules": {"color-contrast": {"enabled": False}}})
            assert page.evaluate(MARK_ONE_OF_EACH_LOOK) > 10
            assert_accessible(page, rules("dark"), "[data-look]")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, "the page scrolls sideways"
