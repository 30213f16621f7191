"""The database: connections and transactions; the tables are in core/tables.py.

By default SQLite in MNIST_HOME, with a write-ahead log so that the server reads
while a training writes.  MNIST_DATABASE_URL may name any other database that
SQLAlchemy supports.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mnist_classifier.core import files, migrations
from mnist_classifier.core.errors import DatabaseBusy, DatabaseUnreachable, InvalidConfig, MnistError, StorageFull
from mnist_classifier.core.reserve import Reserve
from mnist_classifier.core.tables import runs

# How long to wait for another process that writes to SQLite.
PATIENCE_S = 10.0
# How long to wait for those who read in SQLite's log before it is emptied; the next deletion tries again.
LOG_PATIENCE_MS = 200
# How long to wait for PostgreSQL: for a connection, and for a dead network to show (source: libpq's parameters).
POSTGRESQL_PATIENCE = {"connect_timeout": 3, "tcp_user_timeout": 5000}


# How long a migration waits for a table that somebody uses.
MIGRATION_PATIENCE_S = 10
# Key of the advisory lock of migrations in PostgreSQL; see QUEUE_LOCK in runs/run_log.py.
SCHEMA_LOCK = 5_171_018
_SCHEMA = sa.text("SELECT version_num FROM alembic_version")


class Store:
    """One database; safe to share between threads.

    patience_s: how long to wait on SQLite for another process that writes; PATIENCE_S by default.
    """

    def __init__(self, url: str | sa.URL, *, patience_s: float | None = None) -> None:
        self.engine = _create_engine(url, patience_s or PATIENCE_S)
        self.url = self.engine.url
        self._kept = ExitStack()
        is_file = self.engine.dialect.name == "sqlite" and bool(self.url.database)
        self._reserve = Reserve(Path(f"{self.url.database}-reserve")) if is_file else None
        # Called at the start of every writing transaction; if it raises, nothing is written.
        self.guard: Callable[[sa.Connection], None] = lambda connection: None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Bring the schema up to date.  On a full disk, nobody can even read unless there is a reserve to use."""
        try:
            self._migrate()
        except StorageFull:
            if self._reserve is None:
                raise
            self._kept.enter_context(self._reserve.in_use())
            self._migrate()

    def _migrate(self) -> None:
        with self.writing() as connection:
            _migrate(connection)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading."""
        with _clear_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durably: bool = False) -> Iterator[sa.Connection]:
        """A transaction: all changes are written, or none if the block fails.

        On SQLite it takes the write lock at once, so nobody can change what it
        has read before it writes.  It survives the end of the process; with
        `durably` also a power cut, and deleted contents are overwritten.
        """
        with _clear_errors(), self.engine.connect() as connection, connection.begin():
            if self.engine.dialect.name == "sqlite":
                if durably:  # for this connection alone, which is closed afterwards
                    connection.exec_driver_sql("PRAGMA synchronous = FULL")
                    connection.exec_driver_sql("PRAGMA secure_delete = ON")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            self.guard(connection)
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[sa.Connection]:
        """A durable transaction that deletes: nothing of it stays on the disk, and it works on a full disk."""
        with nullcontext() if self._reserve is None else self._reserve.in_use():
            try:
                with self.writing(durably=True) as connection:
                    yield connection
            finally:
                self._clear_log()

    def _clear_log(self) -> None:
        """Empty SQLite's write-ahead log, which still holds what was deleted, unless somebody reads for long."""
        if self.engine.dialect.name == "sqlite":
            with suppress(sa.exc.OperationalError), self.engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOG_PATIENCE_MS}")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def is_current(self) -> bool:
        """Whether the schema is that of this program; a newer one has migrated it during an update if not."""
        with self.reading() as connection:
            return bool(connection.scalar(_SCHEMA) == migrations.HEAD)

    def keep_open(self) -> None:
        """Keep SQLite's files open until `close`, so that a server can still read and delete when the disk is full.

        Opening them needs disk space for an index of the log.  In a database
        server, an open transaction would block every migration.
        """
        if self._reserve is not None:
            self._reserve.keep()
        if self.engine.dialect.name == "sqlite":
            self._kept.enter_context(self.reading()).scalar(sa.select(runs.c.id).limit(1))

    def close(self) -> None:
        """Release every connection."""
        self._kept.close()
        self.engine.dispose()


