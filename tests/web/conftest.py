from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnist_classifier.core.settings import Settings
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.checkout import ROOT
from tests.processes import free_port, wait_for_port
from tests.web.conformance import ConformingClient

MakeClient = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Where the echo answers."""
    port = free_port()
    command = [sys.executable, "-m", "tests.web.server.echo", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, process)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application of an empty installation: the model in the box answers."""
    app = create_app(settings)
    app.testing = False  # errors must be answered, not raised
    app.test_client_class = ConformingClient
    yield app
    app.extensions[EXTENSION].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions[EXTENSION]
    return found


@pytest.fixture
def make_client(settings: Settings) -> Iterator[MakeClient]:
    """Clients of servers with other settings."""
    apps: list[Flask] = []

    def make(**changes: object) -> FlaskClient:
        apps.append(create_app(replace(settings, **changes)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        app.extensions[EXTENSION].close()
