from __future__ import annotations

import dataclasses
import json
import logging
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.logs import REQUEST_ID
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.app import create_app
from mnist_classifier.web.http.request_log import RequestLog
from mnist_classifier.web.services.services import EXTENSION
from tests.e2e.application import Application
from tests.web.asserts import assert_error
from tests.web.routes.test_predict import SEVEN, png


@pytest.fixture
def logged(settings: Settings) -> Iterator[FlaskClient]:
    """The application with its access log on."""
    app = create_app(dataclasses.replace(settings, access_log="on"))
    app.testing = False
    yield app.test_client()
    app.extensions[EXTENSION].close()


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.fields for record in caplog.records if hasattr(record, "fields")]


def test_every_reply_has_an_id_of_its_own(client: FlaskClient):
    paths = ("/", "/healthz", "/nothing", "/static/style.css", "/predict")
    found = [client.get(path, buffered=True).headers["X-Request-ID"] for path in paths]
    assert len(set(found)) == len(paths)
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in found)


@pytest.mark.parametrize("given", ["a", "5f0c-77_x.9", "x" * 64])
def test_the_id_of_a_caller_is_kept(client: FlaskClient, given: str):
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "<script>", "é", "a\tb", "a/b"])
def test_an_id_that_is_long_or_strange_is_replaced(client: FlaskClient, given: str):
    found = client.get("/healthz", headers={"X-Request-ID": given}).headers.getlist("X-Request-ID")
    assert len(found) == 1
    assert re.fullmatch("[0-9a-f]{16}", found[0])


def test_every_line_of_a_request_has_its_id_and_the_reply_names_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    seen = []

    def explode(*args: object) -> None:
        seen.append(REQUEST_ID.get())
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(Recogniser, "opinions", explode)
    reply = client.post("/predict", json={"image": SEVEN}, headers={"X-Request-ID": "find-me"}, buffered=True)
    message = assert_error(reply, 500, "internal_error")
    assert set(seen) == {"find-me"}
    assert message.endswith("find-me")
    assert "find-me" in caplog.text
    assert REQUEST_ID.get() == ""


def test_nothing_is_written_unless_it_is_asked_for(client: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        client.get("/healthz")
    assert lines(caplog) == []


def test_a_line_tells_what_was_asked_and_answered_but_no_content(logged: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        reply = logged.post(
            "/predict?mode=digit&key=hidden-query",
            data=png(),
            headers={"Authorization": "Bearer hidden-token", "X-Request-ID": "one"},
            content_type="image/png",
            buffered=True,
        )
        logged.post("/predict", json={"image": SEVEN}, buffered=True)
    first, second = lines(caplog)
    assert 0 < first.pop("ms") < 10_000
    assert first == {
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "bytes": int(reply.headers["Content-Length"]),
        "client": "127.0.0.1",
    }
    assert second["status"] == 200
    assert "hidden" not in caplog.text
    assert SEVEN[:40] not in caplog.text
    assert "mode=digit" not in caplog.text


def test_streams_files_and_errors_have_a_line_each(logged: FlaskClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        size = len(logged.get("/static/style.css", buffered=True).data)
        logged.get("/gibt-es-nicht/é%0A2026 ERROR forged", buffered=True)
        logged.head("/healthz", buffered=True)
    sent, missing, head = lines(caplog)
    assert (sent["status"], sent["bytes"]) == (200, size)
    assert (missing["status"], missing["path"]) == (404, "/gibt-es-nicht/é\n2026 ERROR forged")
    assert (head["status"], head["method"], head["bytes"]) == (200, "HEAD", 0)


def application_that(reply: Any) -> Any:
    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", HEADERS)
        return reply()

    return answer


HEADERS = [("Content-Length", "2")]
ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}


def test_the_headers_of_an_application_that_uses_them_again_do_not_grow():
    given: list[list[tuple[str, str]]] = []
    layer = RequestLog(application_that(lambda: [b"ok"]), writes=True)
    for _ in range(3):
        reply = layer(dict(ENVIRON), lambda status, headers, error=None: given.append(headers))
        assert reply == [b"ok"]
    assert [len(headers) for headers in given] == [2, 2, 2]
    assert len(HEADERS) == 1


def test_a_list_stays_a_list_because_servers_send_it_at_one_go(caplog: pytest.LogCaptureFixture):
    layer = RequestLog(application_that(lambda: [b"o", b"k"]), writes=True)
    with caplog.at_level(logging.INFO):
        assert layer(dict(ENVIRON), lambda *_: None) == [b"o", b"k"]
    assert [line["bytes"] for line in lines(caplog)] == [2]
    assert REQUEST_ID.get() == ""


def test_an_application_that_fails_in_front_of_flask_is_a_line_too(caplog: pytest.LogCaptureFixture):
    def fail() -> None:
        raise ZeroDivisionError

    def silent(environ: object, start_response: object) -> None:
        fail()

    with caplog.at_level(logging.INFO), pytest.raises(ZeroDivisionError):
        RequestLog(silent, writes=True)(dict(ENVIRON), lambda *_: None)
    (found,) = lines(caplog)
    assert found["status"] == 500
    assert caplog.records[0].levelname == "WARNING"
    assert REQUEST_ID.get() == ""


def test_the_reply_of_the_application_is_closed_and_requests_in_threads_do_not_mix():
    closed, seen = [], []

    class Reply:
        def __iter__(self) -> Iterator[bytes]:
            barrier.wait(timeout=60)
            seen.append((wanted.value, REQUEST_ID.get()))
            yield b"ok"

        def close(self) -> None:
            closed.append(REQUEST_ID.get())

    barrier, wanted = threading.Barrier(2), threading.local()
    layer = RequestLog(application_that(Reply), writes=False)

    def ask(name: str) -> None:
        wanted.value = name
        reply = layer({**ENVIRON, "HTTP_X_REQUEST_ID": name}, lambda *_: None)
        list(reply)
        reply.close()

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [("one", "one"), ("two", "two")]
    assert sorted(closed) == ["one", "two"]


def test_a_running_server_writes_json_lines_to_its_standard_error(tmp_path: Path):
    wanted = {"MNIST_LOG_FORMAT": "json", "MNIST_ACCESS_LOG": "on"}
    with Application(tmp_path, tmp_path / "none", **wanted) as server:
        request = urllib.request.Request(
            f"{server.url}/api/config?token=hidden", headers={"X-Request-ID": "from-a-proxy"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            assert reply.headers["X-Request-ID"] == "from-a-proxy"
    text = (tmp_path / "output.txt").read_text()
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (line,) = [line for line in found if line.get("path") == "/api/config"]
    assert (line["request_id"], line["status"], line["level"]) == ("from-a-proxy", 200, "info")
    assert any(line["message"].startswith("serving model version") for line in found)
    assert "hidden" not in text
