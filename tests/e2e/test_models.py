"""The page of model versions: promote, roll back, compare, rename, delete, export and import."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from application import Application
from belongings import add_versions
from pictures import keep
from playwright.sync_api import Browser, Locator, expect
from test_layout import SCREENS, schemes
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e


@pytest.fixture
def with_versions(tmp_path: Path, browser: Browser) -> Iterator[Application]:
    """The application with two versions and without MNIST."""
    with Application(tmp_path, data_dir=tmp_path / "no-data") as running:
        add_versions(tmp_path / "home")
        yield running


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """The same for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("unchanged")
    with Application(folder, data_dir=folder / "no-data") as running:
        add_versions(folder / "home")
        yield running


def row(visitor: Visitor, version: int) -> Locator:
    return visitor.page.locator(f"tr[data-version='{version}']")


def open_version(visitor: Visitor, version: int) -> None:
    row(visitor, version).get_by_role("button").click()
    expect(visitor.find("model-dialog")).to_be_visible()


def accept(visitor: Visitor) -> None:
    """Confirm that a less accurate version is wanted."""
    visitor.page.locator(".confirm-dialog").get_by_role("button", name="Use it anyway").click()


def test_without_trainings_the_model_in_the_box_stands_alone(visit: Visit) -> None:
    visitor = visit("/models")
    expect(visitor.page.locator("tbody#models-rows tr")).to_have_count(1)
    expect(row(visitor, 0)).to_contain_text("in the box")
    expect(visitor.find("models-note")).to_contain_text("There is only the model in the box")
    expect(visitor.find("history-note")).to_contain_text("No version was promoted yet")
    expect(visitor.find("compare-form")).to_be_hidden()
    expect(visitor.page.get_by_role("link", name="Train a model")).to_be_visible()
    expect(visitor.find("roll-back")).to_be_hidden()


def test_a_version_that_cannot_be_read_is_named_with_its_reason(
    tmp_path: Path, visit: Visit, with_versions: Application
) -> None:
    (tmp_path / "home" / "models" / "2" / "model.onnx").write_bytes(b"short")
    visitor = visit("/models", at=with_versions)
    unreadable = visitor.find("models-set-aside").get_by_role("listitem")
    expect(unreadable).to_have_count(1)
    expect(unreadable).to_contain_text(
        "Version 2 cannot be read: MNIST_HOME/models/2/model.onnx is not the file that was saved"
    )
    expect(row(visitor, 1)).to_be_visible()


def test_a_challenger_is_explained_promoted_and_rolled_back(visit: Visit, with_versions: Application) -> None:
    visitor = visit("/models", at=with_versions)
    expect(row(visitor, 2)).to_contain_text("challenger")
    expect(visitor.find("models-note")).to_contain_text("Version 2 is the challenger. Open it to see why")
    open_version(visitor, 2)
    expect(visitor.find("dialog-promotion-check")).to_contain_text(
        "99.1 % of the test images right; the current model has 99.6 % and stays in use."
    )
    expect(visitor.find("dialog-reason")).to_contain_text("Validation 99.02% (version 1: 99.62%")

    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.page.get_by_label("Reason (optional)").fill("quick enough")
    visitor.find("promote").click()
    accept(visitor)

    expect(row(visitor, 2)).to_contain_text("production")
    expect(visitor.find("history-rows").locator("li").first).to_contain_text("quick enough")
    visitor.page.get_by_role("button", name="Roll back to version 1").click()
    expect(row(visitor, 1)).to_contain_text("production")
    expect(visitor.find("history-rows").locator("li").first).to_contain_text("rolled back from version 2")
    expect(visitor.page.get_by_role("button", name="Roll back to the model in the box")).to_be_visible()


