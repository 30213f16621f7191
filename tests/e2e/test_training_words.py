"""What the page of trainings says to a beginner: before, during and after a training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from application import Application
from pictures import keep
from playwright.sync_api import Browser, Route, expect
from tests.versions import save
from visitor import FAILED_REQUEST, Visitor

from conftest import DESKTOP, Visit
from mnist_classifier.core.database import Store
from mnist_classifier.core.records import Phase, Run, RunStatus
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation.promotion import promote_unless_worse
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}
IMAGES = 20_000
SENTENCE = "Done. 99.1 % of the test images right; the current model has 99.6 % and stays in use."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the application below."""
    folder = tmp_path_factory.mktemp("training-words") / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def runs(home: Path) -> Iterator[Runs]:
    with closing(Store(f"sqlite:///{home / 'mnist.db'}")) as store:
        yield Runs(store, home / "claims")


@pytest.fixture(scope="module")
def running(home: Path, runs: Runs, browser: Browser) -> Iterator[Application]:
    """The application without MNIST, with a training that succeeded and one that failed."""
    train(runs, "lightning", epochs=1)
    registry = Registry(home / "models", runs.store)
    version = save(registry, validation=4951, test=9911).version
    decision = promote_unless_worse(registry, version, actor="training 1")
    runs.finish(1, RunStatus.SUCCEEDED, f"Done. {decision.summary}", version)
    runs.finish(train(runs, "fast", epochs=2).id, RunStatus.FAILED, "the loss became nan; try a smaller learning rate")
    with Application(home.parent, data_dir=home.parent / "no-data") as application:
        yield application


