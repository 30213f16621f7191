"""A slow server: what a person does on the pages Models, Training and Explore before the answer comes is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from application import Application
from belongings import add_runs, add_versions, opened
from playwright.sync_api import Browser, Locator, Route, expect
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs

pytestmark = pytest.mark.e2e

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def with_versions(tmp_path: Path, browser: Browser) -> Iterator[Application]:
    with Application(tmp_path, data_dir=tmp_path / "no-data") as running:
        add_versions(tmp_path / "home")
        yield running


def version(visitor: Visitor, number: int) -> Locator:
    return visitor.page.locator(f"tr[data-version='{number}']").get_by_role("button")


def test_a_version_that_is_opened_while_another_is_saved_stays_open(visit: Visit, with_versions: Application) -> None:
    visitor = visit("/models", at=with_versions)
    with visitor.slow("**/api/models/1", "PATCH") as held:
        version(visitor, 1).click()
        visitor.find("edit-name").fill("steady")
        visitor.find("edit-save").click()
        expect(visitor.find("edit-save")).to_have_attribute("aria-disabled", "true")
        visitor.find("edit-save").dispatch_event("click")
        visitor.find("dialog-close").click()
        version(visitor, 2).click()
        visitor.find("edit-note").fill("a long")
        assert len(held) == 1
    expect(visitor.find("models-rows")).to_contain_text("steady")
    expect(visitor.find("edit-note")).to_have_value("a long")
    expect(visitor.find("dialog-heading")).to_contain_text("Version 2")


def test_the_keyboard_stays_on_the_version_that_it_opened(visit: Visit, with_versions: Application) -> None:
    visitor = visit("/models", at=with_versions)
    version(visitor, 2).press("Enter")
    visitor.find("edit-note").fill("a note")
    visitor.find("edit-save").press("Enter")
    expect(visitor.find("models-rows")).to_contain_text("a note")
    expect(version(visitor, 2)).to_be_focused()


def test_a_double_click_on_delete_asks_and_deletes_nothing(visit: Visit, with_versions: Application) -> None:
    with_versions.post("/api/models/2/promote", confirm=True)
    visitor = visit("/models", at=with_versions)
    version(visitor, 1).click()
    visitor.find("delete").dblclick()
    expect(visitor.find("delete")).to_have_text("Delete permanently?")
    visitor.find("dialog-close").click()
    visitor.page.reload()
    expect(version(visitor, 1)).to_be_visible()


def test_a_late_list_of_versions_does_not_take_the_place_of_a_newer_one(
    visit: Visit, with_versions: Application
) -> None:
    visitor = visit("/models", at=with_versions)
    expect(version(visitor, 1)).to_be_visible()
    with visitor.slow("**/api/models") as held:
        visitor.page.evaluate(LOOK_AGAIN)
        visitor.page.wait_for_timeout(200)
        before = held[0].fetch()
        visitor.page.request.patch(f"{with_versions.url}/api/models/1", data={"name": "steady", "note": ""})
        visitor.page.evaluate(LOOK_AGAIN)
        visitor.page.wait_for_timeout(200)
        held[1].continue_()
        expect(version(visitor, 1)).to_contain_text("steady")
        held[0].fulfill(response=before)
        visitor.page.wait_for_timeout(200)
    expect(version(visitor, 1)).to_contain_text("steady")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Application]:
    """More trainings than the page shows at first; the last one has failed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "home").mkdir()
    add_runs(folder / "home", 30)
    with opened(folder / "home") as store:
        runs = Runs(store, folder / "home" / "claims")
        run = runs.create(TrainConfig(recipe="fast"))
        runs.start(run.id, pid=1)
        runs.finish(run.id, RunStatus.FAILED, "No memory was left.")
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running


def test_a_run_that_is_ticked_while_another_is_opened_is_drawn(visit: Visit, trained: Application) -> None:
    """It was unticked without a word."""
    visitor = visit("/training?run=28", at=trained)
    expect(visitor.find("run-heading")).to_contain_text("Run 28")
    with visitor.slow("**/api/runs/27"):
        visitor.page.get_by_role("button", name="Open run 27").click()
        visitor.page.get_by_label("Show the curves of run 26").check()
    expect(visitor.find("run-heading")).to_contain_text("Run 27")
    expect(visitor.find("chart-legend")).to_contain_text("Run 26")
    expect(visitor.page.get_by_label("Show the curves of run 26")).to_be_checked()
    expect(visitor.page).to_have_url(f"{trained.url}/training?run=27&with=26")


def test_a_run_that_is_ticked_where_none_is_shown_is_opened(visit: Visit, trained: Application) -> None:
    visitor = visit("/training?run=99", at=trained)
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.find("run-heading")).to_have_text("No training to show")
    visitor.page.get_by_label("Show the curves of run 26").check()
    expect(visitor.find("run-heading")).to_contain_text("Run 26")