def test_a_less_accurate_version_is_asked_about_and_the_promotion_can_be_undone(
    visit: Visit, with_versions: Application
) -> None:
    visitor = visit("/models", at=with_versions)
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 2)
    visitor.find("promote").click()
    question = visitor.page.locator(".confirm-dialog")
    expect(question).to_contain_text(
        "Version 2 is less accurate than version 1, which is in production: validation accuracy 99.02%"
    )
    expect(question).to_contain_text("instead of 99.62%")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    question.get_by_role("button", name="Cancel").click()
    expect(visitor.find("model-dialog")).to_be_visible()
    expect(row(visitor, 1)).to_contain_text("production")

    visitor.find("promote").click()
    accept(visitor)
    expect(row(visitor, 2)).to_contain_text("production")
    visitor.page.get_by_role("button", name="Undo").click()
    expect(visitor.find("toasts")).to_contain_text("Undone: version 1 is in production again.")
    expect(row(visitor, 1)).to_contain_text("production")
    expect(visitor.find("roll-back")).to_have_text("Roll back to the model in the box")


def test_a_rollback_to_a_less_accurate_version_is_asked_about_and_can_be_undone(
    visit: Visit, with_versions: Application
) -> None:
    with_versions.post("/api/models/2/promote", confirm=True)
    with_versions.post("/api/models/1/promote")
    visitor = visit("/models", at=with_versions)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("roll-back").click()
    accept(visitor)
    expect(row(visitor, 2)).to_contain_text("production")
    expect(visitor.find("roll-back")).to_have_text("Roll back to version 1")
    visitor.page.get_by_role("button", name="Undo").click()
    expect(visitor.find("toasts")).to_contain_text("Undone: version 1 is in production again.")
    expect(visitor.find("roll-back")).to_have_text("Roll back to version 2")


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_the_question_and_undo_fit_the_screen(visit: Visit, with_versions: Application, screen: str) -> None:
    visitor = visit("/models", at=with_versions, **SCREENS[screen])
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 2)
    visitor.find("promote").click()
    expect(visitor.page.locator(".confirm-dialog")).to_be_visible()
    keep(visitor, f"models-confirm-{screen}", full_page=False)
    accept(visitor)
    undo = visitor.page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    keep(visitor, f"models-undo-{screen}", full_page=False)
    box = undo.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= SCREENS[screen]["viewport"]["width"]  # type: ignore[index]


def test_columns_sort(visit: Visit, unchanged: Application) -> None:
    visitor = visit("/models", at=unchanged)
    numbers = visitor.page.locator("tbody#models-rows tr")
    expect(numbers.first).to_have_attribute("data-version", "2")
    visitor.page.get_by_role("button", name="Validation accuracy", exact=True).click()
    expect(numbers.last).to_have_attribute("data-version", "2")
    expect(visitor.page.locator("th[data-column=validation]")).to_have_attribute("aria-sort", "descending")
    visitor.page.get_by_role("button", name="Validation accuracy", exact=True).click()
    expect(numbers.first).to_have_attribute("data-version", "2")


def test_name_note_and_deletion_which_asks_and_spares_what_serves(visit: Visit, with_versions: Application) -> None:
    visitor = visit("/models", at=with_versions)
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 1)
    expect(visitor.find("delete")).to_be_hidden()
    visitor.find("edit-name").fill("steady")
    visitor.find("edit-note").fill("trained on a Sunday")
    visitor.find("edit-save").click()
    expect(row(visitor, 1)).to_contain_text("steady")
    expect(row(visitor, 1)).to_contain_text("trained on a Sunday")

    open_version(visitor, 2)
    expect(visitor.find("delete")).to_be_hidden()  # the challenger has an alias as well
    visitor.find("promote").click()
    accept(visitor)
    expect(row(visitor, 2)).to_contain_text("production")
    open_version(visitor, 1)
    visitor.page.request.post(f"{with_versions.url}/api/models/1/promote")  # somebody else, meanwhile
    visitor.find("delete").click()
    expect(visitor.find("delete")).to_have_text("Delete permanently?")
    visitor.find("delete").click()
    expect(visitor.find("dialog-error")).to_contain_text("Version 1 is production; promote another one first")
    visitor.find("dialog-close").click()
    visitor.page.reload()
    open_version(visitor, 2)
    visitor.find("delete").click()
    visitor.find("delete").click()
    expect(row(visitor, 2)).to_have_count(0)


