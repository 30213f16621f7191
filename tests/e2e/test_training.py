"""The page of trainings: start, watch, break off, compare."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from application import PATIENCE_S, Application
from belongings import OUTCOME, add_runs, add_trials, epoch_figures, opened
from pictures import keep
from playwright.sync_api import Browser, Route, expect
from visitor import FAILED_REQUEST, Visitor

from conftest import Visit
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRAINING_TIMEOUT_MS = 120_000
QUICK = {"epochs": "3", "train_images": "1000"}
LONG = {"epochs": "900", "train_images": "1000", "patience": "0"}


@pytest.fixture
def running(tmp_path: Path, browser: Browser, data_dir: Path) -> Iterator[Application]:
    """An application of its own, that a test may stop."""
    with Application(tmp_path, data_dir) as application:
        yield application


def fill(visitor: Visitor, recipe: str, values: dict[str, str]) -> None:
    visitor.find("config-recipe").select_option(recipe)
    visitor.page.get_by_text("When to stop").click()
    for name, value in values.items():
        visitor.find(f"config-{name}").fill(value)


def start(visitor: Visitor, recipe: str, values: dict[str, str]) -> None:
    fill(visitor, recipe, values)
    visitor.find("run-start").click()


def get(application: Application, path: str) -> Any:
    with urllib.request.urlopen(application.url + path, timeout=PATIENCE_S) as reply:
        return json.load(reply)


def test_a_training_is_started_watched_and_found_again(running: Application, visit: Visit):
    visitor = visit("/training", at=running)
    expect(visitor.find("run-message")).to_have_text(
        "Start training: the quickest recipe is chosen. Here you watch it learn."
    )
    start(visitor, "lightning", QUICK)
    expect(visitor.find("run-heading")).to_have_text("Run 1: lightning")
    expect(visitor.find("batch-figure")).to_be_visible(timeout=TRAINING_TIMEOUT_MS)
    expect(visitor.find("run-status")).to_have_text("succeeded", timeout=TRAINING_TIMEOUT_MS)
    expect(visitor.find("run-epoch")).to_have_text("3 of 3")
    expect(visitor.find("confusion-epoch")).to_have_text("3")
    expect(visitor.page.locator("#chart-loss canvas")).to_be_visible()
    # All of it is there again, from the address alone.
    again = visit("/training?run=1", at=running)
    expect(again.find("run-epoch")).to_have_text("3 of 3")
    expect(again.find("history").get_by_role("row")).to_have_count(1)
    again.page.get_by_text("Log", exact=True).click()
    expect(again.find("run-log")).to_contain_text("loading PyTorch")
    expect(again.find("run-log")).to_contain_text("Epoch 2 of 3 done")
    with again.page.expect_download() as download:
        again.page.get_by_text("Download CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("event,at,")
    assert sum(line.startswith("epoch,") for line in lines) == 3
    assert_fits_every_screen(running, visit)


def assert_fits_every_screen(running: Application, visit: Visit) -> None:
    for name, width, theme in (("small", 320, "dark"), ("phone", 390, "light"), ("desktop", 1280, "light")):
        visitor = visit("/training?run=1", at=running, viewport={"width": width, "height": 800}, color_scheme=theme)
        expect(visitor.page.locator("#chart-loss canvas")).to_be_visible()
        expect(visitor.find("confusion-figure")).to_be_visible()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        keep(visitor, f"training-{name}-{theme}")


def test_a_restart_of_the_server_loses_no_point(running: Application, visit: Visit):
    visitor = visit("/training", at=running)
    visitor.expected_errors = (FAILED_REQUEST,)
    start(visitor, "lightning", LONG)
    expect(visitor.find("confusion-figure")).to_be_visible(timeout=TRAINING_TIMEOUT_MS)
    running.stop()
    expect(visitor.find("run-connection")).to_contain_text("Trying again")
    running.__enter__()
    expect(visitor.find("run-connection")).to_be_hidden(timeout=TRAINING_TIMEOUT_MS)
    expect(visitor.find("run-status")).to_have_text("running")
    visitor.find("run-cancel").click()
    expect(visitor.find("run-status")).to_have_text("cancelled", timeout=TRAINING_TIMEOUT_MS)
    epochs = [event for event in get(running, "/api/runs/1/events.json")["events"] if event["kind"] == "epoch"]
    assert [event["data"]["epoch"] for event in epochs] == list(range(1, len(epochs) + 1))
    expect(visitor.find("run-epoch")).to_have_text(f"{len(epochs)} of 900")
    expect(visitor.find("run-message")).to_contain_text("version 1", timeout=TRAINING_TIMEOUT_MS)


def test_a_second_training_waits_and_curves_lie_over_each_other(running: Application, visit: Visit):
    visitor = visit("/training", at=running)
    start(visitor, "lightning", LONG)
    expect(visitor.find("run-status")).to_have_text("running", timeout=TRAINING_TIMEOUT_MS)
    expect(visitor.find("run-start")).to_have_text("Queue training")
    for name, value in {**QUICK, "patience": ""}.items():
        visitor.find(f"config-{name}").fill(value)
    visitor.find("run-start").click()
    expect(visitor.find("run-status")).to_have_text("queued")
    expect(visitor.find("run-message")).to_have_text("Another training is running. This one starts when it ends.")
    visitor.page.get_by_role("button", name="Open run 1").click()
    expect(visitor.find("run-status")).to_have_text("running")
    visitor.find("run-cancel").click()
    visitor.page.get_by_role("button", name="Open run 2").click()
    expect(visitor.find("run-status")).to_have_text("succeeded", timeout=TRAINING_TIMEOUT_MS)
    visitor.page.get_by_label("Show the curves of run 1").check()
    expect(visitor.find("chart-legend")).to_contain_text("Run 1")
    assert "with=1" in visitor.page.url


def test_a_curve_that_is_unticked_while_it_loads_stays_away(with_history: Application, visit: Visit):
    visitor = visit("/training?run=40", at=with_history)
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    visitor.page.route("**/api/runs/39/events*", hold_the_first)
    shown = visitor.page.get_by_label("Show the curves of run 39")
    with visitor.page.expect_request("**/api/runs/39/events*"):
        shown.check()
    shown.uncheck()

    with visitor.page.expect_response("**/api/runs/39/events*"):
        held[0].continue_()
    visitor.page.wait_for_load_state("networkidle")

    expect(visitor.find("chart-legend")).not_to_contain_text("Run 39")


def test_a_value_out_of_its_range_is_refused_at_its_field(application_with_data: Application, visit: Visit):
    visitor = visit("/training", at=application_with_data)
    start(visitor, "classic", {"epochs": "0"})
    expect(visitor.find("config-epochs-error")).to_have_text("Use a number from 1 to 1000, not 0.")
    expect(visitor.find("config-epochs")).to_have_attribute("aria-invalid", "true")
    expect(visitor.find("config-epochs")).to_be_focused()
    visitor.find("config-epochs").fill("")
    visitor.find("config-recipe").select_option("lightning")
    expect(visitor.find("recipe-time")).to_have_text("About 60\N{NO-BREAK SPACE}s of training on this machine.")
    expect(visitor.find("config-batch_size")).to_have_attribute("placeholder", "256")


def test_without_a_place_for_streams_the_page_asks_now_and_then(tmp_path: Path, browser: Browser, visit: Visit):
    home = tmp_path / "home"
    home.mkdir()
    with (
        opened(home) as store,
        Application(tmp_path, data_dir=tmp_path / "no-data", MNIST_MAX_STREAMS="0") as crowded,
    ):
        runs = Runs(store, home / "claims")
        run = runs.create(TrainConfig(recipe="lightning", epochs=3))
        runs.start(run.id, pid=1)
        visitor = visit("/training", at=crowded)
        visitor.expected_errors = (FAILED_REQUEST,)
        expect(visitor.find("run-status")).to_have_text("running")
        for epoch in (1, 2):
            runs.add_event(run.id, "epoch", epoch_figures(epoch))
            expect(visitor.find("run-epoch")).to_have_text(f"{epoch + 1} of 3")
        runs.add_event(run.id, "epoch", epoch_figures(3))
        runs.finish(run.id, RunStatus.SUCCEEDED, OUTCOME)
        expect(visitor.find("run-status")).to_have_text("succeeded")
        expect(visitor.find("run-epoch")).to_have_text("3 of 3")


def test_the_history_sorts_all_runs_with_the_keyboard(lived_in: Application, visit: Visit):
    visitor = visit("/training", at=lived_in)
    rows = visitor.find("history").locator("tr")
    expect(rows).to_have_count(25)
    expect(visitor.page.locator("th[data-column=run]")).to_have_attribute("aria-sort", "descending")

    visitor.page.get_by_role("button", name="Validation", exact=True).focus()
    visitor.page.keyboard.press("Enter")

    expect(rows).to_have_count(30)
    expect(visitor.page.locator("th[data-column=validation]")).to_have_attribute("aria-sort", "descending")
    expect(visitor.page.locator("th[aria-sort]")).to_have_count(1)
    expect(rows.first).to_have_attribute("data-run", "15")
    expect(rows.last).to_have_attribute("data-run", "1")
    visitor.page.keyboard.press("Space")
    expect(visitor.page.locator("th[data-column=validation]")).to_have_attribute("aria-sort", "ascending")
    expect(rows.first).to_have_attribute("data-run", "30")
    expect(rows.last).to_have_attribute("data-run", "1")  # what has no figure stays last
    expect(visitor.page.get_by_role("button", name="Validation", exact=True)).to_be_focused()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with more trainings than the page shows at first."""
    home = tmp_path_factory.mktemp("history")
    add_runs(home, 40)
    return home


