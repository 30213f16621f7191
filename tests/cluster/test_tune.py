"""`mnist tune` with real trainings of a few hundred images."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.recipe_files import config_of
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Settings, import_path
from mnist_classifier.data.mnist import TRAIN, find
from mnist_classifier.registry.versions import opened_registry
from mnist_classifier.runs.run_log import Runs

pytestmark = pytest.mark.cluster

SMALL = [
    "--train-images",
    "300",
    "--conv1-channels",
    "4",
    "--conv2-channels",
    "4",
    "--hidden-units",
    "16",
    "--threads",
    "1",
]
# Varying epochs switches off early stopping, so each of these goes to its end unless somebody ends it.
LONG = ["--vary", "epochs=40..41", "--vary", "learning_rate=0.01..0.03", "--plain-epochs", "1000"]
# How long the first epoch may take on a busy machine; 4 s on an idle one.
PATIENCE_S = 120.0


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.chdir(settings.home)
    return settings.home


@pytest.fixture
def training_images(home: Path, mnist_dirs: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with MNIST's training files; its test files cannot be read."""
    folder = home / "data" / "mnist"
    source = find(mnist_dirs, TRAIN)
    assert source is not None
    for path in source.iterdir():
        if path.name.startswith("train"):
            (folder / path.name).symlink_to(path)
        elif path.name.startswith("t10k"):
            (folder / path.name).write_bytes(b"not to be read")
    monkeypatch.setenv("MNIST_DATA_DIR", str(folder))
    return folder


