"""The running application and a real browser to visit it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from application import PATIENCE_S, Application
from belongings import add_runs, add_versions
from playwright.sync_api import Browser, expect, sync_playwright
from stored_corrections import forget
from visitor import Visitor

from mnist_classifier.data import mnist

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Threads that compile and collect garbage beside a page that is closed after a second cost a tenth of the time.
    "--js-flags=--single-threaded",
]
DESKTOP = {"width": 1280, "height": 800}
PATIENCE_MS = PATIENCE_S * 1_000

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of this machine; without one the test is skipped, under CI=true it fails."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = f"needs a browser: {BROWSERS[0]} (Debian: apt-get install {BROWSERS[0]}), or one of {BROWSERS[1:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """The application without any MNIST files."""
    folder = tmp_path_factory.mktemp("application")
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running


@pytest.fixture(scope="session")
def data_dir(mnist_dirs: list[Path]) -> Path:
    """The folder that holds all four MNIST files."""
    return next(directory for directory in mnist_dirs if mnist.is_available([directory]))


@pytest.fixture(scope="session")
def application_with_data(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, data_dir: Path
) -> Iterator[Application]:
    """The application with the MNIST files."""
    with Application(tmp_path_factory.mktemp("application-with-data"), data_dir) as running:
        yield running


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory, browser: Browser, data_dir: Path) -> Iterator[Application]:
    """The application with the MNIST files, model versions and trainings of earlier; tests only look at it."""
    folder = tmp_path_factory.mktemp("lived-in")
    (folder / "home").mkdir()
    add_versions(folder / "home")
    add_runs(folder / "home", 30)
    with Application(folder, data_dir) as running:
        yield running


@pytest.fixture(scope="session")
def corrected(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """An application whose corrections the tests change; see `own`."""
    folder = tmp_path_factory.mktemp("corrected")
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running


@pytest.fixture
def own(corrected: Application) -> Application:
    """An application without corrections."""
    forget(corrected)
    return corrected


@pytest.fixture
def visit(browser: Browser, application: Application) -> Iterator[Visit]:
    """Open a page: visit(path, at=application, before=what to do first, **options of the browser's context).

    Fails a test whose console shows an error that it did not announce.
    """
    visitors: list[Visitor] = []

    def open_page(
        path: str = "/",
        at: Application = application,
        before: Callable[[Visitor], None] = lambda visitor: None,
        **options: Any,
    ) -> Visitor:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context.new_page())
        visitors.append(visitor)
        before(visitor)
        visitor.page.goto(at.url + path)
        return visitor

    yield open_page
    for visitor in visitors:
        # A handler that still asks the server would fail in the next test.
        visitor.page.unroute_all(behavior="ignoreErrors")
        visitor.page.context.close()
    assert [error for visitor in visitors for error in visitor.unexpected_errors()] == []
