"""The pages under a path of a name, behind a real nginx at /digits/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from application import Application
from belongings import add_runs, add_versions
from pictures import keep
from playwright.sync_api import Browser, expect
from test_layout import SCREENS, expect_failures
from tests.project.test_deploy import needs_nginx, nginx_before
from tests.web.routes.test_predict import png
from visitor import Visitor

from conftest import Visit

pytestmark = [pytest.mark.e2e, needs_nginx]


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """The application with versions and trainings; its address is nginx's."""
    folder = tmp_path_factory.mktemp("below")
    (folder / "home").mkdir()
    add_versions(folder / "home")
    add_runs(folder / "home", 30)
    with Application(folder, data_dir=folder / "no-data", MNIST_ROOT_PATH="/digits") as running:
        own = running.url
        with nginx_before(own.removeprefix("http://"), folder, "/digits/") as address:
            running.url = f"http://{address}/digits"
            yield running
        running.url = own


def test_a_drawing_and_an_upload_are_read(visit: Visit, below: Application, tmp_path: Path) -> None:
    visitor = visit("/", at=below)
    visitor.draw()
    expect(visitor.find("digit")).to_have_text("7")
    file = tmp_path / "seven.png"
    file.write_bytes(png())
    visitor.page.locator("input[type=file]").first.set_input_files(file)
    expect(visitor.find("digit")).to_have_text("7")
    assert {request.url.partition("?")[0] for request in visitor.predict_requests} == {f"{below.url}/predict"}
    expect(visitor.find("caption")).to_contain_text("seven.png")
    visitor.find("undo").click()
    visitor.find("share").click()
    assert visitor.page.get_by_label("Link to this drawing").input_value().startswith(f"{below.url}/#d=")


def test_the_navigation_stays_below_the_path(visit: Visit, below: Application) -> None:
    visitor = visit("/", at=below, before=expect_failures)
    failed: list[str] = []
    visitor.page.on("response", lambda reply: failed.append(reply.url) if reply.status >= 400 else None)
    pages = {
        "Look inside": "mnist",
        "Training": "training",
        "Models": "models",
        "Explore": "explore",
        "Lesson": "lesson",
    }
    for name, path in pages.items():
        visitor.page.get_by_label("Pages").get_by_role("link", name=name).click()
        visitor.page.wait_for_url(f"{below.url}/{path}")
        expect(visitor.page.get_by_label("Pages").locator("[aria-current=page]")).to_have_text(name)
    # Without the MNIST files there is nothing to explore.
    assert all(url.startswith(f"{below.url}/api/explore/") for url in failed), failed


def test_models_and_trainings_are_listed_followed_and_linked(visit: Visit, below: Application) -> None:
    visitor = visit("/models", at=below)
    expect(visitor.page.locator("tr[data-version='2']")).to_be_visible()
    streams: list[str] = []

    def note_streams(visitor: Visitor) -> None:
        visitor.page.on("request", lambda request: streams.append(request.url) if "/stream" in request.url else None)

    visitor = visit("/training?run=3", at=below, before=note_streams)
    expect(visitor.find("run-csv")).to_have_attribute("href", "/digits/api/runs/3/events.csv")
    expect(visitor.find("run-status")).to_have_text("succeeded")
    assert streams == [f"{below.url}/api/runs/3/stream"]
    visitor.find("history-more").click()  # follows a link of a reply
    expect(visitor.find("history").locator("tr")).to_have_count(30)


@pytest.mark.parametrize("screen", ["small", "desktop"])
def test_an_unknown_address_below_the_path_is_a_page_with_its_style(
    visit: Visit, below: Application, screen: str
) -> None:
    visitor = visit("/nowhere", at=below, before=expect_failures, **SCREENS[screen])
    keep(visitor, f"sub-path-unknown-{screen}")
    visitor.page.get_by_role("main").get_by_role("link", name="Draw").click()
    visitor.page.wait_for_url(f"{below.url}/")
