from __future__ import annotations

import itertools
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_classifier.core import database as store_module
from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import (
    ClaimLost,
    DatabaseBusy,
    MnistError,
    RunFinished,
    RunInProgress,
    RunMissing,
    StorageFull,
)
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.tables import runs as runs_table
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs import claims, progress
from mnist_classifier.runs import run_log as runs_module
from mnist_classifier.runs.progress import Journal
from mnist_classifier.runs.run_log import SAVING, SILENT_AFTER_S, Runs
from mnist_classifier.training.loop import StepProgress
from tests import versions

posix_only = pytest.mark.skipif(os.name == "nt", reason="locks that a child inherits")


def test_a_run_lives_from_queued_to_its_end(runs: Runs):
    run = runs.create(TrainConfig(epochs=3))
    assert (run.status, run.config["epochs"]) == (RunStatus.QUEUED, 3)
    runs.start(run.id, pid=123)
    active = runs.active()
    assert active is not None
    assert (active.status, active.pid) == (RunStatus.RUNNING, 123)
    runs.finish(run.id, RunStatus.SUCCEEDED, "done", model_version=4)
    ended = runs.get(run.id)
    assert (ended.status, ended.message, ended.model_version) == (RunStatus.SUCCEEDED, "done", 4)
    assert runs.active() is None
    assert [event.data["status"] for event in runs.events(run.id)] == ["running", "succeeded"]


def test_only_one_run_at_a_time(runs: Runs):
    first = runs.create(TrainConfig())
    with pytest.raises(RunInProgress, match=f"run {first.id}"):
        runs.create(TrainConfig())
    runs.finish(first.id, RunStatus.FAILED)
    assert runs.create(TrainConfig()).id == first.id + 1


def test_the_first_ending_stands(runs: Runs):
    run = runs.create(TrainConfig())
    runs.finish(run.id, RunStatus.CANCELLED, "as asked")
    runs.finish(run.id, RunStatus.FAILED, "the process is gone")
    assert runs.get(run.id).status is RunStatus.CANCELLED
    assert len(runs.events(run.id)) == 1


def test_a_run_whose_process_is_gone_is_interrupted_at_once_and_frees_the_place(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)
    assert runs.mark_interrupted() == []
    claims.hand_over(run.claim)  # as the kernel does when a process ends
    assert runs.create(TrainConfig()).id == run.id + 1
    assert runs.get(run.id).status is RunStatus.INTERRUPTED
    assert not (settings.claims_dir / str(run.claim)).exists()


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """How far this process's monotonic clock and its wall clock are ahead, in seconds."""
    ahead, monotonic = {"monotonic": 0.0, "wall": 0.0}, time.monotonic
    monkeypatch.setattr(runs_module.time, "monotonic", lambda: monotonic() + ahead["monotonic"])
    monkeypatch.setattr(runs_module, "now", lambda: now() + timedelta(seconds=ahead["wall"]))
    return ahead


@posix_only
def test_a_process_that_lives_is_never_declared_dead_however_long_it_is_silent(runs: Runs, clocks: dict[str, float]):
    claimed = runs.create(TrainConfig())
    runs.mark_interrupted()
    clocks.update(monotonic=100 * SILENT_AFTER_S, wall=100 * SILENT_AFTER_S)
    assert runs.mark_interrupted() == []
    runs.start(claimed.id, pid=1)  # its imports took that long
    clocks.update(monotonic=1e6, wall=1e6)
    assert runs.mark_interrupted() == []
    with pytest.raises(RunInProgress):
        runs.reopen(claimed.id)


@posix_only
def test_the_number_of_a_dead_process_may_be_used_again(runs: Runs):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=os.getpid())  # which lives, but holds the lock no longer
    claims.hand_over(run.claim)
    assert runs.mark_interrupted() == [run.id]


def elsewhere(settings: Settings, run: Run) -> None:
    """Have a run's lock on a machine that only shares the database."""
    claims.release(settings.claims_dir, run.claim)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_clocks_that_jump_an_hour_declare_no_run_of_another_machine_dead(
    settings: Settings, runs: Runs, clocks: dict[str, float], jump_s: float
):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)
    elsewhere(settings, run)
    assert runs.mark_interrupted() == []
    clocks["wall"] = jump_s
    assert runs.mark_interrupted() == []
    runs.beat(run.id)
    clocks["monotonic"] = SILENT_AFTER_S + 1  # it was heard since
    assert runs.mark_interrupted() == []
    clocks["monotonic"] = 2 * SILENT_AFTER_S + 3
    assert runs.mark_interrupted() == [run.id]


