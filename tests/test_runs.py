from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.errors import MnistError, RunInProgress, RunMissing
from mnist_classifier.records import RunStatus
from mnist_classifier.runs import STALE_AFTER, Runs
from mnist_classifier.store import Store, now
from mnist_classifier.store import runs as runs_table


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


def test_a_run_whose_worker_went_silent_is_interrupted_and_frees_the_place(runs: Runs, store: Store):
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=1)
    assert runs.mark_interrupted() == []
    silent_since = now() - STALE_AFTER - timedelta(seconds=1)
    with store.writing() as connection:
        connection.execute(sa.update(runs_table).values(heartbeat_at=silent_since))
    assert runs.create(TrainConfig()).id == run.id + 1
    assert runs.get(run.id).status is RunStatus.INTERRUPTED


def test_a_worker_learns_that_it_should_stop(runs: Runs):
    run = runs.create(TrainConfig())
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
