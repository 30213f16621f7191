from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnist_classifier.config import Settings
from mnist_classifier.web import create_app
from mnist_classifier.web.services import EXTENSION, Services
from tests.web.conformance import ConformingClient


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