def test_a_cancelled_run_whose_process_dies_before_its_weights_are_saved_can_be_resumed(runs: Runs):
    seen, unseen = runs.create(TrainConfig()), runs.enqueue(TrainConfig())
    for run in (seen, unseen):
        assert runs.finish(run.id, RunStatus.CANCELLED, SAVING)
    assert runs.finish(seen.id, RunStatus.FAILED, "the training process ended unexpectedly")  # the server was there
    assert runs.get(seen.id).status is RunStatus.FAILED
    for run in (seen, unseen):
        runs.reopen(run.id, queued=True)
    runs.finish(seen.id, RunStatus.CANCELLED, "cancelled before the first epoch ended, so nothing was saved")
    assert not runs.finish(seen.id, RunStatus.FAILED, "again")
    with pytest.raises(RunFinished):
        runs.reopen(seen.id)


def test_a_status_of_a_newer_release_is_listed_as_cancelled(store: Store, runs: Runs):
    run = runs.create(TrainConfig())
    runs.finish(run.id, RunStatus.FAILED, "paused at night")
    with store.writing() as connection:
        connection.execute(runs_table.update().values(status="paused"))
    assert [(each.status, each.message) for each in runs.recent()] == [(RunStatus.CANCELLED, "paused at night")]
    with pytest.raises(RunFinished):
        runs.reopen(run.id)


def test_a_worker_that_lost_its_claim_writes_nothing_more(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    claims.release(settings.claims_dir, run.claim)
    worker = Runs(Store(settings.resolved_database_url), settings.claims_dir)
    worker.hold(run.id, str(run.claim))
    worker.start(run.id, pid=1)
    claims.hand_over(run.claim)
    runs.finish(run.id, RunStatus.INTERRUPTED, "silent")
    runs.reopen(run.id)
    before = (runs.get(run.id), runs.events(run.id))
    registry = Registry(settings.models_dir, worker.store)
    writes: list[Callable[[], object]] = [
        lambda: worker.start(run.id, pid=1),
        lambda: worker.beat(run.id),
        lambda: worker.describe(run.id, {}),
        lambda: worker.summarise(run.id, {}),
        lambda: worker.add_event(run.id, "step", {}),
        lambda: worker.finish(run.id, RunStatus.SUCCEEDED, "done", 1),
        lambda: worker.amend(run.id, "done", 1),
        lambda: versions.save(registry),
        worker.check_claim,
    ]
    for write in writes:
        with pytest.raises(ClaimLost, match="given to another process"):
            write()
    assert (runs.get(run.id), runs.events(run.id)) == before
    assert registry.folders.numbers() == []


def test_a_worker_that_lost_its_claim_promotes_nothing(settings: Settings, store: Store, runs: Runs):
    number = versions.save(Registry(settings.models_dir, store)).version
    run = runs.create(TrainConfig())
    worker = Runs(Store(settings.resolved_database_url), settings.claims_dir)
    worker.hold(run.id, "another claim")
    registry = Registry(settings.models_dir, worker.store)
    with pytest.raises(ClaimLost):
        registry.aliases.move(PRODUCTION, number)
    assert registry.aliases.production() == BOX
    assert registry.aliases.history() == []


def test_the_watcher_of_a_worker_leaves_alone_a_run_that_was_resumed_since(runs: Runs):
    first = runs.create(TrainConfig())
    claims.hand_over(first.claim)
    runs.mark_interrupted()
    second = runs.reopen(first.id)
    assert not runs.finish(first.id, RunStatus.FAILED, "its process ended", claim=first.claim)
    assert runs.get(first.id) == second
    assert second.claim != first.claim


def test_of_many_who_resume_a_run_at_once_one_does(settings: Settings, runs: Runs):
    run = runs.enqueue(TrainConfig())
    runs.finish(run.id, RunStatus.FAILED, "no")
    together = threading.Barrier(6)

    def resume(_: int) -> bool:
        own = Runs(Store(settings.resolved_database_url), settings.claims_dir)
        together.wait()
        try:
            own.reopen(run.id)
        except RunInProgress:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(resume, range(6))) == [False] * 5 + [True]
    assert len(list(settings.claims_dir.iterdir())) == 1


@posix_only
def test_a_claim_that_cannot_be_recorded_leaves_no_lock(settings: Settings, runs: Runs):
    first = runs.create(TrainConfig())
    for _ in range(3):
        with pytest.raises(RunInProgress):
            runs.create(TrainConfig())
    assert [path.name for path in settings.claims_dir.iterdir()] == [first.claim]


@posix_only
def test_a_lock_that_cannot_be_made_leaves_the_run_in_the_queue(settings: Settings, runs: Runs):
    runs.enqueue(TrainConfig())
    settings.claims_dir.write_text("in the way")
    with pytest.raises(MnistError, match="cannot be written to"):
        runs.claim_next(1)
    assert runs.has_waiting()
    settings.claims_dir.unlink()
    assert runs.claim_next(1).id == 1


