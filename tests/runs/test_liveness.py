"""Real workers that are suspended, slow or killed: one that lives keeps its run, one that lost it stops."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_classifier.core import database as store_module
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import RunInProgress
from mnist_classifier.core.records import EpochResult, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs import claims, worker
from mnist_classifier.runs import run_log as runs_module
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from tests.runs.test_jobs import LONG, QUICK, wait_for, wait_for_epoch, wait_until, with_mnist

__all__ = ["with_mnist"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc"),
]

# A worker that finds this on its path waits for the file `go` before it imports anything.
WAIT_FOR_GO = """
import os, sys, time
while "mnist_classifier.runs.worker_process" in sys.orig_argv and not os.path.exists({go!r}):
    time.sleep(0.02)
"""


@pytest.fixture
def go_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that workers wait for."""
    folder, go = tmp_path / "slow", tmp_path / "go"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WAIT_FOR_GO.format(go=str(go)))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # no data is fetched
    return go


@pytest.fixture
def hours_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Sets the clock by which silence is measured far ahead."""
    monotonic = time.monotonic
    return lambda: monkeypatch.setattr(runs_module.time, "monotonic", lambda: monotonic() + 1e6)


@pytest.fixture(autouse=True)
def no_worker_is_left(settings: Settings) -> Iterator[None]:
    yield
    for pid in workers(settings):
        os.kill(pid, signal.SIGKILL)


def workers(settings: Settings) -> list[int]:
    """The training processes of a home, by their numbers."""
    home = f"MNIST_HOME={settings.home}".encode()
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and b"mnist_classifier.runs.worker_process" in _read(folder / "cmdline").split(b"\0")
        if home in _read(folder / "environ").split(b"\0")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def worker_of(settings: Settings) -> int:
    """The one training process of a home, once it is there."""
    wait_until(lambda: len(workers(settings)) == 1)
    return workers(settings)[0]


def suspend(pid: int, store: Store) -> None:
    """Stop a worker while it does not write: the lock of SQLite would be held until it goes on."""
    with store.writing():
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: b") T " in _read(Path(f"/proc/{pid}/stat")))


def test_a_training_whose_imports_take_hours_is_not_declared_dead(
    settings: Settings, runs: Runs, go_file: Path, hours_pass: Callable[[], None]
):
    run = Jobs(settings, runs).start(QUICK)
    assert runs.mark_interrupted() == []
    hours_pass()
    assert runs.mark_interrupted() == []
    assert runs.get(run.id).status is RunStatus.QUEUED
    go_file.touch()
    assert "mirror" in wait_for(runs, run.id, RunStatus.FAILED).message  # it began its work


def test_a_training_that_dies_while_it_imports_is_noticed_at_once(settings: Settings, runs: Runs, go_file: Path):
    run = Jobs(settings, runs).start(QUICK)
    os.kill(worker_of(settings), signal.SIGKILL)
    assert "it was killed" in wait_for(runs, run.id, RunStatus.FAILED).message
    # The claim goes after the end is recorded.
    wait_until(lambda: not list(settings.claims_dir.iterdir()))


START_AND_DIE = """
import os, signal
from mnist_classifier.core.settings import Settings
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.core.database import Store
from tests.runs.test_jobs import QUICK
settings = Settings.from_environment()
Jobs(settings, Runs(Store(settings.resolved_database_url), settings.claims_dir)).start(QUICK)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_training_outlives_the_server_that_is_killed_while_it_imports(
    settings: Settings, runs: Runs, go_file: Path, hours_pass: Callable[[], None]
):
    environment = os.environ | settings.to_environment() | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment["PYTHONPATH"] = f"{go_file.parent / 'slow'}{os.pathsep}{environment['PYTHONPATH']}"
    server = subprocess.run([sys.executable, "-c", START_AND_DIE], env=environment)
    assert server.returncode == -signal.SIGKILL
    hours_pass()
    assert runs.mark_interrupted() == []
    os.kill(worker_of(settings), signal.SIGKILL)
    wait_until(lambda: runs.mark_interrupted() == [1])
    assert runs.get(1).status is RunStatus.INTERRUPTED


