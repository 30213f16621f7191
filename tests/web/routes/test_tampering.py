"""Manifests and folders that somebody changed: the server refuses them, or starts again and answers."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnist_classifier.core.settings import Settings
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, ROBUSTNESS_FILE
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services import served_model
from mnist_classifier.web.services.services import EXTENSION, Services
from tests import versions
from tests.evaluation.acceptance.test_archive import box_files, zipped
from tests.web.asserts import assert_error

MANIFEST = json.loads(box_files()[MANIFEST_FILE])
GLYPH = {"pixels": [[0] * 28] * 28}
# Stands for a text that json.dumps would not write.
RAW = "\N{REPLACEMENT CHARACTER}"
RAW_TEXTS = (
    *("NaN", "1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 5000, "-0", "9223372036854775808", "1.5", "true", "null"),
    *("[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "[" * 50_000, '"\\ud800"', '"\\u0000"', "{}", "[]", ""),
)
DATES = (
    *("0001-01-01T00:00:00+14:00", "0001-01-01", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+00:00"),
    *("2026-01-01T00:00:00+23:59", "2026-01-01", "1970-01-01T00:00:00", "yesterday"),
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a manifest; of a long list the first two."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from paths(inner, (*here, index))


PATHS = [path for path in paths(MANIFEST) if path]
VALUES = st.one_of(
    st.sampled_from(RAW_TEXTS).map(lambda text: (RAW, text)),
    st.sampled_from(DATES),
    st.sampled_from(["a" + " " * 100_000, "x" * 101, "a\nb", "\u202e", "../x", "<script>", 7, -1, 0, 2**63, 10**30]),
    st.none() | st.booleans() | st.integers() | st.floats(0, 1) | st.text(max_size=20),
    st.lists(st.integers(0, 9), max_size=3) | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The manifest of the box with one to three places changed, taken away or added to."""
    manifest, raw_texts = copy.deepcopy(MANIFEST), []
    for path in draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)):
        value = draw(VALUES)
        if isinstance(value, tuple):
            raw_texts.append(value[1])
            value = RAW
        try:
            parent = manifest
            for step in path[:-1]:
                parent = parent[step]
            change = draw(st.sampled_from(["set", "set", "delete", "add"]))
            if change == "delete":
                del parent[path[-1]]
            else:
                parent[path[-1] if change == "set" or isinstance(parent, list) else "strange"] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    text = json.dumps(manifest)
    for raw_text in raw_texts:
        text = text.replace(json.dumps(RAW), raw_text, 1)
    return text.encode("utf-8", "surrogatepass")


def assert_starts_and_answers(settings: Settings) -> list[int]:
    """A server that starts on the folder as it is; returns the versions that it lists."""
    app = create_app(settings)
    app.testing = False
    client = app.test_client()
    try:
        listed = client.get("/api/models")
        assert listed.status_code == 200, listed.text
        numbers = [model["version"] for model in listed.get_json()["models"]]
        pages = ["/model-status", "/metrics", "/readyz", "/v2/models/mnist", "/models", "/api/explore"]
        for number in numbers:
            pages += [f"/api/models/{number}", f"/api/models/0/compare/{number}"]
        for page in pages:
            assert client.get(page).status_code < 500, page
        assert client.get("/model-status").get_json()["status"] == "ready"
        return numbers
    finally:
        app.extensions[EXTENSION].close()


