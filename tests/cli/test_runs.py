from __future__ import annotations

import json
import threading
import time

import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.records import EpochResult, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs

EPOCH = EpochResult(1, 3, 0.5, 0.8, 0.2, 0.95, 0.001, 9000.0, 6.0, 0.2)


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))


def mnist(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_list_is_searched_and_limited(runs: Runs):
    for recipe in ("classic", "fast", "fast"):
        run = runs.enqueue(TrainConfig.from_mapping({"recipe": recipe}))
        runs.summarise(run.id, {"epoch": 1, "validation_accuracy": 0.9912})
        runs.finish(run.id, RunStatus.SUCCEEDED, "done")
    lines = mnist("runs", "list", "--search", "fast").splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2"]
    assert "99.12%" in lines[0]
    assert len(mnist("runs", "list", "--limit", "1").splitlines()) == 1
    assert len(mnist("runs").splitlines()) == 3


def test_a_run_is_shown_with_its_settings_and_epochs(runs: Runs):
    run = runs.create(TrainConfig(seed=7))
    runs.add_event(run.id, "epoch", EPOCH.__dict__)
    shown = mnist("runs", "show", "1")
    assert "seed: 7" in shown
    assert "epoch  1/3" in shown
    body = json.loads(mnist("runs", "show", "1", "--json"))
    assert (body["config"]["seed"], body["events"][0]["kind"]) == (7, "epoch")
    assert "no run 9" in CliRunner().invoke(main, ["runs", "show", "9"]).output


def test_a_run_is_followed_until_it_ends(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)

    def carry_on() -> None:
        store = Store(settings.resolved_database_url)
        time.sleep(0.7)
        Runs(store, settings.claims_dir).add_event(run.id, "epoch", EPOCH.__dict__)
        Runs(store, settings.claims_dir).finish(run.id, RunStatus.SUCCEEDED, "version 1: all well")
        store.close()

    worker = threading.Thread(target=carry_on)
    worker.start()
    lines = mnist("runs", "follow", "1").splitlines()
    worker.join()
    assert lines[0].endswith("running")
    assert lines[1].startswith("epoch  1/3")
    assert lines[-1].endswith("all well")


def test_a_run_that_waits_is_cancelled_at_once(runs: Runs):
    runs.enqueue(TrainConfig())
    assert "was queued" in mnist("runs", "cancel", "1")
    assert "cancelled" in mnist("runs")


def test_seeds_beyond_the_largest_are_refused_before_the_first_training(runs: Runs):
    result = CliRunner().invoke(main, ["train", "--seeds", "2", "--seed", str(2**31 - 1)])
    assert (result.exit_code, "seed must lie between" in result.output) == (1, True)
    assert runs.recent() == []