@pytest.fixture
def with_history(tmp_path: Path, browser: Browser, history: Path) -> Iterator[Application]:
    """The application with these trainings and without MNIST."""
    shutil.copytree(history, tmp_path / "home")
    with Application(tmp_path, data_dir=tmp_path / "no-data") as application:
        yield application


@pytest.fixture(scope="module")
def with_trials(tmp_path_factory: pytest.TempPathFactory, browser: Browser, history: Path) -> Iterator[Application]:
    """The application with these trainings and a search; tests only look at it."""
    folder = tmp_path_factory.mktemp("trials")
    shutil.copytree(history, folder / "home")
    add_trials(folder / "home")
    with Application(folder, data_dir=folder / "no-data") as application:
        yield application


def test_older_runs_and_the_focus_stay_when_the_history_is_asked_for_again(with_history: Application, visit: Visit):
    visitor = visit("/training", at=with_history)
    visitor.page.clock.install()
    visitor.page.reload()
    rows = visitor.find("history").locator("tr")
    expect(rows).to_have_count(25)
    visitor.find("history-more").click()
    expect(rows).to_have_count(40)
    expect(visitor.find("history-more")).to_be_hidden()
    visitor.page.get_by_role("button", name="Open run 3", exact=True).focus()

    with visitor.page.expect_response("**/api/runs?*"):
        visitor.page.clock.run_for(10_000)
    add_runs(with_history.folder / "home", 1)
    with visitor.page.expect_response("**/api/runs?*"):
        visitor.page.clock.run_for(10_000)

    expect(rows).to_have_count(41)
    expect(visitor.page.get_by_role("button", name="Open run 3", exact=True)).to_be_focused()