def test_a_worker_learns_that_it_should_stop(runs: Runs):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)
    assert runs.beat(run.id) is False
    runs.request_cancel(run.id)
    assert runs.beat(run.id) is True


def test_events_come_in_order_and_from_where_one_was(runs: Runs):
    run = runs.create(TrainConfig())
    for epoch in range(1, 6):
        runs.add_event(run.id, "epoch", {"epoch": epoch})
    assert [e.sequence for e in runs.events(run.id)] == [1, 2, 3, 4, 5]
    assert [e.data["epoch"] for e in runs.events(run.id, after=3)] == [4, 5]
    last = runs.last_event(run.id, "epoch")
    assert last is not None
    assert last.data == {"epoch": 5}
    assert runs.last_event(run.id, "step") is None


def test_an_unknown_run_is_an_error(runs: Runs):
    with pytest.raises(RunMissing, match="no run 99"):
        runs.get(99)


def half_then_fail(connection: sa.Connection) -> None:
    connection.execute(sa.update(runs_table).values(message="half"))
    raise ZeroDivisionError


def test_a_transaction_that_fails_writes_nothing(store: Store, runs: Runs):
    run = runs.create(TrainConfig())
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        half_then_fail(connection)
    assert runs.get(run.id).message == ""


def test_a_file_that_is_no_database_is_a_clear_error(settings: Settings):
    (settings.home / "mnist.db").write_text("this is text, " * 100)
    with pytest.raises(MnistError, match="database cannot be used"):
        Store(settings.resolved_database_url)


def test_a_home_that_cannot_be_made_is_a_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MnistError, match="set MNIST_HOME"):
        Store(f"sqlite:///{tmp_path}/file/home/mnist.db")


