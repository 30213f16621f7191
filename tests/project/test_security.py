"""Defences of docs/security.md that no other test shows."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.recognition.imaging import decode
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services
from tests import versions
from tests.at_once import AtOnce, run_at_once
from tests.checkout import ROOT
from tests.web.asserts import assert_error

PACKAGE = ROOT / "src" / "mnist_classifier"
SCRIPTS = sorted(path for path in (PACKAGE / "web").rglob("*.js") if "vendor" not in path.parts)
TEMPLATES = sorted((PACKAGE / "web").rglob("*.html"))

# Calls that make code or commands of text.
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"}
UNSAFE_YAML = {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}
# Ways to make HTML, or code, of text.
MAKES_HTML = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|document\.write\w*|eval\s*\(|new Function\b)"
    r"|\bsetTimeout\(\s*['\"`]"
)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    app = create_app(settings)
    found: Services = app.extensions[EXTENSION]
    yield found
    found.close()


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    app.testing = False
    yield app.test_client()
    app.extensions[EXTENSION].close()


def unsafe_calls(source: str) -> set[str]:
    """Calls that run what they are given, however the module was named."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in RUNS_TEXT or name in UNSAFE_YAML or options.get("shell", "False") != "False":
            found.add(name)
        if name.endswith("torch.load") and options.get("weights_only") != "True":
            found.add(name)
        if name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False":
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval('1')", {"eval"}),
        ("subprocess.run('ls', shell=True)", {"subprocess.run"}),
        ("torch.load(path)", {"torch.load"}),
        ("torch.load(path, weights_only=True)", set()),
        ("np.load(path, allow_pickle=True)", {"np.load"}),
        ("np.load(path)", set()),
        ("yaml.load(text)", {"yaml.load"}),
        ("network.eval()", set()),
    ],
)
def test_unsafe_calls_are_told_from_others(source: str, found: set[str]) -> None:
    assert unsafe_calls(source) == found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_data_is_run_as_code(path: Path) -> None:
    assert not unsafe_calls(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_html_of_text(path: Path) -> None:
    assert not MAKES_HTML.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_makes_html_of_text_or_has_scripts_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"\|\s*safe\b|autoescape false|\bon[a-z]+=\"|javascript:", text)
    for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
        assert not body.strip() or "json" in attributes, body


def test_pages_with_foreign_names_hold_them_as_text(client: FlaskClient, settings: Settings) -> None:
    """A name that came in with an archive: pages get it as JSON, and every reply says what it is."""
    app = client.application
    registry: Registry = app.extensions[EXTENSION].registry
    versions.save(registry)
    registry.edit(1, name="<script>alert(1)</script>")
    reply = client.get("/api/models")
    assert reply.mimetype == "application/json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    for page in ("/models", "/", "/explore"):
        assert "<script>alert" not in client.get(page).text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../config.py",
        "/static/..%2f..%2f..%2fconfig.py",
        "/static/%2e%2e/%2e%2e/config.py",
        "/static//etc/passwd",
        "/static/..\\..\\config.py",
        "/api/models/..%2f..%2fmnist.db/export",
        "/api/models/../export",
        "/api/runs/..%2f1/events.csv",
        "/api/test-images/..%2f0",
    ],
)
def test_no_path_leads_out_of_the_folders_that_are_served(client: FlaskClient, path: str) -> None:
    with client.get(path) as reply:
        assert reply.status_code in (308, 404, 405)
        assert b"root:" not in reply.data
        assert b"import" not in reply.data


@pytest.mark.parametrize("version", ["../0", "0/../0", "..", "-1", "1e3", "٣", "0\x00", "9" * 400])
def test_a_version_is_a_number_and_no_path(client: FlaskClient, version: str) -> None:
    reply = client.post("/predict", json={"image": "AAAA", "version": version})
    assert reply.status_code == 400
    assert reply.get_json()["error"]["field"] in ("version", "image")


@pytest.mark.parametrize("words", ["' OR 1=1 --", '"; DROP TABLE runs; --', "%", "_", "\\"])
def test_words_that_are_searched_for_are_words(client: FlaskClient, words: str) -> None:
    runs = client.application.extensions[EXTENSION].runs
    runs.create(TrainConfig())
    reply = client.get("/api/runs", query_string={"search": words})
    assert reply.status_code in (200, 400)
    assert reply.get_json().get("runs", []) == []
    assert len(runs.recent()) == 1


def test_no_reply_names_a_folder_of_the_server(client: FlaskClient, settings: Settings) -> None:
    registry: Registry = client.application.extensions[EXTENSION].registry
    versions.save(registry)
    (settings.models_dir / "1" / "model.onnx").write_bytes(b"damaged")
    for reply in (
        client.post("/api/models/1/promote"),
        client.get("/api/models/1/export"),
        client.get("/api/test-images/5"),
        client.get("/api/explore/summary?split=validation"),
    ):
        assert reply.status_code >= 400
        assert str(settings.home) not in reply.text
        assert str(Path.home()) + "/" not in reply.text
    assert "MNIST_HOME" in client.get("/api/models/1/export").text


def test_large_pictures_are_unpacked_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take 800 MB; the small ones do not wait for them."""
    watched = AtOnce(decode.upright)
    monkeypatch.setattr(decode, "upright", watched)

    def unpack_four(side: int) -> int:
        watched.most = 0
        data = decode.encode_png(np.zeros((side, side), np.uint8))
        run_at_once(partial(decode.decode_image, data, max_pixels=10**7))
        return watched.most

    assert unpack_four(2100) == 1
    assert unpack_four(1100) > 1


def test_forwarded_headers_are_not_believed(client: FlaskClient, services: Services) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    reply = client.post("/retrain", json={}, headers={"Origin": "https://evil.example", **forwarded})
    assert_error(reply, 403, "cross_site_request")
    assert services.runs.recent() == []


def test_a_hidden_route_changes_nothing_by_get(client: FlaskClient) -> None:
    """What a link or a picture of another page can ask for must be harmless."""
    changing = {"/retrain", "/api/models/import", "/api/models/rollback"}
    for path in changing:
        with closing(client.get(path)) as reply:
            assert reply.status_code in (404, 405)
    for rule in client.application.url_map.iter_rules():
        if {"GET", "POST"} <= (rule.methods or set()):
            pytest.fail(f"{rule.rule} takes GET and POST in one function")


def test_a_body_of_very_many_form_fields_is_refused(client: FlaskClient) -> None:
    parts = (
        "".join(f'--x\r\nContent-Disposition: form-data; name="a{i}"\r\n\r\n1\r\n' for i in range(20_000)) + "--x--\r\n"
    )
    assert_error(
        client.post("/predict", data=parts, content_type="multipart/form-data; boundary=x"), 413, "request_too_large"
    )


def test_a_deep_or_huge_body_of_settings_is_refused(client: FlaskClient, services: Services) -> None:
    for body in ("[" * 50_000, json.dumps({"epochs": 10**400}), json.dumps({"x" * 10**6: 1}), '{"epochs": NaN}'):
        reply = client.post("/retrain", data=body, content_type="application/json")
        assert reply.status_code == 400
    assert services.runs.recent() == []
