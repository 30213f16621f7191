"""Real worker processes, on the real MNIST where training is to succeed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DatabaseUnreachable, MnistError, RunInProgress, TrainingUnavailable
from mnist_classifier.core.records import Phase, Run, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_image
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs import jobs as jobs_module
from mnist_classifier.runs import worker
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.search.plan import Plan
from mnist_classifier.runs.search.space import parse_axis
from tests.mirror import dead_url

QUICK = TrainConfig(
    epochs=1,
    train_images=2000,
    batch_size=32,
    learning_rate=0.01,
    conv1_channels=8,
    conv2_channels=16,
    hidden_units=32,
    threads=1,
)
TWO_EPOCHS = replace(QUICK, epochs=2)
LONG = replace(QUICK, epochs=1000, patience=0, train_images=500)

# How long LONG may take to stop: less than a second on an idle machine; by itself it would go on for minutes.
CANCEL_S = 20.0

pytestmark = [pytest.mark.slow]


@pytest.fixture
def with_mnist(settings: Settings, mnist_dirs: list[Path]) -> Settings:
    folder = mnist.find(mnist_dirs, mnist.TRAIN)
    return replace(settings, data_dir=folder)


def wait_for(runs: Runs, run_id: int, *statuses: RunStatus, timeout_s: float = 120) -> Run:
    deadline = time.monotonic() + timeout_s
    while (run := runs.get(run_id)).status not in statuses:
        assert not run.status.is_final, run
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    return run


def wait_until(holds: Callable[[], bool], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_epoch(runs: Runs, run_id: int) -> None:
    deadline = time.monotonic() + 120
    while runs.last_event(run_id, "epoch") is None:
        assert not runs.get(run_id).status.is_final, runs.get(run_id)
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass(frozen=True)
class Finished:
    """A training that succeeded in a process of its own."""

    run: Run
    runs: Runs
    registry: Registry


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, mnist_dirs: list[Path]) -> Iterator[Finished]:
    """One training for the tests that only look at what it leaves."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), data_dir=mnist.find(mnist_dirs, mnist.TRAIN))
    with closing(Store(settings.resolved_database_url)) as store:
        runs = Runs(store, settings.claims_dir)
        run = Jobs(settings, runs).start(TWO_EPOCHS)
        wait_for(runs, run.id, RunStatus.SUCCEEDED)
        yield Finished(runs.get(run.id), runs, Registry(settings.models_dir, store))


@pytest.mark.mnist
def test_a_training_in_its_own_process_ends_with_a_version_that_fails_the_promotion_check(finished: Finished):
    run, registry = finished.run, finished.registry
    assert run.pid != os.getpid()
    assert run.model_version == 1
    assert registry.aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert re.fullmatch(
        r"Done\. \d\d\.\d % of the test images right; the current model has \d\d\.\d % and stays in use\.", run.message
    )
    last = finished.runs.last_event(run.id, "message")
    assert last is not None
    assert last.data["text"].startswith("version 1 was not promoted: validation ")
    assert registry.aliases.history()[0].actor == f"training {run.id}"
    manifest = registry.get(1).manifest
    assert manifest["run_id"] == run.id
    assert manifest["config"] == TWO_EPOCHS.to_dict()
    assert manifest["metrics"]["test"]["accuracy"] > 0.8
    assert manifest["data"]["sha256"] == mnist.DATA_CHECKSUMS
    Recogniser.open(registry.folder(1))
    card = (registry.folder(1) / "MODEL_CARD.md").read_text("utf-8")
    assert f"{manifest['metrics']['test']['accuracy']:.2%}" in card
    assert "--train-images 2000" in card


@pytest.mark.mnist
def test_a_run_writes_down_what_it_ran_on_and_what_it_saw(finished: Finished):
    run, runs = finished.run, finished.runs
    assert run.environment is not None
    assert run.environment["data_sha256"] == mnist.DATA_CHECKSUMS
    assert run.environment["device"] == "cpu"
    assert run.summary is not None
    assert run.summary["epoch"] == 2
    evaluations = [event.data for event in runs.events(run.id, kinds=("evaluation",))]
    assert [data["epoch"] for data in evaluations] == [1, 2]
    assert sum(map(sum, evaluations[-1]["confusion"])) == 5000
    (batch,) = (event.data for event in runs.events(run.id, kinds=("batch",)))  # only the newest is kept
    sheet = decode_image(decode_base64(batch["image"]), max_pixels=10**6)
    assert (batch["epoch"], len(batch["labels"]), sheet.shape[:2]) == (2, 32, (4 * 28, 8 * 28))