def test_export_and_import_make_a_round_trip_and_rubbish_is_refused(
    visit: Visit, with_versions: Application, tmp_path: Path
) -> None:
    visitor = visit("/models", at=with_versions, accept_downloads=True)
    visitor.expected_errors = (FAILED_REQUEST,)
    open_version(visitor, 1)
    with visitor.page.expect_download() as download:
        visitor.find("export").click()
    assert download.value.suggested_filename == "mnist-model-1-classic-1.zip"
    file = tmp_path / "carried.zip"
    download.value.save_as(file)
    visitor.find("dialog-close").click()

    visitor.find("import-file").set_input_files(file)

    expect(visitor.find("import-note")).to_contain_text("Imported as version 3.")
    expect(row(visitor, 3)).to_be_visible()
    (tmp_path / "evil.zip").write_bytes(b"no zip")
    visitor.find("import-file").set_input_files(tmp_path / "evil.zip")
    expect(visitor.find("toasts")).to_contain_text("This is no zip archive, or it is damaged")
    expect(visitor.find("import-note")).to_have_text("Nothing was imported.")


@pytest.mark.mnist
def test_two_versions_are_compared_with_the_images_that_they_read_differently(
    visit: Visit, tmp_path: Path, data_dir: Path
) -> None:
    with Application(tmp_path, data_dir) as running:
        add_versions(tmp_path / "home")
        visitor = visit("/models", at=running)
        visitor.find("compare-second").select_option("2")
        visitor.find("compare-split").select_option("test")
        visitor.find("compare-start").click()
        expect(visitor.find("compare-verdict")).to_contain_text(
            "Version 1 is better. 99.1 % of the test images right; the current model has 99.6 % and stays in use."
        )
        expect(visitor.find("compare-reason")).to_contain_text("Validation 99.02% (version 1: 99.62%")
        expect(visitor.find("compare-figures")).to_contain_text("99.11")
        expect(visitor.find("confusion").locator("tr")).to_have_count(11)
        expect(visitor.find("disagreements-note")).to_have_text(
            "Both versions read all test images the same way.", timeout=60_000
        )


def test_without_the_images_the_figures_are_compared_all_the_same(visit: Visit, unchanged: Application) -> None:
    visitor = visit("/models", at=unchanged)
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.find("compare-start").click()
    expect(visitor.find("compare-verdict")).not_to_be_empty()
    expect(visitor.find("dataset")).to_contain_text(
        "The validation images are part of MNIST, which is not on this computer yet"
    )


def test_a_failure_is_told_in_the_servers_words_and_can_be_tried_again(
    visit: Visit, with_versions: Application, tmp_path: Path
) -> None:
    visitor = visit("/models", at=with_versions)
    expect(row(visitor, 2)).to_be_visible()
    visitor.expected_errors = (FAILED_REQUEST,)
    database = tmp_path / "home" / "mnist.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE aliases RENAME TO elsewhere")
    visitor.page.reload()
    expect(visitor.find("models-note")).to_contain_text("The database cannot be used: no such table: aliases")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO aliases")
    visitor.page.get_by_role("button", name="Try again").click()
    expect(row(visitor, 2)).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_and_its_dialog_fit_the_screen(visit: Visit, unchanged: Application, screen: str) -> None:
    visitor = visit("/models", at=unchanged, **SCREENS[screen])
    visitor.expected_errors = (FAILED_REQUEST,)
    width = SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
    visitor.find("compare-start").click()
    expect(visitor.find("dataset")).to_contain_text(
        "The validation images are part of MNIST, which is not on this computer yet"
    )
    for scheme in schemes(visitor):
        keep(visitor, f"models-{screen}-{scheme}")
        for control in visitor.page.locator("main button:visible, main select:visible").all():
            box = control.bounding_box()
            assert box is not None
            assert box["height"] >= 44, control.evaluate("element => element.outerHTML")
    open_version(visitor, 2)
    expect(visitor.find("dialog-promotion-check")).to_contain_text("stays in use")
    for scheme in schemes(visitor):
        keep(visitor, f"models-dialog-{screen}-{scheme}", full_page=False)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
