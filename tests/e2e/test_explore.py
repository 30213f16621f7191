"""Looking into a model: the matrix, the gallery, one image.  MNIST_SCREENSHOTS=<folder> keeps pictures."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from application import Application
from playwright.sync_api import Locator, Route, expect
from test_layout import SCREENS
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e
DISPUTED = 947


def ready(visitor: Visitor) -> Visitor:
    expect(visitor.find("explore")).to_have_attribute("data-state", "ready")
    expect(visitor.find("thumbnails").locator("li").first).to_be_visible()
    return visitor


def inspected(visitor: Visitor) -> Locator:
    expect(visitor.find("inspector").locator(".heat-maps canvas")).to_have_count(2)
    return visitor.find("inspector")


def keep(visitor: Visitor, name: str, *, full_page: bool = True) -> None:
    folder = os.environ.get("MNIST_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        visitor.page.wait_for_timeout(400)
        (Path(folder) / f"{name}.png").write_bytes(visitor.page.screenshot(full_page=full_page))


@pytest.mark.mnist
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_page_and_detail_fit_their_screen(
    visit: Visit, application_with_data: Application, screen: str, scheme: str
) -> None:
    visitor = ready(visit("/explore", at=application_with_data, color_scheme=scheme, **SCREENS[screen]))
    room = SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= room
    keep(visitor, f"explore-{screen}-{scheme}")
    visitor.find("thumbnails").locator("a").first.click()
    dialog = inspected(visitor)
    assert dialog.evaluate("element => element.scrollWidth <= element.clientWidth")
    keep(visitor, f"explore-image-{screen}-{scheme}", full_page=False)
    dialog.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    keep(visitor, f"explore-image-end-{screen}-{scheme}", full_page=False)
