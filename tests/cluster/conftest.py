"""What the tests of several machines share: a private PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.cluster.postgresql import PostgreSQL, postgresql, program


def missing(reason: str) -> None:
    """Skip the test; fail it with CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


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
