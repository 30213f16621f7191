"""Replies name no folder of this computer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.settings import Settings
from mnist_classifier.registry.manifest import ONNX_FILE
from mnist_classifier.web.services.services import Services
from mnist_classifier.web.wire.paths import hide_paths
from tests.checkout import ROOT
from tests.versions import save
from tests.web.asserts import assert_error


def test_folders_are_called_by_the_variable_that_sets_them(settings: Settings, tmp_path: Path):
    settings = replace(settings, data_dir=tmp_path / "elsewhere")
    text = f"none in {settings.home / 'data' / 'mnist'}, {tmp_path / 'elsewhere'}, {Path.home() / '.cache'}"
    assert hide_paths(text, settings) == str(
        f"none in {Path('MNIST_HOME') / 'data' / 'mnist'}, MNIST_DATA_DIR, {Path('~') / '.cache'}"
    )
    shared = ROOT.parent / "shared"
    assert hide_paths(f"none in {shared}", settings) == f"none in {Path('(checkout)') / '..' / 'shared'}"
    assert hide_paths("ask for /api/runs/5/events instead", settings) == "ask for /api/runs/5/events instead"


@pytest.mark.parametrize(
    "path",
    ["/api/explore/images/validation/3", "/api/explore/summary?split=validation", "/api/models/0/disagreements/1"],
)
def test_what_is_missing_is_said_without_the_place(client: FlaskClient, services: Services, path: str):
    save(services.registry)
    message = assert_error(client.get(path), 404, "data_missing")
    assert "MNIST_HOME" in message
    assert str(services.settings.home.parent) not in message
    assert str(Path.home()) not in message


def test_what_is_damaged_is_said_without_the_place(client: FlaskClient, services: Services):
    save(services.registry)
    (services.registry.folder(1) / ONNX_FILE).write_bytes(b"altered")
    message = assert_error(client.post("/api/models/1/promote"), 500, "model_corrupt")
    assert str(services.settings.home) not in message
