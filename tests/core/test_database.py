from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from mnist_classifier.core import migrations
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidConfig, MnistError, StorageFull
from mnist_classifier.core.settings import PACKAGE_DIR, Settings
from mnist_classifier.core.tables import metadata, runs
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.registry import aliases
from mnist_classifier.runs.run_log import Runs

# What the program wrote before it knew migrations, with one run and one promoted version.
FIRST_SCHEMA = """
CREATE TABLE runs (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, status VARCHAR(16) NOT NULL, config JSON NOT NULL,
    created_at DATETIME NOT NULL, started_at DATETIME, finished_at DATETIME, heartbeat_at DATETIME, pid INTEGER,
    cancel_requested BOOLEAN NOT NULL, message TEXT NOT NULL, model_version INTEGER);
CREATE INDEX ix_runs_status ON runs (status);
CREATE TABLE run_events (run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, sequence INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL, at DATETIME NOT NULL, data JSON NOT NULL, PRIMARY KEY (run_id, sequence));
CREATE TABLE model_versions (version INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL,
    created_at DATETIME NOT NULL, manifest JSON NOT NULL);
CREATE TABLE aliases (name VARCHAR(50) NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL REFERENCES model_versions (version), moved_at DATETIME NOT NULL);
INSERT INTO runs VALUES (1, 'succeeded', '{}', '2026-01-01 00:00:00', NULL, NULL, NULL, 7, 0, 'done', 1);
INSERT INTO model_versions VALUES (1, 'classic-1', '2026-01-01 00:00:00', '{}');
INSERT INTO aliases VALUES ('production', 1, '2026-01-01 00:00:00');
"""


def url_of(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def columns_of(store: Store) -> dict[str, set[str]]:
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
        return {name: {column["name"] for column in inspector.get_columns(name)} for name in tables}


def test_migrations_leave_the_tables_that_the_program_uses(store: Store):
    assert columns_of(store) == {table.name: set(table.c.keys()) for table in metadata.sorted_tables}


def test_a_database_from_before_migrations_is_brought_up_to_date_and_keeps_what_it_held(tmp_path: Path):
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_SCHEMA)
    connection.close()
    store = Store(url_of(path))
    assert columns_of(store) == {table.name: set(table.c.keys()) for table in metadata.sorted_tables}
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT id, message FROM runs")).all() == [(1, "done")]
        assert connection.execute(sa.text("SELECT name, version FROM aliases")).all() == [("production", 1)]
    store.close()