@pytest.mark.mnist
def test_a_training_says_what_it_does_before_its_first_step_and_after_its_last(finished: Finished):
    kinds = ("status", "phase", "step", "epoch")
    events = finished.runs.events(finished.run.id, kinds=kinds)
    told = [event.data["text"] if event.kind == "phase" else event.kind for event in events]
    assert told[:4] == [Phase.LOADING, "status", Phase.READING, Phase.PREPARING]
    assert set(told[4:-2]) == {"step", "epoch"}
    assert told[-2:] == [Phase.MEASURING, "status"]


@pytest.mark.mnist
def test_a_cancelled_training_keeps_its_best_weights_out_of_production(with_mnist: Settings, runs: Runs, store: Store):
    jobs = Jobs(with_mnist, runs)
    run = jobs.start(LONG)
    with pytest.raises(RunInProgress):
        jobs.start(QUICK)
    wait_for_epoch(runs, run.id)
    asked_at = time.monotonic()
    runs.request_cancel(run.id)
    wait_for(runs, run.id, RunStatus.CANCELLED)
    assert time.monotonic() - asked_at < CANCEL_S
    wait_until(lambda: runs.get(run.id).model_version is not None)
    registry = Registry(with_mnist.models_dir, store)
    assert "version 1" in runs.get(run.id).message
    assert registry.get(1).manifest["training"]["cancelled"] is True
    assert registry.aliases.production() == BOX


