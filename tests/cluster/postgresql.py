"""A private PostgreSQL server: its files in a temporary folder, its port free, its databases thrown away.

with postgresql() as server:
    store = Store(server.new_database())
    server.stop()   # as a crash does
    server.start()
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.processes import free_port

# PostgreSQL refuses to run as root.
USERS = ("postgres", "nobody")
# Nothing here has to survive a power cut.
OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")


def program(name: str) -> str | None:
    """The path of a program of PostgreSQL: the newest in Debian's folders, or the one on the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return str(installed[-1]) if installed else shutil.which(name)


class PostgreSQL:
    """One running server."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._as_user = _as_user(folder)
        self._port = free_port()
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        command = [str(program("initdb")), "-D", str(self._data), "-U", "mnist", "-A", "trust", "-N", "--no-locale"]
        subprocess.run([*command, "-E", "UTF8"], check=True, capture_output=True, cwd=folder, **self._as_user)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = [word for option in OPTIONS for word in ("-c", option)]
        command = [str(program("postgres")), "-D", str(self._data), "-k", str(self._folder), "-p", str(self._port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-h", "127.0.0.1", *options], stdout=log, stderr=log, cwd=self._folder, **self._as_user
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """Cut every connection and end the server, as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Nobody gets an answer during the block, and no connection is refused: a host that hangs."""
        assert self._process is not None
        parent = self._process.pid
        os.kill(parent, signal.SIGSTOP)  # first, so that no child comes after
        stopped = [parent]
        try:
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                stopped.append(int(child))
                os.kill(int(child), signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def url(self, database: str) -> str:
        """The address of a database, for MNIST_DATABASE_URL."""
        return f"postgresql+psycopg://mnist@127.0.0.1:{self._port}/{database}"

    def new_database(self) -> str:
        """The address of an empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run(f"CREATE DATABASE {name}")
        return self.url(name)

    def _answers(self) -> bool:
        try:
            self._run("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that is stopped, and its files removed, at the end."""
    # Not in pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="mnist-postgresql-") as name:
        server = PostgreSQL(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _as_user(folder: Path) -> dict[str, Any]:
    """The arguments of Popen that let a child run as an ordinary user, who then owns the folder."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next(known[name] for name in USERS if name in known)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