def test_a_run_that_is_opened_while_another_is_resumed_stays_open(visit: Visit, trained: Application) -> None:
    visitor = visit("/training?run=31", at=trained)
    with visitor.slow("**/api/runs/31/resume") as held:
        visitor.find("run-resume").click()
        expect(visitor.find("run-resume")).to_be_disabled()
        visitor.page.get_by_role("button", name="Open run 28").click()
        expect(visitor.find("run-heading")).to_contain_text("Run 28")
        with visitor.page.expect_response("**/api/runs?*"):
            held[0].fulfill(json={})
    visitor.page.wait_for_timeout(200)
    expect(visitor.find("run-heading")).to_contain_text("Run 28")


def test_a_run_is_opened_though_the_list_changes_while_its_button_is_pressed(
    visit: Visit, trained: Application
) -> None:
    visitor = visit("/training?run=31", at=trained)
    expect(visitor.find("run-heading")).to_contain_text("31")

    def changed(route: Route) -> None:
        listed = route.fetch().json()
        for run in listed["runs"]:
            run["planned_epochs"] = 98
        route.fulfill(json=listed)

    visitor.page.route("**/api/runs?*", changed)
    visitor.page.get_by_role("button", name="Open run 30", exact=True).hover()
    visitor.page.mouse.down()
    visitor.find("history-search").dispatch_event("input")
    expect(visitor.find("history").locator("tr[data-run='30']")).to_contain_text("/98")
    visitor.page.mouse.up()
    expect(visitor.find("run-heading")).to_contain_text("30")


def test_a_training_that_is_started_before_the_history_has_come_stays_open(visit: Visit, trained: Application) -> None:
    visitor = visit("/docs", at=trained)
    visitor.page.route("**/api/dataset", lambda route: route.fulfill(json={"status": "ready"}))
    visitor.page.route("**/api/runs", lambda route: route.fulfill(json={"run_id": 27}))
    with visitor.slow("**/api/runs?*") as held:
        visitor.page.goto(f"{trained.url}/training")
        visitor.find("run-start").click()
        expect(visitor.find("run-heading")).to_contain_text("Run 27")
        with visitor.page.expect_response("**/api/runs?*"):
            held[0].continue_()
    visitor.page.wait_for_timeout(200)
    expect(visitor.find("run-heading")).to_contain_text("Run 27")


def test_older_runs_that_come_late_do_not_join_those_of_a_search(visit: Visit, trained: Application) -> None:
    visitor = visit("/training", at=trained)
    rows = visitor.find("history").locator("tr")
    expect(rows).to_have_count(25)
    older = "**/api/runs?*before=*"
    with visitor.page.expect_response(older), visitor.slow(older):
        visitor.find("history-more").click()
        visitor.find("history-search").fill("lightning")
        expect(rows).to_have_count(10)
    visitor.page.wait_for_timeout(200)
    expect(rows).to_have_count(10)


def test_the_images_can_be_chosen_before_the_versions_have_come(visit: Visit) -> None:
    visitor = visit("/docs")
    visitor.expected_errors = (FAILED_REQUEST,)
    with visitor.slow("**/api/explore"):
        visitor.page.goto(visitor.page.url.replace("/docs", "/explore"))
        visitor.find("explore-split").select_option("validation")
        expect(visitor.page).to_have_url(f"{visitor.page.url.partition('?')[0]}?split=validation")
    expect(visitor.find("explore-version").locator("option:checked")).to_contain_text("Production: ")
    expect(visitor.find("explore-split")).to_have_value("validation")


def test_a_number_of_the_matrix_keeps_the_version_that_was_chosen(visit: Visit, with_versions: Application) -> None:
    """The matrix is still that of the version before.  Its link went back to it."""
    visitor = visit("/explore", at=with_versions)
    cell = visitor.find("matrix").get_by_role("link", name="images of 7 read correctly")
    expect(cell).to_be_visible()
    with visitor.slow("**/api/explore/summary?*"):
        visitor.find("explore-version").select_option("2")
        cell.click()
    expect(visitor.find("gallery-heading")).to_have_text("Label 7, read as 7")
    expect(visitor.find("explore-version")).to_have_value("2")


def test_the_keyboard_stays_on_the_filter_that_it_chose(visit: Visit) -> None:
    visitor = visit("/explore")
    expect(visitor.find("explore")).to_have_attribute("data-state", "ready")
    tab = visitor.find("gallery-tabs").get_by_role("link", name="All", exact=True)
    tab.press("Enter")
    expect(tab).to_have_attribute("aria-current", "true")
    expect(tab).to_be_focused()
    following = visitor.find("gallery-pages").get_by_role("link", name="Next")
    following.press("Enter")
    expect(visitor.find("gallery-pages")).to_contain_text("Page 2")
    expect(following).to_be_focused()
