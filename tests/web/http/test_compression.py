from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("path", ["/", "/training", "/static/style.css", "/static/js/pad/workbench.js"])
def test_text_goes_out_packed_to_whom_takes_it(client: FlaskClient, path: str):
    plain = client.get(path, buffered=True)
    packed = client.get(path, headers=GZIP, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.content_length == len(packed.data) < len(plain.data) / 2
    for reply in (plain, packed):
        assert "Accept-Encoding" in reply.headers["Vary"]


def test_what_a_browser_has_is_not_sent_again(client: FlaskClient):
    first = client.get("/static/style.css", headers=GZIP, buffered=True)
    again = client.get("/static/style.css", headers={**GZIP, "If-None-Match": first.headers["ETag"]}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/model-status", "/static/favicon.svg", "/nowhere"])
def test_answers_small_files_and_errors_stay_as_they_are(client: FlaskClient, path: str):
    assert "Content-Encoding" not in client.get(path, headers=GZIP, buffered=True).headers


def test_a_part_of_a_file_and_its_head_are_not_packed(client: FlaskClient):
    part = client.get("/static/style.css", headers={**GZIP, "Range": "bytes=0-99"}, buffered=True)
    assert (part.status_code, len(part.data)) == (206, 100)
    assert "Content-Encoding" not in part.headers
    assert client.head("/static/style.css", headers=GZIP, buffered=True).content_length > 10_000


def test_nothing_is_packed_for_whom_refuses(client: FlaskClient):
    assert "Content-Encoding" not in client.get("/", headers={"Accept-Encoding": "gzip;q=0, br"}, buffered=True).headers