def train(runs: Runs, recipe: str, epochs: int) -> Run:
    """A training with four steps in each epoch."""
    run = runs.create(TrainConfig.from_mapping({"recipe": recipe, "epochs": epochs, "train_images": IMAGES}))
    runs.start(run.id, pid=1)
    for done in range(1, 4 * epochs + 1):
        step(runs, run, done)
        if done % 4 == 0:
            epoch = {"epoch": done // 4, "epochs": epochs, "learning_rate": 0.01, "images_per_s": 9000.0}
            figures = {
                "train_loss": 1 / done,
                "train_accuracy": 0.9,
                "validation_loss": 0.1,
                "validation_accuracy": 0.98,
            }
            runs.add_event(run.id, "epoch", {**epoch, **figures, "elapsed_s": float(done), "validation_s": 0.1})
    return run


def step(runs: Runs, run: Run, done: int) -> None:
    """Step `done` of a training, from 1."""
    place = {"epoch": (done + 3) // 4, "step": (done - 1) % 4 + 1, "steps": 4, "images": IMAGES}
    figures = {"loss": 2 / done, "accuracy": 0.8, "images_per_s": 9000.0, "learning_rate": 0.01}
    runs.add_event(run.id, "step", {**place, **figures})


def keep_everywhere(visitor: Visitor, name: str) -> None:
    for theme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for viewport in (DESKTOP, {"width": 1024, "height": 768}, PHONE):
            visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            keep(visitor, f"{name}-{theme}-{viewport['width']}", full_page=False)
    visitor.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_a_training_says_what_it_does_and_shows_a_chart_with_its_first_points(
    running: Application, runs: Runs, visit: Visit
):
    run = runs.create(TrainConfig.from_mapping({"recipe": "lightning", "train_images": IMAGES}))
    visitor = visit("/training", at=running)
    expect(visitor.find("run-status")).to_have_text("starting")
    expect(visitor.find("run-message")).to_have_text("Starting: a new process…")
    expect(visitor.find("run-promise")).to_contain_text("The first curves appear in a few seconds.")
    runs.add_event(run.id, "phase", {"text": Phase.LOADING.value})
    expect(visitor.find("run-message")).to_have_text("Starting: loading PyTorch…")
    expect(visitor.page.locator("#charts figure:visible")).to_have_count(0)
    expect(visitor.find("run-figures")).to_be_hidden()
    keep_everywhere(visitor, "training-starting")
    runs.start(run.id, pid=1)
    step(runs, run, 1)
    expect(visitor.find("run-message")).to_have_text("Training: epoch 1 of 1.")
    expect(visitor.find("run-promise")).to_be_empty()
    expect(visitor.find("run-eta")).to_have_text("2\u00a0s")
    step(runs, run, 2)
    expect(visitor.page.locator("#charts figure:visible")).to_have_count(4)
    runs.add_event(run.id, "phase", {"text": Phase.MEASURING.value})
    expect(visitor.find("run-message")).to_have_text("Reading the test images and saving the model…")
    runs.finish(run.id, RunStatus.CANCELLED, "cancelled before the first epoch ended, so nothing was saved")
    expect(visitor.find("run-status")).to_have_text("cancelled")


def test_a_result_is_one_sentence_with_what_to_do_next(running: Application, visit: Visit):
    visitor = visit("/training?run=1", at=running)
    visitor.expected_errors = (FAILED_REQUEST,)  # the first request to promote is refused
    expect(visitor.find("run-message")).to_have_text(SENTENCE)
    expect(visitor.find("result-state")).to_have_text("It is version 1. The model in the box is in use.")
    expect(visitor.find("result-reason")).to_be_hidden()
    visitor.find("result-why").locator("summary").click()
    expect(visitor.find("result-reason")).to_contain_text("Validation 99.02% (the model in the box: 99.")
    assert visitor.find("result-draw").get_attribute("href") == "/?version=1"
    keep_everywhere(visitor, "training-result")

    visitor.find("result-use").click()
    visitor.page.get_by_role("button", name="Cancel", exact=True).click()
    expect(visitor.find("result-use")).to_be_enabled()
    visitor.find("result-use").click()
    visitor.page.get_by_role("button", name="Use it anyway").click()
    expect(visitor.find("result-state")).to_have_text("Since then, version 1 was put into use.")
    expect(visitor.find("result-use")).to_be_hidden()

    visitor.page.get_by_role("button", name="Undo").click()
    expect(visitor.find("result-use")).to_be_visible()
    visitor.find("result-compare").click()
    expect(visitor.find("compare-verdict")).to_contain_text("The model in the box is better. 99.1 %")


def test_runs_of_different_lengths_share_the_images_seen_and_one_tooltip(running: Application, visit: Visit):
    visitor = visit("/training?run=1&with=2", at=running)
    expect(visitor.find("chart-legend").get_by_role("listitem")).to_have_text(
        ["Run 1", "Run 2 (failed)", "Training", "Validation", "Across: images seen"]
    )
    colour = "one => one.style.getPropertyValue('--colour')"
    assert visitor.find("chart-legend").locator(".swatch").nth(1).evaluate(colour) == "var(--muted)"
    latest = "Run 1 training 0.250, Run 1 validation 0.100, Run 2 training 0.125, Run 2 validation 0.100."
    expect(visitor.find("chart-loss")).to_have_attribute("aria-label", f"Loss over the images seen. Latest: {latest}")
    plot = visitor.page.locator("#chart-loss .u-over")
    box = plot.bounding_box()
    assert box is not None
    plot.hover(position={"x": box["width"] * 0.5, "y": 50})  # both end runs are there: 20,000 of 40,000 images
    expect(visitor.find("chart-tooltip")).to_be_visible()
    expect(visitor.find("chart-tooltip")).to_contain_text("Run 1 training0.250")
    expect(visitor.find("chart-tooltip")).to_contain_text("Run 2 training0.250")
    keep(visitor, "training-overlaid", full_page=False)
    plot.hover(position={"x": box["width"] - 3, "y": 50})
    expect(visitor.find("chart-tooltip")).not_to_contain_text("Run 1")
    expect(visitor.find("chart-tooltip")).to_contain_text("Run 2 training0.125")
    visitor.find("new-heading").hover()
    expect(visitor.find("chart-tooltip")).to_be_hidden()


def test_an_error_of_the_server_stands_beside_its_field_and_start_stays_in_view(
    application_with_data: Application, visit: Visit
):
    visitor = visit("/training", at=application_with_data, viewport=PHONE)
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.find("run-start")).to_be_in_viewport()
    visitor.page.get_by_text("The network", exact=True).click()
    visitor.find("config-conv1_kernel").fill("4")  # the browser allows it
    expect(visitor.find("run-start")).to_be_in_viewport()
    visitor.page.get_by_text("The network", exact=True).click()
    visitor.find("run-start").click()
    expect(visitor.find("config-conv1_kernel-error")).to_have_text("Must be one of 1, 3, 5, 7, 9, not 4.")
    expect(visitor.find("config-conv1_kernel")).to_be_focused()
    expect(visitor.find("config-conv1_kernel")).to_be_in_viewport()
    expect(visitor.find("run-start")).to_be_in_viewport()
    keep(visitor, "training-error-phone", full_page=False)
    visitor.find("config-conv1_kernel").fill("")
    expect(visitor.find("config-conv1_kernel-error")).to_be_empty()


def test_a_training_without_mnist_offers_the_download_and_then_starts_by_itself(
    running: Application, data_dir: Path, visit: Visit
):
    visitor = visit("/training", at=running)
    visitor.find("config-recipe").select_option("standard")
    visitor.find("config-train_images").fill("1000")
    visitor.find("run-start").click()
    expect(visitor.find("dataset-text")).to_contain_text("They are not on this computer yet.")
    keep(visitor, "training-download", full_page=False)

    def deliver(route: Route) -> None:
        """In place of the mirrors, which are not on this machine."""
        if route.request.method == "POST":
            shutil.copytree(data_dir, running.data_dir)
            route.fulfill(status=202, content_type="application/json", body="{}")
        else:
            route.continue_()

    visitor.page.route("**/api/dataset", deliver)
    visitor.find("dataset-download").click()
    expect(visitor.find("run-heading")).to_contain_text(": standard")
    expect(visitor.find("dataset")).to_be_hidden()
    visitor.find("run-cancel").click()
    visitor.page.unroute_all(behavior="ignoreErrors")


def test_a_page_without_trainings_shows_the_first_one_that_somebody_else_starts(
    visit: Visit, running: Application
) -> None:
    def start_with_none(visitor: Visitor) -> None:
        visitor.page.clock.install()
        visitor.page.route("**/api/runs?*", lambda route: route.fulfill(json={"runs": [], "next": None}))

    visitor = visit("/training", at=running, before=start_with_none)
    expect(visitor.find("run-heading")).to_have_text("No training to show")
    visitor.page.unroute_all()
    visitor.page.clock.run_for(10_000)
    expect(visitor.find("run-heading")).to_contain_text("Run ")