@pytest.mark.mnist
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_training_is_recorded_and_frees_the_place(with_mnist: Settings, runs: Runs, store: Store):
    jobs = Jobs(with_mnist, runs)
    run = jobs.start(LONG)
    wait_for_epoch(runs, run.id)
    pid = runs.get(run.id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    ended = wait_for(runs, run.id, RunStatus.FAILED)
    assert ended.message == (
        "the training process ended unexpectedly (it was killed, perhaps because memory ran out; see run-1.log); "
        "press Resume on the page Training, or run `mnist runs resume 1`, to continue after the last complete epoch"
    )
    registry = Registry(with_mnist.models_dir, store)
    assert [v.version for v in registry.versions()] == [BOX]
    assert runs.active() is None


def why_it_failed(settings: Settings, runs: Runs) -> str:
    """Train in this process, and return the reason that the run gives."""
    run = runs.create(QUICK)
    with pytest.raises(MnistError):
        worker.execute(settings, run.id, str(run.claim))
    ended = runs.get(run.id)
    assert ended.status is RunStatus.FAILED
    return ended.message


@pytest.mark.mnist
def test_a_trial_whose_training_diverges_is_pruned_and_not_a_failure(with_mnist: Settings, runs: Runs):
    """A decay of 10 at a rate of 1 multiplies the weights by -9 in each step."""
    diverging = replace(QUICK, batch_size=8, epochs=9, optimizer="adamw", weight_decay=10.0, schedule="constant")
    plan = Plan(replace(diverging, learning_rate=1.0), (parse_axis("ema_decay=0..0.5"),), trials=1, final_seeds=0)
    planned = plan.next_trial([])
    assert planned is not None
    run = runs.create(*planned)
    assert worker.execute(with_mnist, run.id, str(run.claim)).version is None
    ended = runs.get(run.id)
    assert ended.status is RunStatus.PRUNED
    assert "the loss became" in ended.message


def test_missing_data_fails_the_run_with_the_reason(settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("https_proxy", dead_url())
    monkeypatch.delenv("no_proxy", raising=False)
    assert "mirror" in why_it_failed(settings, runs).lower()


@pytest.mark.mnist
def test_corrupt_data_fails_the_run_with_the_file_and_what_to_do(
    settings: Settings, runs: Runs, mnist_dirs: list[Path]
):
    folder = settings.home / "data" / "mnist"
    source = mnist.find(mnist_dirs, mnist.TRAIN)
    assert source is not None
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes()[:2000])
    reason = why_it_failed(settings, runs)
    assert "train-images" in reason
    assert "Delete" in reason


def test_without_pytorch_training_is_refused_with_what_to_install(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrainingUnavailable, match=r'pip install "\.\[train\]"'):
        Jobs(settings, runs).start(QUICK)
    assert runs.recent() == []


def test_a_server_without_pytorch_leaves_queued_runs_to_others(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    queued = runs.enqueue(QUICK)
    jobs = Jobs(settings, runs)
    jobs.dispatch()
    jobs.close()
    assert runs.get(queued.id).status is RunStatus.QUEUED
    assert runs.has_waiting()
    assert not jobs.log_path(queued.id).exists()


def unreachable(*arguments: object, **named: object) -> Run:
    raise DatabaseUnreachable("the database does not answer")


def test_a_run_does_not_hang_if_the_database_is_lost_once_it_is_claimed(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs_module.sys, "executable", "/bin/false")
    queued, jobs = runs.enqueue(QUICK), Jobs(settings, runs)
    with monkeypatch.context() as patch, suppress(DatabaseUnreachable):
        patch.setattr(runs, "get", unreachable)
        jobs.dispatch()
    jobs.dispatch()
    wait_for(runs, queued.id, RunStatus.FAILED, RunStatus.INTERRUPTED, timeout_s=20)
    jobs.close()


def test_a_folder_for_logs_that_cannot_be_written_to_fails_the_run_and_not_the_request(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    logs = settings.home / "a file/logs"
    logs.parent.write_text("in the way")
    monkeypatch.setattr(jobs_module, "log_path", lambda *run: logs / "run-1.log")
    run = Jobs(settings, runs).submit(QUICK)
    assert run.status is RunStatus.FAILED
    assert "the training process did not start: " in run.message


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_a_run_whose_process_did_not_start_is_interrupted_if_its_end_could_not_be_recorded(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs_module.sys, "executable", "/nowhere/python")
    queued, jobs = runs.enqueue(QUICK), Jobs(settings, runs)
    with monkeypatch.context() as patch, suppress(DatabaseUnreachable):
        patch.setattr(runs, "finish", unreachable)
        jobs.dispatch()
    assert runs.mark_interrupted() == [queued.id]


@pytest.mark.mnist
def test_further_runs_wait_and_start_by_themselves(with_mnist: Settings, runs: Runs):
    jobs = Jobs(with_mnist, runs)
    first, second, third = (jobs.submit(config) for config in (LONG, QUICK, QUICK))
    assert [runs.get(run.id).status for run in (second, third)] == [RunStatus.QUEUED] * 2
    assert runs.request_cancel(third.id).status is RunStatus.CANCELLED  # it had not begun
    wait_for_epoch(runs, first.id)
    assert runs.get(second.id).status is RunStatus.QUEUED
    runs.request_cancel(first.id)
    wait_for(runs, second.id, RunStatus.SUCCEEDED)
    assert runs.get(third.id).pid is None
    jobs.close()


@pytest.mark.mnist
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_that_broke_off_goes_on_from_its_last_whole_epoch(with_mnist: Settings, runs: Runs):
    config = replace(QUICK, epochs=6, train_images=500)
    jobs = Jobs(with_mnist, runs)
    run = jobs.submit(config)
    wait_until(lambda: len(runs.events(run.id, kinds=("epoch",))) >= 2)
    os.kill(runs.get(run.id).pid or 0, signal.SIGKILL)
    wait_for(runs, run.id, RunStatus.FAILED)
    jobs.resume(run.id)
    wait_for(runs, run.id, RunStatus.SUCCEEDED)
    epochs = [event.data["epoch"] for event in runs.events(run.id, kinds=("epoch",))]
    assert epochs in ([*range(1, 7)], [1, 2, 3, *range(3, 7)])  # one is done again if it was killed while it saved
    jobs.close()


@pytest.mark.mnist
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_is_cancelled_while_it_makes_pictures_even_where_ctrl_c_is_ignored(with_mnist: Settings, runs: Runs):
    # As in a server that a shell script started in the background.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = Jobs(with_mnist, runs).start(TrainConfig.from_mapping({"recipe": "handwriting", "threads": 1}))
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(runs, run.id, RunStatus.RUNNING)
    time.sleep(2)  # it makes tens of thousands of pictures before the first step
    runs.request_cancel(run.id)
    wait_for(runs, run.id, RunStatus.CANCELLED)
    assert runs.last_event(run.id, "step") is None