def test_trials_show_their_search_and_values_and_its_name_lists_them(with_trials: Application, visit: Visit):
    visitor = visit("/training?run=42", at=with_trials)
    expect(visitor.find("run-status")).to_have_text("pruned")
    expect(visitor.find("run-message")).to_contain_text("Stopped early")
    expect(visitor.find("run-trial")).to_have_text(
        "Trial 2 of fast-1a2b3c. Learning rate 0.02. Calibrated validation loss 0.1250."
    )
    expect(visitor.find("run-resume")).to_be_hidden()

    visitor.page.get_by_role("button", name="trial 1 of fast-1a2b3c").click()

    expect(visitor.find("history").locator("tr")).to_have_count(2)
    expect(visitor.find("history-search")).to_have_value("fast-1a2b3c")


def test_the_history_shows_trials_in_whole_and_keeps_the_focus_on_them(with_trials: Application, visit: Visit):
    visitor = visit("/training?run=42", at=with_trials)
    link = visitor.page.get_by_role("button", name="trial 1 of fast-1a2b3c")
    expect(link).to_be_visible()
    hidden_px = "table => [table, ...table.querySelectorAll('td')].map(each => each.scrollWidth - each.clientWidth)"
    for width_px in (1280, 1024, 375):
        visitor.page.set_viewport_size({"width": width_px, "height": 900})
        assert max(visitor.find("history-scroll").evaluate(hidden_px)) <= 0, width_px

    link.focus()
    visitor.page.get_by_role("button", name="Recipe", exact=True).dispatch_event("click")
    expect(visitor.find("history").locator("tr")).to_have_count(42)
    expect(link).to_be_focused()


def test_runs_of_an_older_server_which_knows_no_trials_are_listed_and_shown(with_trials: Application, visit: Visit):
    visitor = visit("/training", at=with_trials)

    def without_trials(route: Route) -> None:
        reply = route.fetch()
        body = reply.json()
        for run in body.get("runs", [body]):
            run.pop("trial", None)
        route.fulfill(response=reply, json=body)

    visitor.page.route("**/api/runs?*", without_trials)
    visitor.page.route("**/api/runs/3", without_trials)
    visitor.page.goto(f"{visitor.page.url}?run=3")
    expect(visitor.find("history").locator("tr")).to_have_count(25)
    expect(visitor.find("run-status")).to_have_text("succeeded")
    expect(visitor.find("run-trial")).to_be_hidden()
    visitor.page.unroute_all(behavior="ignoreErrors")


def test_without_trainings_there_is_no_empty_table(application: Application, visit: Visit):
    visitor = visit("/training", at=application)
    expect(visitor.find("history-note")).to_have_text("No trainings yet. Start one above.")
    expect(visitor.find("history-scroll")).to_be_hidden()
