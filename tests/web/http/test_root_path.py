"""The application under a path of a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.settings import PACKAGE_DIR, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.web.app import create_app
from mnist_classifier.web.http.root_path import below
from mnist_classifier.web.routes.fast_path import is_quick
from mnist_classifier.web.services.services import EXTENSION
from tests.web.routes.test_predict import png

STATIC = PACKAGE_DIR / "web" / "static"
PAGES = ("/", "/mnist", "/training", "/models", "/corrections", "/explore", "/lesson", "/collect", "/docs")


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    """A client of a server at /digits."""
    app = create_app(replace(settings, root_path="/digits"))
    yield app.test_client()
    app.extensions[EXTENSION].close()


@pytest.mark.parametrize("path", PAGES)
def test_every_address_in_a_page_is_below_the_root_path(client: FlaskClient, path: str):
    page = client.get(f"/digits{path}").text
    assert 'data-root="/digits"' in page
    addresses = [
        each for each in re.findall(r'(?:href|src|action)="([^"]+)"', page) if not each.startswith(("#", "data:"))
    ]
    assert len(addresses) > 6
    assert not [each for each in addresses if not each.startswith("/digits/")]
    for address in addresses:
        with client.get(address) as reply:
            assert reply.status_code == 200, address


def test_a_proxy_may_send_the_whole_path_or_what_follows_the_root_path(client: FlaskClient):
    whole, rest = (client.get(path).text for path in ("/digits/models", "/models"))
    assert whole == rest
    assert client.get("/healthz").status_code == 200
    assert client.get("/digitsmodels").status_code == 404
    assert [
        client.post(path, data=png(), content_type="image/png").status_code for path in ("/digits/predict", "/predict")
    ] == [200] * 2


def test_the_root_path_without_a_slash_leads_to_the_home_page(client: FlaskClient):
    reply = client.get("/digits")
    assert (reply.status_code, reply.headers["Location"]) == (308, "/digits/")
    assert client.get("/digits/api//runs").headers["Location"] == "/digits/api/runs"


def test_links_in_replies_and_in_the_document_are_below_the_root_path(client: FlaskClient):
    runs = client.application.extensions[EXTENSION].runs
    for _ in range(2):
        runs.enqueue(TrainConfig())
    link = client.get("/digits/api/runs?limit=1").get_json()["next"]
    assert link.startswith("/digits/api/runs?")
    assert client.get(link).status_code == 200
    assert client.get("/digits/openapi.json").get_json()["servers"] == [{"url": "/digits"}]
    assert "http://localhost/digits/predict" in client.get("/digits/docs").text


@pytest.mark.parametrize("path", ["/predict", "/digits/predict"])
def test_small_drawings_are_answered_at_once_below_the_root_path_too(client: FlaskClient, path: str):
    model = client.application.extensions[EXTENSION].model
    model.current()
    environ = {"PATH_INFO": path, "REQUEST_METHOD": "POST", "CONTENT_TYPE": "image/png"}
    assert is_quick(environ, png(), model, "/digits")


@pytest.mark.parametrize("path", sorted((STATIC / "js").rglob("*.js")), ids=lambda path: path.name)
def test_no_script_has_an_address_that_leaves_the_root_path_out(path: Path):
    assert not re.findall(
        r'(?:fetch\(|EventSource\(|\b(?:href|src|action|location)\s*=\s*)["`]/', path.read_text("utf-8")
    )


def test_paths_that_only_begin_alike_are_other_paths():
    paths = ["/digits", "/digits/", "/digits/x", "/digits2/x", "/x/digits/y"]
    assert [below("/digits", path) for path in paths] == ["", "/", "/x", "/digits2/x", "/x/digits/y"]


@pytest.mark.parametrize(
    ("given", "taken"), [("/digits/", "/digits"), ("/a/b-c_d.e", "/a/b-c_d.e"), ("/", ""), ("", "")]
)
def test_a_root_path_is_taken_with_and_without_a_slash_at_its_end(settings: Settings, given: str, taken: str):
    assert replace(settings, root_path=given).root_path == taken


@pytest.mark.parametrize(
    "wrong", ["digits", "http://x/digits", "/a//b", "/../x", "/.", "/a b", "/a?b", "//evil.example", '/"x']
)
def test_a_bad_root_path_stops_the_start(settings: Settings, wrong: str):
    with pytest.raises(InvalidConfig, match="MNIST_ROOT_PATH must be a path such as /digits"):
        replace(settings, root_path=wrong)