@pytest.mark.mnist
@pytest.mark.slow
def test_a_search_saves_the_best_recipe_and_neither_a_version_nor_a_look_at_test_images(
    training_images: Path, settings: Settings, runs: Runs
):
    search = ["tune", "--recipe", "lightning", *SMALL, "--trials", "2", "--vary", "learning_rate=0.01..0.05"]
    search += ["--final-seeds", "1", "--jobs", "2", "--output", "mine.json"]
    result = CliRunner().invoke(main, search, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert [run.status for run in runs.recent()] == [RunStatus.SUCCEEDED] * 4
    assert re.search(r"trial   2/2  run \d  loss \d\.\d{4}  accuracy \d+\.\d\d%", result.output)
    assert re.search(r"trial   [12]/2, seed 1  run \d", result.output)
    assert re.search(
        r"(?:trial 2 is the best|recipe itself): it has \d\.\d{4}, the (?:recipe|next) \d\.\d{4}", result.output
    )
    assert "optimistic" in result.output
    assert "`mnist train --recipe mine.json`" in result.output

    with opened_registry(settings) as registry:
        assert [version.version for version in registry.versions()] == [0]
    config = config_of({"recipe": "mine.json"})
    losses = {run.config["learning_rate"]: run.trial["loss"] for run in runs.recent() if run.config["seed"] == 1}
    assert config.learning_rate == min(losses, key=lambda rate: losses[rate])
    assert (config.train_images, config.optimizer) == (300, "muon")

    again = CliRunner().invoke(main, search, catch_exceptions=False)
    assert "4 trainings of this search have ended" in again.output
    assert len(runs.recent()) == 4


@pytest.mark.mnist
@pytest.mark.slow
def test_the_training_after_a_search_has_its_seed_and_threads(
    home: Path, mnist_dirs: list[Path], monkeypatch: pytest.MonkeyPatch, runs: Runs
):
    monkeypatch.setenv("MNIST_DATA_DIR", str(find(mnist_dirs, TRAIN)))
    search = ["tune", "--recipe", "lightning", *SMALL, "--trials", "2", "--vary", "learning_rate=0.01..0.05"]
    search += ["--final-seeds", "0", "--jobs", "2", "--seed", "5", "--output", "mine.json", "--train"]
    result = CliRunner().invoke(main, search, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    last = runs.recent()[0]
    assert last.trial is None
    assert (last.config["recipe"], last.config["seed"], last.config["threads"]) == ("mine.json", 5, 1)


@contextmanager
def tuning() -> Iterator[subprocess.Popen[str]]:
    """The search of LONG trials in a process of its own, which a shell would stop with Ctrl-C."""
    command = [sys.executable, "-m", "mnist_classifier", "tune", *SMALL, *LONG]
    command += ["--trials", "3", "--final-seeds", "0", "--output", "mine.json"]
    environment = os.environ | {"PYTHONPATH": import_path()}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def epochs(runs: Runs, run_id: int) -> int:
    event = runs.last_event(run_id, "epoch")
    return event.data["epoch"] if event else 0


def running(runs: Runs, run_id: int, *, not_pid: int | None = None) -> Run | None:
    """The run, if its worker is at work; not_pid: an earlier worker."""
    found = [run for run in runs.recent() if run.id == run_id and run.status is RunStatus.RUNNING]
    return found[0] if found and found[0].pid != not_pid else None


def kill(run: Run | None) -> int:
    """Kill the worker of a run, as the kernel does when memory runs out; returns its process id."""
    assert run is not None
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    return run.pid


@pytest.mark.mnist
@pytest.mark.slow
def test_a_search_survives_ctrl_c_kill_9_a_lost_worker_and_a_cancelled_trial(training_images: Path, runs: Runs):
    with tuning() as first:
        wait_until(lambda: epochs(runs, 1) >= 2, first)
        first.send_signal(signal.SIGINT)
        assert "the same command continues the search" in first.communicate()[0]
    assert runs.get(1).status is RunStatus.INTERRUPTED
    done = epochs(runs, 1)

    with tuning() as second:  # goes on with the same run, and is killed without a chance to stop its worker
        wait_until(lambda: running(runs, 1) and epochs(runs, 1) > done, second)
        second.kill()
        second.communicate()
    assert runs.get(1).status is RunStatus.RUNNING

    with tuning() as third:
        pid = kill(running(runs, 1))  # the worker that the second one left behind; its run is taken up again
        wait_until(lambda: running(runs, 1, not_pid=pid), third)
        kill(runs.get(1))  # and again: now the trial has failed
        wait_until(lambda: running(runs, 2), third)
        runs.request_cancel(2)
        output, _ = third.communicate(timeout=PATIENCE_S)
    assert third.returncode == 0, output
    statuses = {run.id: run.status for run in runs.recent()}
    assert statuses == {1: RunStatus.FAILED, 2: RunStatus.CANCELLED, 3: RunStatus.SUCCEEDED}
    assert [event.data["epoch"] for event in runs.events(3, kinds=("epoch",))] == list(range(1, epochs(runs, 3) + 1))
    assert "it was killed, perhaps because memory ran out" in output
    assert Path("mine.json").is_file()


@pytest.mark.mnist
@pytest.mark.slow
def test_kill_ends_a_search_with_its_trainings(training_images: Path, runs: Runs):
    with tuning() as process:
        wait_until(lambda: running(runs, 1), process)
        process.terminate()
        assert "the same command continues the search" in process.communicate()[0]
    run = runs.get(1)
    assert run.status is RunStatus.INTERRUPTED
    with pytest.raises(ProcessLookupError):
        os.kill(run.pid or 0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vary", "learning_rate=9..10"], "learning_rate must lie between"),
        (["--vary", "beta2"], "--vary takes NAME=LOW..HIGH or NAME=a,b,c, not 'beta2'"),
        (["--vary", "batch_size=64-128"], "'64-128' is not a value of batch_size; --vary takes NAME=LOW..HIGH"),
        (["--vary", "lerning_rate=1,2"], "unknown setting 'lerning_rate'; did you mean learning_rate?"),
        (["--vary", "seed=1,2"], "seed cannot vary"),
        (["--vary", "beta2=0.9,0.99", "--beta2", "0.9"], "beta2 is given twice"),
        (["--vary", "beta2=0.9,0.99", "--vary", "beta2=0.5..0.9"], "beta2 is given twice"),
        (["--recipe", "fats"], "no file 'fats'"),
        (["--recipe", "corrections"], "learn the corrections with `mnist retrain`"),
        (["--corrections-share", "0.1"], "learn the corrections with `mnist retrain`"),
        (["--vary", "corrections_share=0..0.1"], "corrections_share cannot vary in a search"),
        (["--output", "missing/mine.json"], "cannot be written to"),
        (["--output", "fast"], "name of a built-in recipe"),
        (["--output", " mine.json"], "no blank"),
        (["--output", "m" * 81], "at most 80"),
        (["--seed", str(2**31 - 1)], "seed must lie between"),
    ],
)
def test_a_wrong_command_is_one_clear_line_and_starts_nothing(home: Path, runs: Runs, arguments: list[str], words: str):
    result = CliRunner().invoke(main, ["tune", *arguments])
    assert result.exit_code == 1
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert runs.recent() == []


@pytest.mark.slow
def test_after_three_failures_in_a_row_the_search_stops_and_names_the_cause(home: Path, runs: Runs):
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (home / "data" / "mnist" / f"{name}-ubyte").write_bytes(b"damaged")
    result = CliRunner().invoke(main, ["tune", "--trials", "9", "--jobs", "3"])
    assert result.exit_code == 1
    assert "the last 3 trainings failed: " in result.output
    assert "train-images-idx3-ubyte" in result.output
    assert ".." not in result.output.splitlines()[-1]
    statuses = [run.status for run in runs.recent()]
    assert statuses.count(RunStatus.FAILED) == 3
    assert RunStatus.RUNNING not in statuses
    assert list(home.glob("*.json")) == []