@pytest.mark.slow
@hypothesis_settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(manifest=mutated())
def test_any_manifest_is_refused_or_leaves_a_server_that_starts_again_and_answers(settings: Settings, manifest: bytes):
    data = zipped({**box_files(), MANIFEST_FILE: manifest})
    app = create_app(settings)
    app.testing = False
    reply = app.test_client().post("/api/models/import", data=data, content_type="application/zip")
    app.extensions[EXTENSION].close()
    if reply.status_code == 201:
        assert assert_starts_and_answers(settings) == [reply.get_json()["version"], BOX]
    else:
        assert_error(reply, 400, "invalid_archive", "file")
        assert list(settings.models_dir.iterdir()) == []
    for path in [*settings.models_dir.iterdir(), *settings.home.glob("mnist.db*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@hypothesis_settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(manifest=mutated())
def test_any_manifest_on_the_disk_leaves_a_server_that_starts_and_answers(settings: Settings, manifest: bytes):
    folder = settings.models_dir / "1"
    folder.mkdir(exist_ok=True)
    versions.write_files(folder)
    (folder / MANIFEST_FILE).write_bytes(manifest)
    assert assert_starts_and_answers(settings) in ([BOX], [1, BOX])
    for path in settings.home.glob("mnist.db*"):
        path.unlink()


@pytest.mark.parametrize("date", [date for date in DATES if not date.startswith(("2026", "1970")) and date[-6] != "+"])
def test_a_date_that_leaves_the_calendar_is_refused_and_nothing_is_kept(
    client: FlaskClient, settings: Settings, date: str
):
    data = zipped({**box_files(), MANIFEST_FILE: json.dumps({**MANIFEST, "created_at": date}).encode()})
    reply = client.post("/api/models/import", data=data, content_type="application/zip")
    said = "lie in the years 1970 to 9998" if date == "0001-01-01" else "be an ISO 8601 date"
    assert f"created_at must {said}" in assert_error(reply, 400, "invalid_archive", "file")
    assert list(settings.models_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperature": 10**400}, "temperature is out of range"),
        ({"thresholds": {"ambiguous_below": 10**400}}, "thresholds.ambiguous_below is out of range"),
        ({"onnx_parity": 10**400}, "onnx_parity is out of range"),
        ({"name": "a" + " " * 100_000}, "name must be"),
        ({"config": ["recipe"]}, "config must be a JSON object, not a list"),
        ({"config": {"recipe": 5}}, "config.recipe must be text"),
        ({"training": {"epochs": "many"}}, "training.epochs must be a whole number, not text"),
        ({"architecture": {"parameters": 1.5}}, "architecture.parameters must be a whole number, not a number"),
        ({"seed": "zero"}, "seed must be a whole number or null, not text"),
        ({"run_id": {}}, "run_id must be a whole number or null, not a JSON object"),
    ],
)
def test_a_field_of_the_wrong_type_or_size_is_refused_by_its_name(
    client: FlaskClient, changes: dict[str, Any], said: str
):
    data = zipped({**box_files(), MANIFEST_FILE: json.dumps({**MANIFEST, **changes}).encode()})
    reply = client.post("/api/models/import", data=data, content_type="application/zip")
    assert f"manifest.json: {said}" in assert_error(reply, 400, "invalid_archive", "file")


@pytest.mark.parametrize("name", ["99999999999999999999", "0", "007", "1000000000"])
def test_a_folder_of_an_impossible_number_is_set_aside_and_the_server_starts(settings: Settings, name: str):
    (settings.models_dir / name).mkdir()
    assert assert_starts_and_answers(settings) == [BOX]
    app = create_app(settings)
    listed = app.test_client().get("/api/models").get_json()
    assert listed["set_aside"] == [{"folder": name, "reason": "versions are numbered from 1 to 999999999"}]
    assert versions.save(app.extensions[EXTENSION].registry).version == 1
    app.extensions[EXTENSION].close()


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def swap(path: Path) -> None:
    """Another file of the same size."""
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def make_huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(20_000_000_000)  # sparse: it takes no room


TAMPERINGS: list[Callable[[Path], None]] = [
    replace_by_folder,
    replace_by_link,
    replace_by_pipe,
    make_huge,
    swap,
    lambda path: path.write_bytes(path.read_bytes()[:-10]) and None,
    Path.unlink,
    lambda path: shutil.rmtree(path.parent),
]


@pytest.mark.skipif(os.name == "nt", reason="makes links and pipes")
@pytest.mark.parametrize("file", [MANIFEST_FILE, ONNX_FILE])
@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_folder_that_is_tampered_with_while_it_serves_goes_on_answering_and_is_named(
    client: FlaskClient, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch, tamper: Any, file: str
):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0.0)
    registry: Registry = services.registry
    versions.save(registry)
    client.post("/api/models/1/promote")
    assert client.get("/model-status").get_json()["model"]["version"] == 1
    tamper(registry.folder(1) / file)
    assert client.get("/model-status").get_json()["model"]["version"] == 1  # what was loaded answers
    listed = client.get("/api/models")
    assert [each["folder"] for each in listed.get_json()["set_aside"]] == ["1"]
    assert str(settings.home) not in listed.text
    for path in ("/api/models/1", "/api/models/0/compare/1", "/models"):
        assert client.get(path).status_code == 200
    for reply in (client.get("/api/models/1/export"), client.post("/api/models/1/promote")):
        assert_error(reply, 500, "model_corrupt")
        assert "root:" not in reply.text
    client.post("/api/models/rollback")
    assert client.get("/model-status").get_json()["model"]["version"] == BOX
    assert assert_starts_and_answers(settings) == [1, BOX]


def test_a_disk_that_is_full_or_fails_during_an_import_is_answered_in_words(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    for number, status, code in ((errno.ENOSPC, 507, "storage_full"), (errno.EROFS, 500, "model_error")):

        def fail(*arguments: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number), str(settings.models_dir / "file"))

        monkeypatch.setattr("mnist_classifier.evaluation.acceptance.archive._unpack_file", fail)
        reply = client.post("/api/models/import", data=zipped(box_files()), content_type="application/zip")
        assert "the model was not saved" in assert_error(reply, status, code)
        assert str(settings.home) not in reply.text
        assert list(settings.models_dir.iterdir()) == []


def test_a_robustness_table_that_is_a_link_elsewhere_is_not_exported(client: FlaskClient, services: Services):
    versions.save(services.registry)
    (services.registry.folder(1) / ROBUSTNESS_FILE).symlink_to("/etc/passwd")
    with client.get("/api/models/1/export") as reply:
        assert reply.status_code == 200
        assert ROBUSTNESS_FILE.encode() not in reply.data