def _create_engine(url: str | sa.URL, patience_s: float) -> sa.Engine:
    """Make the engine for a database URL; creates the folder of an SQLite file.  Raises InvalidConfig."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return _create_pooled_engine(parsed)
        if parsed.database:
            folder = Path(parsed.database).parent
            with files.disk_errors(f"{folder} cannot be written to; set MNIST_HOME to another folder", MnistError):
                folder.mkdir(parents=True, exist_ok=True)
        # A new connection for each use: SQLite opens in well under a millisecond, and a
        # pool would keep files open that somebody may want to move.
        engine = sa.create_engine(
            parsed, poolclass=sa.NullPool, connect_args={"timeout": patience_s, "check_same_thread": False}
        )
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise InvalidConfig(
            f"the URL of the database cannot be used: {error}. MNIST_DATABASE_URL should look like "
            "postgresql+psycopg://user:password@host/name, and its driver must be installed: "
            'pip install ".[servers]" brings that of PostgreSQL',
            field="database_url",
        ) from error
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _create_pooled_engine(url: sa.URL) -> sa.Engine:
    """Make the engine of a database server.  The threads of this process bound the number of its connections."""
    is_libpq = url.drivername.partition("+")[2].startswith("psycopg")
    patience = {name: value for name, value in POSTGRESQL_PATIENCE.items() if is_libpq and name not in url.query}
    # The ping replaces connections that a restart of the database has cut.
    return sa.create_engine(url, pool_pre_ping=True, max_overflow=-1, connect_args=patience)


def _migrate(connection: sa.Connection) -> None:
    """Run the missing migrations.  Raises MnistError if a newer program wrote the database."""
    if connection.dialect.name == "postgresql":
        # One at a time; and while a step waits for a table, everybody else waits behind it.
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{MIGRATION_PATIENCE_S}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    tables = sa.inspect(connection).get_table_names()
    known = connection.scalar(_SCHEMA) if "alembic_version" in tables else None
    if known == migrations.HEAD:
        return
    if known is not None and known > migrations.HEAD:
        raise MnistError(
            "the database was written by a newer mnist-classifier; update this one, or set another MNIST_HOME"
        )
    # Imported only when needed: the import takes a quarter of a second.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", migrations.__name__.replace(".", ":"))  # a path may hold a %
    config.attributes["connection"] = connection
    if known is None and "runs" in tables:
        command.stamp(config, migrations.FIRST)
    command.upgrade(config, migrations.HEAD)


def _configure_sqlite(connection: Any, record: Any) -> None:
    # SQLAlchemy must send BEGIN; the driver would send it too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to a write-ahead log; repeat this for up to PATIENCE_S.

    If several processes open a new database at the same time, SQLite refuses
    this immediately, in spite of its timeout.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn SQLAlchemy's exceptions into errors with a message for people."""
    try:
        yield
    except sa.exc.OperationalError as error:
        reason = _reason(error)
        # SQLITE_IOERR_SHMSIZE: there is no space for the index of the log.
        if "disk is full" in reason or getattr(error.orig, "sqlite_errorname", "") == "SQLITE_IOERR_SHMSIZE":
            raise StorageFull("the disk is full: free some space and try again; nothing was lost") from error
        if "database is locked" in reason:
            raise DatabaseBusy(
                "another process has held the database for too long; nothing was changed, try again in a moment"
            ) from error
        # SQLite is a file, so trying again would not help.
        kind = MnistError if isinstance(error.orig, sqlite3.Error) else DatabaseUnreachable
        raise kind(f"the database cannot be used: {reason}") from error
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnreachable(f"the database cannot be used: {_reason(error)}") from error
        raise MnistError(f"the database cannot be used: {_reason(error)}") from error
    except ValueError as error:  # JSON or a date that cannot be parsed
        raise MnistError(f"the database is damaged: {error}; restore it from a backup") from error


def _reason(error: sa.exc.DBAPIError) -> str:
    """What the driver says, on one line: psycopg's messages have several."""
    return " ".join(str(error.orig).split())


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(timezone.utc)