def test_the_database_is_in_wal_mode_so_that_readers_do_not_wait(store: Store, settings: Settings):
    with sqlite3.connect(settings.home / "mnist.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    with store.writing() as writer, store.reading() as reader:
        writer.execute(sa.update(runs_table).values(message="x"))
        assert reader.execute(sa.select(runs_table)).all() == []


def test_runs_are_claimed_oldest_first_and_no_more_than_there_are_places(runs: Runs):
    first, second, third = (runs.enqueue(TrainConfig(seed=seed)) for seed in range(3))
    assert runs.claim_next(2).id == first.id
    assert runs.claim_next(2).id == second.id
    assert runs.claim_next(2) is None
    runs.start(first.id, pid=1)
    assert runs.claim_next(2) is None
    runs.finish(first.id, RunStatus.FAILED)
    assert runs.claim_next(2).id == third.id
    assert not runs.has_waiting()


def test_a_run_that_waits_is_not_interrupted_however_long_that_takes(runs: Runs, clocks: dict[str, float]):
    claimed, waiting = runs.enqueue(TrainConfig()), runs.enqueue(TrainConfig())
    assert runs.claim_next(1).id == claimed.id
    claims.hand_over(runs.get(claimed.id).claim)
    clocks["monotonic"] = 100 * SILENT_AFTER_S
    assert runs.mark_interrupted() == [claimed.id]
    assert runs.get(waiting.id).status is RunStatus.QUEUED


def test_many_claims_at_once_get_different_runs(settings: Settings, runs: Runs):
    expected = {runs.enqueue(TrainConfig()).id for _ in range(8)}
    with ThreadPoolExecutor(8) as pool:
        claimed = list(
            pool.map(lambda _: Runs(Store(settings.resolved_database_url), settings.claims_dir).claim_next(8), range(8))
        )
    assert {run.id for run in claimed if run is not None} == expected


def test_a_run_that_was_cancelled_before_it_began_cannot_start(runs: Runs):
    run = runs.enqueue(TrainConfig())
    assert runs.claim_next(1).id == run.id
    assert runs.request_cancel(run.id).status is RunStatus.CANCELLED
    with pytest.raises(RunFinished):
        runs.start(run.id, pid=1)


def test_a_cancelled_run_learns_later_which_version_it_left(runs: Runs):
    run = runs.create(TrainConfig())
    runs.finish(run.id, RunStatus.CANCELLED, "cancelled")
    runs.amend(run.id, "version 3 has its best weights", 3)
    ended = runs.get(run.id)
    assert (ended.status, ended.model_version) == (RunStatus.CANCELLED, 3)
    assert [event.kind for event in runs.events(run.id)] == ["status", "message"]


def test_runs_are_found_by_number_recipe_status_and_message(runs: Runs):
    for recipe in ("classic", "lightning", "fast"):
        run = runs.enqueue(TrainConfig.from_mapping({"recipe": recipe}))
        runs.finish(run.id, RunStatus.FAILED if recipe == "fast" else RunStatus.SUCCEEDED, f"95% of {recipe}")

    def found(search: str) -> list[int]:
        return [run.id for run in runs.recent(search=search)]

    assert found("light") == [2]
    assert found("FAILED") == [3]
    assert found("failed light") == []
    assert found("1") == [1]
    assert found("95%") == [3, 2, 1]
    assert found("9%f") == []
    assert [run.id for run in runs.recent(1, before=3)] == [2]


def test_ten_thousand_runs_are_listed_and_searched_quickly(runs: Runs, store: Store):
    config = TrainConfig().to_dict()
    row = {"status": "succeeded", "config": config, "created_at": now(), "cancel_requested": False, "message": "done"}
    with store.writing() as connection:
        connection.execute(sa.insert(runs_table), [row] * 10_000)
    started = time.process_time()
    assert len(runs.recent(50, search="succeeded classic")) == 50
    assert len(runs.recent(50, search="nothing like this")) == 0
    assert runs.active() is None
    assert time.process_time() - started < 0.6  # three questions of 200 ms


def test_progress_is_written_at_growing_distances(runs: Runs, monkeypatch: pytest.MonkeyPatch):
    clock = itertools.count(0.0, 0.25)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    written: list[object] = []
    monkeypatch.setattr(runs, "add_event", lambda *event: written.append(event))
    log = Journal(runs, 1, started_at=0.0)
    for step in range(4 * 1200):  # each looks at the clock once: twenty minutes
        log.step(StepProgress(1, step, 4800, 0.1, 0.9, 5000.0, 0.001, 55_000))
    assert 1300 < len(written) < 1600


def test_of_the_batches_only_the_newest_is_kept(runs: Runs):
    run = runs.create(TrainConfig())
    log = Journal(runs, run.id)
    for epoch in (1, 2, 3):
        log.batch(epoch, np.zeros((32, 28, 28), np.float32), np.zeros(32, np.int64))
    assert [event.data["epoch"] for event in runs.events(run.id, kinds=("batch",))] == [3]
    assert len(json.dumps(runs.events(run.id)[0].data)) < 20_000


def test_a_full_disk_is_said_and_what_was_written_stays(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    run = runs.create(TrainConfig())
    runs.add_event(run.id, "message", {"text": "before"})

    def nearly_full(connection: sqlite3.Connection, record: object) -> None:
        store_module._configure_sqlite(connection, record)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    full = Store(settings.resolved_database_url)
    sa.event.listen(full.engine, "connect", nearly_full)
    with pytest.raises(StorageFull, match="free some space"):
        Runs(full, settings.claims_dir).add_event(run.id, "message", {"text": "x" * 100_000})
    full.close()
    assert [event.data["text"] for event in runs.events(run.id)] == ["before"]
    runs.add_event(run.id, "message", {"text": "there is room again"})
    assert len(runs.events(run.id)) == 2


def test_a_locked_database_is_said_and_works_again_afterwards(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    impatient = Store(settings.resolved_database_url, patience_s=0.05)
    other = sqlite3.connect(settings.home / "mnist.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(MnistError, match="held the database"):
        Runs(impatient, settings.claims_dir).add_event(run.id, "message", {"text": "too early"})
    assert Runs(impatient, settings.claims_dir).get(run.id).id == run.id  # reading goes on
    other.execute("COMMIT")
    other.close()
    Runs(impatient, settings.claims_dir).add_event(run.id, "message", {"text": "now"})
    impatient.close()
    assert [event.data["text"] for event in runs.events(run.id)] == ["now"]


@posix_only
def test_an_end_that_could_not_be_recorded_is_noticed_at_the_next_look(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    store = Store(settings.resolved_database_url, patience_s=0.05)
    impatient = Runs(store, settings.claims_dir)
    with runs.store.writing():
        with pytest.raises(DatabaseBusy):
            impatient.finish(run.id, RunStatus.FAILED, "no", claim=run.claim)
        claims.hand_over(run.claim)  # its process ends
        assert impatient.mark_interrupted() == []  # whoever only reads is answered
    assert impatient.mark_interrupted() == [run.id]
    store.close()


@posix_only
def test_the_lock_of_a_run_that_is_over_is_removed(settings: Settings, runs: Runs):
    ended, cancelled = runs.create(TrainConfig()), runs.enqueue(TrainConfig())
    runs.finish(ended.id, RunStatus.FAILED, "no", claim=ended.claim)
    assert runs.claim_next(1).id == cancelled.id
    assert len(list(settings.claims_dir.iterdir())) == 1
    runs.request_cancel(cancelled.id)
    assert list(settings.claims_dir.iterdir()) == []
