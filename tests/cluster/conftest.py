"""What the tests of several machines share: a private PostgreSQL, and a private S3 server."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cluster.postgresql import PostgreSQL, postgresql, program
from tests.cluster.tools import missing

if TYPE_CHECKING:
    from tests.cluster.s3 import S3


@pytest.fixture(scope="session")
def database_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for this process of the tests."""
    if program("initdb") is None or importlib.util.find_spec("psycopg") is None:
        missing('needs PostgreSQL (apt-get install postgresql) and psycopg (pip install -e ".[cluster]")')
    with postgresql() as server:
        yield server


@pytest.fixture
def database_url(database_server: PostgreSQL) -> str:
    """The URL of an empty database."""
    return database_server.new_database()


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3]:
    """An S3 server for this process of the tests."""
    if any(importlib.util.find_spec(name) is None for name in ("moto", "s3fs")):
        missing('needs s3fs and moto (pip install -e ".[cluster,dev-cluster]")')
    from tests.cluster.s3 import s3_server

    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The S3 server, with its address and keys in the environment."""
    for name, value in running_s3.variables.items():
        monkeypatch.setenv(name, value)
    return running_s3
