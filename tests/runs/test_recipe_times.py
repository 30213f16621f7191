"""The times of the recipes: who measures them, and how long they are valid."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import recipe_times
from mnist_classifier.runs.recipe_times import Measurement, RecipeTimes, known_times, times_path
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.training import pace

SECONDS = {"lightning": 2.5}


@pytest.fixture
def runs(settings: Settings) -> Iterator[Runs]:
    with closing(Store(settings.resolved_database_url)) as store:
        yield Runs(store, settings.claims_dir)


@pytest.fixture
def times(settings: Settings, runs: Runs) -> Iterator[RecipeTimes]:
    with closing(RecipeTimes(settings, runs)) as found:
        yield found


def write_times(settings: Settings, **changes: object) -> None:
    times_path(settings).parent.mkdir(parents=True, exist_ok=True)
    times_path(settings).write_bytes(
        msgspec.json.encode({"measured": recipe_times._measured() | changes, "seconds": SECONDS})
    )


def waited(times: RecipeTimes) -> tuple[Measurement, dict[str, float]]:
    deadline = time.monotonic() + 240
    while (answer := times.ask())[0] is Measurement.MEASURING:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


@pytest.mark.slow
def test_every_recipe_is_measured(times: RecipeTimes, settings: Settings, runs: Runs):
    assert times.ask() == (Measurement.MEASURING, {})
    state, seconds = waited(times)
    assert state is Measurement.MEASURED
    assert seconds.keys() == RECIPES.keys()
    assert 0 < seconds["lightning"] < seconds["best"]
    with closing(RecipeTimes(settings, runs)) as other:  # another process of the server
        assert other.ask() == (state, seconds)


def test_times_of_another_machine_do_not_count(settings: Settings):
    write_times(settings)
    assert known_times(settings) == SECONDS
    write_times(settings, host="elsewhere")
    assert known_times(settings) == {}


def test_times_are_valid_for_a_day(settings: Settings):
    write_times(settings)
    yesterday = time.time() - recipe_times.VALID_S - 60
    os.utime(times_path(settings), (yesterday, yesterday))
    assert known_times(settings) == {}


def test_a_damaged_file_does_not_count(settings: Settings):
    write_times(settings)
    times_path(settings).write_bytes(b"{")
    assert known_times(settings) == {}


def test_nothing_is_measured_beside_a_training(times: RecipeTimes, runs: Runs):
    runs.create(TrainConfig())
    assert times.ask() == (Measurement.BUSY, {})


def test_a_training_ends_the_measurement_beside_it(times: RecipeTimes, runs: Runs):
    assert times.ask() == (Measurement.MEASURING, {})
    process = times._process
    assert process is not None
    run = runs.create(TrainConfig())
    assert times.ask() == (Measurement.BUSY, {})
    assert process.poll() is not None
    runs.finish(run.id, RunStatus.SUCCEEDED)
    assert times.ask() == (Measurement.MEASURING, {})


def test_times_that_a_training_may_have_spoilt_are_not_kept(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pace, "training_s", lambda config: runs.create(config).id + 0.5)  # a training starts meanwhile
    recipe_times.measure_times(settings)
    assert known_times(settings) == {}


@pytest.mark.slow
def test_a_measurement_that_fails_is_not_repeated(settings: Settings, runs: Runs, tmp_path: Path):
    (tmp_path / "file").touch()
    with closing(RecipeTimes(replace(settings, home=tmp_path / "file" / "home"), runs)) as times:
        assert waited(times) == (Measurement.UNAVAILABLE, {})
        assert times.ask() == (Measurement.UNAVAILABLE, {})
