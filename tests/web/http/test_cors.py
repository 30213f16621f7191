"""Readings for pages of other sites."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.settings import Settings
from tests.web.conftest import MakeClient
from tests.web.routes.test_predict import png

SITE, OTHER = "https://app.example", "https://other.example"
READINGS = ("/predict", "/api/predict/batch", "/v2/models/mnist/infer", "/v2/models/mnist/versions/0/infer")
ALLOWED = "Access-Control-Allow-Origin"


def preflight(client: FlaskClient, path: str, origin: str = SITE, method: str = "POST"):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return client.options(path, headers=asked)


def test_without_the_setting_no_site_is_allowed_anything(client: FlaskClient):
    reply = client.post("/predict", data=png(), content_type="image/png", headers={"Origin": SITE})
    assert reply.status_code == 200
    for answer in (reply, preflight(client, "/predict"), client.get("/model-status", headers={"Origin": SITE})):
        assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


@pytest.mark.parametrize("content_type", ["image/png", "image/png; quick=no"])
def test_a_named_site_may_read_the_reply_whichever_way_it_is_answered(make_client: MakeClient, content_type: str):
    client = make_client(cors_origins=f" {OTHER}, {SITE} ")
    reply = client.post("/predict", data=png(), content_type=content_type, headers={"Origin": SITE})
    assert (reply.status_code, reply.get_json()["prediction"]) == (200, 7)
    assert reply.headers[ALLOWED] == SITE
    assert "Origin" in reply.headers["Vary"]
    assert "X-Request-ID" in reply.headers["Access-Control-Expose-Headers"]
    refused = client.post("/predict", json={}, headers={"Origin": SITE})
    assert (refused.status_code, refused.headers[ALLOWED]) == (400, SITE)  # the page may see why


@pytest.mark.parametrize("path", READINGS)
def test_a_preflight_says_what_a_reading_takes(make_client: MakeClient, path: str):
    reply = preflight(make_client(cors_origins=SITE), path)
    assert (reply.status_code, reply.data) == (204, b"")
    assert reply.headers[ALLOWED] == SITE
    assert reply.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Content-Type" in reply.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origin", [OTHER, "http://app.example", f"{SITE}:8443", f"{SITE}.evil.example", "null", ""])
def test_a_site_that_is_not_named_gets_no_permission(make_client: MakeClient, origin: str):
    client = make_client(cors_origins=SITE)
    for reply in (preflight(client, "/predict", origin), client.post("/predict", json={}, headers={"Origin": origin})):
        assert ALLOWED not in reply.headers
        assert "Access-Control-Allow-Methods" not in reply.headers
        assert reply.headers["Vary"] == "Origin" or "Origin" in reply.headers.getlist("Vary")


def test_any_site_can_be_allowed(make_client: MakeClient):
    client = make_client(cors_origins="*")
    assert preflight(client, "/predict", OTHER).headers[ALLOWED] == "*"
    assert client.get("/model-status", headers={"Origin": OTHER}).headers[ALLOWED] == "*"


def test_only_readings_are_opened_to_other_sites(make_client: MakeClient, app: Flask):
    client = make_client(cors_origins="*")
    opened = set()
    for rule in app.url_map.iter_rules():
        path = app.url_map.bind("localhost").build(rule.endpoint, dict.fromkeys(rule.arguments, 1))
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            granted = preflight(client, path, method=method).headers.get("Access-Control-Allow-Methods", "")
            if method in granted:
                opened.add((method, rule.rule))
    assert opened == {
        *(("POST", "/predict"), ("POST", "/api/predict/batch"), ("GET", "/model-status")),
        *(("POST", "/v2/models/<name>/infer"), ("POST", "/v2/models/<name>/versions/<version>/infer")),
    }
    for path in ("/api/models", "/api/runs", "/metrics", "/"):
        assert ALLOWED not in client.get(path, headers={"Origin": SITE}).headers


@pytest.mark.parametrize("origins", ["*", SITE])
def test_credentials_are_never_allowed(make_client: MakeClient, origins: str):
    client = make_client(cors_origins=origins)
    for reply in (preflight(client, "/predict"), client.post("/predict", json={}, headers={"Origin": SITE})):
        assert "Access-Control-Allow-Credentials" not in reply.headers
        assert "Authorization" not in reply.headers.get("Access-Control-Allow-Headers", "")


def test_a_page_that_asks_too_often_may_see_that_it_does(make_client: MakeClient):
    client = make_client(cors_origins=SITE, rate_limit=1)
    replies = [client.post("/predict", json={}, headers={"Origin": SITE}) for _ in range(8)]
    assert (replies[-1].status_code, replies[-1].headers[ALLOWED]) == (429, SITE)


@pytest.mark.parametrize(
    "wrong",
    [
        *("app.example", "https://app.example/", "https://app.example/path", "https://user@app.example", "null", "**"),
        *("https://*.example", "ftp://app.example", "https://App.example", "https://", f"{SITE} {OTHER}", f"{SITE};x"),
        f"{SITE},{SITE}\r\nX-Injected: 1",
    ],
)
def test_a_bad_origin_stops_the_start(settings: Settings, wrong: str):
    with pytest.raises(
        InvalidConfig,
        match="MNIST_CORS_ORIGINS must be .* or lower-case origins without a path, such as https://app.example",
    ) as error:
        replace(settings, cors_origins=wrong)
    assert error.value.field == "cors_origins"


@pytest.mark.parametrize(
    "right", ["http://localhost", "http://127.0.0.1:8080", "http://[::1]:8080", "https://a-b.c.example"]
)
def test_origins_as_browsers_write_them_are_taken(settings: Settings, right: str):
    assert replace(settings, cors_origins=right).allowed_origins == {right}