@pytest.mark.mnist
@pytest.mark.parametrize("moment", ["start", "middle"])
def test_a_suspended_training_is_never_declared_dead(
    with_mnist: Settings, runs: Runs, store: Store, hours_pass: Callable[[], None], moment: str
):
    jobs = Jobs(with_mnist, runs)
    run = jobs.submit(replace(QUICK, epochs=3))
    pid = worker_of(with_mnist)
    if moment == "middle":
        wait_for_epoch(runs, run.id)
    suspend(pid, store)
    hours_pass()
    next_run = jobs.submit(QUICK)
    assert runs.mark_interrupted() == []
    with pytest.raises(RunInProgress):
        jobs.resume(run.id)
    assert workers(with_mnist) == [pid]
    runs.request_cancel(next_run.id)
    os.kill(pid, signal.SIGCONT)
    wait_for(runs, run.id, RunStatus.SUCCEEDED)
    assert [event.data["epoch"] for event in runs.events(run.id, kinds=("epoch",))] == [1, 2, 3]
    jobs.close()


@pytest.mark.mnist
def test_a_suspended_training_that_another_one_took_over_stops_and_writes_nothing(
    with_mnist: Settings, runs: Runs, store: Store, hours_pass: Callable[[], None]
):
    """As where machines share a database and a disk that knows no locks."""
    jobs = Jobs(with_mnist, runs)
    run = jobs.submit(LONG)
    old = worker_of(with_mnist)
    wait_for_epoch(runs, run.id)
    suspend(old, store)
    claims.release(with_mnist.claims_dir, runs.get(run.id).claim)
    assert runs.mark_interrupted() == []
    hours_pass()
    assert runs.mark_interrupted() == [run.id]
    first = len(runs.events(run.id, kinds=("epoch",)))
    jobs.resume(run.id)
    wait_until(lambda: len(runs.events(run.id, kinds=("epoch",))) > first)
    os.kill(old, signal.SIGCONT)
    wait_until(lambda: old not in workers(with_mnist))
    assert "given to another process" in jobs.log_path(run.id).read_text()
    assert runs.get(run.id).status is RunStatus.RUNNING
    epochs = [event.data["epoch"] for event in runs.events(run.id, kinds=("epoch",))]
    assert epochs[first:] == list(range(epochs[first], epochs[first] + len(epochs) - first))
    assert (with_mnist.checkpoints_dir / f"run-{run.id}.safetensors").exists()
    runs.request_cancel(run.id)
    wait_for(runs, run.id, RunStatus.CANCELLED)
    wait_until(lambda: not workers(with_mnist))
    jobs.close()


@pytest.mark.mnist
def test_a_training_waits_for_a_database_that_another_process_holds(
    with_mnist: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store_module, "PATIENCE_S", 0.05)
    other = sqlite3.connect(with_mnist.home / "mnist.db", isolation_level=None, check_same_thread=False)
    release = threading.Timer(0.5, other.execute, ["COMMIT"])

    def hold(result: EpochResult) -> None:
        other.execute("BEGIN IMMEDIATE")
        release.start()

    run = runs.create(QUICK)
    worker.execute(with_mnist, run.id, str(run.claim), worker.Report(on_epoch=hold))
    release.join()
    other.close()
    assert runs.get(run.id).status is RunStatus.SUCCEEDED


@pytest.mark.mnist
def test_a_training_that_is_killed_again_and_again_is_resumed_to_its_end(
    with_mnist: Settings, runs: Runs, store: Store
):
    jobs = Jobs(with_mnist, runs)
    run = jobs.submit(replace(QUICK, epochs=4))
    for kill, moment in ((signal.SIGTERM, "start"), (signal.SIGKILL, "middle"), (signal.SIGTERM, "middle")):
        pid = worker_of(with_mnist)
        if moment == "middle":
            done = len(runs.events(run.id, kinds=("epoch",)))
            wait_until(lambda done=done: len(runs.events(run.id, kinds=("epoch",))) > done)  # type: ignore[misc]
        os.kill(pid, kill)
        how = "it was killed" if kill is signal.SIGKILL else f"exit status -{kill.value}"
        assert how in wait_for(runs, run.id, RunStatus.FAILED).message
        jobs.resume(run.id)
    wait_for(runs, run.id, RunStatus.SUCCEEDED)
    wait_until(lambda: not workers(with_mnist))
    epochs = [event.data["epoch"] for event in runs.events(run.id, kinds=("epoch",))]
    assert sorted(set(epochs)) == [1, 2, 3, 4]
    assert epochs == sorted(epochs)
    assert [version.version for version in Registry(with_mnist.models_dir, store).versions()] == [1, BOX]
    assert [*with_mnist.claims_dir.iterdir(), *with_mnist.checkpoints_dir.iterdir()] == []
    jobs.close()
