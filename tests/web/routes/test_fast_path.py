"""Which requests are quick enough to be answered before any other is looked at."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.routes.fast_path import is_quick
from mnist_classifier.web.services.served_model import ServedModel

SMALL, LARGE = (encode_png(np.zeros(shape, np.uint8)) for shape in ((280, 280), (1000, 1000)))


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ServedModel]:
    settings = Settings(home=tmp_path)
    store = Store(settings.resolved_database_url)
    served = ServedModel(Registry(settings.models_dir, store))
    served.current()
    yield served
    store.close()


def as_json(png: bytes, prefix: str = "") -> bytes:
    return json.dumps({"image": prefix + base64.b64encode(png).decode()}).encode()


def environ(content_type: str = "application/json", **others: str) -> dict[str, str]:
    usual = {"PATH_INFO": "/predict", "REQUEST_METHOD": "POST", "QUERY_STRING": "", "CONTENT_TYPE": content_type}
    return usual | others


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", as_json(SMALL), True),
        ("application/json", as_json(SMALL, "data:image/png;base64,"), True),
        ("application/json", as_json(LARGE), False),
        ("application/json", b'{"image": "' + b" " * 70_000, False),
        ("application/json", b'{"image": "iVBORw0KGgoAAAANSUhEU', False),
        ("application/json", b'{"image": "iVBORw0KGgoAAAANSUhEU"}!!!!!!!!!!!!!!', False),
        ("application/json", b"{}", False),
        ("application/json", b"", False),
        ("image/png", SMALL, True),
        ("image/png", LARGE, False),
        ("image/png", SMALL[:20], False),
        ("image/jpeg", SMALL, False),
        ("application/octet-stream", bytes(784), True),
        ("application/octet-stream", bytes(785), False),
    ],
)
def test_small_pictures_and_glyphs_are_quick(content_type: str, body: bytes, expected: bool, model: ServedModel):
    assert is_quick(environ(content_type), body, model) is expected


def test_the_page_asks_for_the_glyph_and_is_quick_too(model: ServedModel):
    assert is_quick(environ(QUERY_STRING="glyph=1"), as_json(SMALL), model)


@pytest.mark.parametrize(
    "other",
    [
        {"PATH_INFO": "/api/runs"},
        {"REQUEST_METHOD": "PUT"},
        {"QUERY_STRING": "mode=number"},
        {"QUERY_STRING": "glyph=1&steps=1"},
    ],
)
def test_other_questions_are_not(other: dict[str, str], model: ServedModel):
    assert not is_quick(environ(**other), as_json(SMALL), model)


def test_nothing_is_quick_when_the_model_may_have_to_be_replaced(model: ServedModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_classifier.web.services.served_model.CHECK_INTERVAL_S", 0)
    assert not is_quick(environ(), as_json(SMALL), model)
