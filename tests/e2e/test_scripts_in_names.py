"""Script in names, notes, reasons, file names and trainings: every page shows it as text and runs none of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from application import Application
from playwright.sync_api import Browser, expect
from tests.versions import save
from tests.web.routes.test_predict import png
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit
from mnist_classifier.core.database import Store
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.registry.aliases import CHALLENGER, PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs

pytestmark = pytest.mark.e2e

SCRIPT = '<img src=x onerror="window.ran=1"><script>window.ran=1</script><svg onload=window.ran=1>'
LINK = "javascript:window.ran=1"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """Everything that somebody may name is named with script."""
    folder = tmp_path_factory.mktemp("hostile")
    home = folder / "home"
    home.mkdir()
    store = Store(f"sqlite:///{home / 'mnist.db'}")
    registry, runs = Registry(home / "models", store), Runs(store, home / "claims")
    for version in (1, 2):
        save(registry, name=SCRIPT, recipe=SCRIPT)
        registry.edit(version, name=SCRIPT, note=f"{SCRIPT} {LINK}")
    registry.aliases.move(PRODUCTION, 1, actor=SCRIPT, reason=SCRIPT)
    registry.aliases.move(CHALLENGER, 2, actor=LINK, reason=SCRIPT)
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)
    runs.add_event(run.id, "message", {"text": SCRIPT})
    runs.describe(run.id, {"libraries": {SCRIPT: SCRIPT}, "device": SCRIPT, "commit": LINK})
    runs.finish(run.id, RunStatus.FAILED, SCRIPT)
    store.close()
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running


def expect_failures(visitor: Visitor) -> None:
    visitor.expected_errors = (FAILED_REQUEST,)


def expect_nothing_ran(visitor: Visitor) -> None:
    assert visitor.page.evaluate("window.ran") is None
    assert visitor.page.locator("img[src=x], svg[onload], body script:not([src])").count() == 0
    assert visitor.page.locator("[href^='javascript:'], [src^='javascript:']").count() == 0


@pytest.mark.parametrize("path", ["/", "/mnist", "/training?run=1", "/models", "/explore", "/docs"])
def test_no_page_runs_script_that_stands_in_names(visit: Visit, hostile: Application, path: str) -> None:
    visitor = visit(path, at=hostile, before=expect_failures)
    visitor.page.wait_for_load_state("networkidle")
    expect_nothing_ran(visitor)


def test_names_notes_and_reasons_of_models_are_shown_as_text(visit: Visit, hostile: Application) -> None:
    visitor = visit("/models", at=hostile, before=expect_failures)
    row = visitor.page.locator("tr[data-version='1']")
    expect(row.get_by_role("button")).to_have_text(f"1 · {SCRIPT}")
    expect(row.locator(".note")).to_contain_text(SCRIPT)
    expect(visitor.find("history-rows")).to_contain_text(SCRIPT)
    row.get_by_role("button").click()
    expect(visitor.find("edit-name")).to_have_value(SCRIPT)
    expect(visitor.find("dialog-heading")).to_contain_text(SCRIPT)
    visitor.find("dialog-close").click()
    visitor.find("compare-start").click()
    expect(visitor.find("compare-verdict")).not_to_be_empty()
    expect_nothing_ran(visitor)


def test_messages_of_a_training_are_shown_as_text(visit: Visit, hostile: Application) -> None:
    visitor = visit("/training?run=1", at=hostile, before=expect_failures)
    expect(visitor.find("run-message")).to_contain_text(SCRIPT)
    expect(visitor.page.locator("body")).to_contain_text(SCRIPT)
    expect_nothing_ran(visitor)


def test_names_of_files_are_shown_as_text(visit: Visit, hostile: Application) -> None:
    name = SCRIPT.replace("/", "")
    visitor = visit("/", at=hostile, before=expect_failures)
    visitor.page.locator("#file").set_input_files({"name": f"{name}.png", "mimeType": "image/png", "buffer": png()})
    expect(visitor.find("digit")).to_have_text("7")
    expect_nothing_ran(visitor)
    visitor.page.goto(f"{hostile.url}/models")
    visitor.find("import-file").set_input_files(
        {"name": f"{name}.zip", "mimeType": "application/zip", "buffer": b"no zip"}
    )
    expect(visitor.find("toasts")).to_contain_text("This is no zip archive")
    expect_nothing_ran(visitor)


def test_addresses_with_script_are_shown_as_text(visit: Visit, hostile: Application) -> None:
    visitor = visit(f"/explore?version={SCRIPT}&split={SCRIPT}&show={LINK}", at=hostile, before=expect_failures)
    visitor.page.wait_for_load_state("networkidle")
    expect_nothing_ran(visitor)
    for path in (f"/{SCRIPT}", f"/api/explore/images/{SCRIPT}/0", f"/api/runs?search={SCRIPT}&limit={SCRIPT}"):
        visitor.page.goto(hostile.url + path)
        expect_nothing_ran(visitor)