def test_rollbacks_of_an_earlier_program_stay_rollbacks(tmp_path: Path):
    """It wrote no more than a reason; two of them in a row went back and forth."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_SCHEMA)
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = sa.create_engine(url_of(path), poolclass=sa.NullPool)
    with engine.begin() as old:
        config.attributes["connection"] = old
        command.stamp(config, "0001")
        command.upgrade(config, "0002")
        moves = [
            (0, 1, "a try"),
            (1, 2, "rolled back from nothing: a person's words"),
            (2, 1, "rolled back from version 2"),
        ]
        for previous, version, reason in moves:
            values = {"previous": previous, "version": version, "reason": reason}
            old.execute(
                sa.text(
                    "INSERT INTO promotions (alias, version, previous, at, actor, reason) "
                    "VALUES ('production', :version, :previous, '2026-01-01 00:00:00', 'web', :reason)"
                ),
                values,
            )
    with closing(Store(url_of(path))) as store, store.reading() as connection:
        assert aliases.earlier_in_production(connection) == [0]


def test_what_is_written_durably_is_flushed_and_deleted_contents_are_overwritten(store: Store):
    with store.writing(durably=True) as connection:
        flushed = connection.scalar(sa.text("PRAGMA synchronous"))
        overwritten = connection.scalar(sa.text("PRAGMA secure_delete"))
    assert (flushed, overwritten) == (2, 1)  # FULL, ON
    with store.writing() as connection:
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 1  # NORMAL


def test_a_database_of_a_newer_program_is_refused(store: Store):
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MnistError, match="newer mnist-classifier"):
        Store(store.url.render_as_string())


def test_an_up_to_date_database_is_opened_without_alembic(store: Store):
    code = f"import sys; from mnist_classifier.core.database import Store; Store({store.url.render_as_string()!r})"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}; print('alembic' in sys.modules)"],
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert result.stdout.strip() == "False"


def test_head_is_the_last_step():
    steps = sorted(Path(migrations.__file__).parent.joinpath("versions").glob("step_*.py"))
    assert steps[-1].name.startswith(f"step_{migrations.HEAD}_")


@pytest.mark.slow
def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path):
    code = f"from mnist_classifier.core.database import Store; Store({url_of(tmp_path / 'new.db')!r})"
    children = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    assert [child.communicate(timeout=60)[1] for child in children] == [b""] * 3


def open_new(folder: Path, together: Barrier) -> None:
    for number in range(20):
        together.wait()
        Store(f"sqlite:///{folder / str(number) / 'new.db'}").close()


@pytest.mark.slow
def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path):
    """The two of one server do."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4, timeout=30)
    processes = [context.Process(target=open_new, args=(tmp_path, together)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4


@pytest.mark.parametrize("name", ["what?", "50%", "a%41b", "no#1", "a:b@c", "[x] {y} 'z'", "?mode=memory", "ä ö"])
@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow these names")
def test_the_database_lies_in_the_home_folder_whatever_that_is_called(tmp_path: Path, name: str):
    settings = Settings(home=tmp_path / name)
    with closing(Store(settings.resolved_database_url)) as store:
        Runs(store, settings.claims_dir).create(TrainConfig())
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (settings.home / "mnist.db").is_file()


@pytest.mark.slow
def test_the_program_may_lie_in_a_folder_with_signs_in_its_name(tmp_path: Path):
    copy = tmp_path / "100% #1?"
    shutil.copytree(PACKAGE_DIR, copy / PACKAGE_DIR.name, ignore=shutil.ignore_patterns("__pycache__"))
    url = url_of(tmp_path / "new.db")
    code = f"from mnist_classifier.core import database; database.Store({url!r}); print(database.__file__)"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, encoding="utf-8"
    )
    assert (Path(result.stdout.strip()).is_relative_to(copy), result.stderr) == (True, "")


@pytest.mark.parametrize("url", ["here.db", "nothing://host/name", "sqlite+nothing:///x.db"])
def test_a_database_url_that_cannot_be_used_is_an_error_of_ours(url: str):
    with pytest.raises(InvalidConfig, match="MNIST_DATABASE_URL should look like") as caught:
        Store(url)
    assert caught.value.field == "database_url"


@contextmanager
def no_space() -> Iterator[None]:
    """Let no file of this process grow beyond a kilobyte, as on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 does not say yet which error it was")
def test_a_disk_without_space_is_named_even_where_something_is_read(store: Store):
    with no_space(), pytest.raises(StorageFull, match="free some space"), store.reading():
        pass


@pytest.mark.skipif(os.name == "nt", reason="resource limits")
def test_a_store_that_is_kept_open_is_read_on_a_full_disk_and_holds_up_no_one(store: Store):
    store.keep_open()
    with no_space(), store.reading() as connection:
        assert connection.execute(sa.select(runs)).all() == []
    with store.reading() as connection:
        busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    assert busy == 0  # the log is emptied: nobody is in the middle of reading it


def test_each_migration_only_adds_so_that_servers_of_the_release_before_run_on(tmp_path: Path):
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = sa.create_engine(url_of(tmp_path / "steps.db"), poolclass=sa.NullPool)
    before: dict[str, dict[str, sa.engine.interfaces.ReflectedColumn]] = {}
    for step in range(1, int(migrations.HEAD) + 1):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, f"{step:04}")
            inspector = sa.inspect(connection)
            after = {
                table: {column["name"]: column for column in inspector.get_columns(table)}
                for table in inspector.get_table_names()
            }
        for table, columns in before.items():
            assert columns.keys() <= after[table].keys(), (step, table)
            for name in after[table].keys() - columns.keys():
                added = after[table][name]
                assert added["nullable"] or added["default"] is not None, (step, table, name)
        before = after
