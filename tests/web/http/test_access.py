"""Who may change something: token, host names, cross-site requests, and the refusal to start open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnist_classifier.core.errors import OpenWithoutToken
from mnist_classifier.core.settings import Settings, is_loopback
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.web.http.access import Access, host_name, needs_token
from mnist_classifier.web.server.server import check_openness, serve
from mnist_classifier.web.services.services import EXTENSION
from tests.versions import save
from tests.web.asserts import assert_error
from tests.web.conftest import MakeClient

TOKEN = "correct-horse-battery-staple"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
# One of each kind: what changes something, and what hands out a whole network.
GUARDED = [("POST", "/retrain"), ("POST", "/api/dataset"), ("DELETE", "/api/models/1"), ("GET", "/api/models/0/export")]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1"])
def test_loopback_needs_no_token(settings: Settings, host: str):
    assert is_loopback(host)
    check_openness(replace(settings, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "digits.example"])
def test_a_server_that_others_reach_does_not_start_without_a_token(settings: Settings, host: str):
    with pytest.raises(OpenWithoutToken, match=r"MNIST_TOKEN.*--insecure"):
        serve(replace(settings, host=host), strict_port=False)
    check_openness(replace(settings, host=host, token=TOKEN))
    check_openness(replace(settings, host=host, insecure=1))


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_the_token_nothing_changes(make_client: MakeClient, method: str, path: str):
    client = make_client(token=TOKEN, host="0.0.0.0")
    response = client.open(path, method=method)
    assert "Bearer" in assert_error(response, 401, "token_missing")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        assert_error(client.open(path, method=method, headers={"Authorization": wrong}), 401, "token_wrong")


def test_with_the_token_everything_goes(make_client: MakeClient):
    client = make_client(token=TOKEN, host="0.0.0.0")
    for headers in (WITH_TOKEN, {"Authorization": f"bearer  {TOKEN}"}):
        assert client.get("/api/models/0/export", headers=headers).status_code == 200
        assert_error(client.delete("/api/models/1", headers=headers), 404, "version_missing")


def test_reading_and_looking_need_no_token(make_client: MakeClient):
    client = make_client(token=TOKEN, host="0.0.0.0")
    for path in ("/", "/model-status", "/api/models", "/api/runs", "/healthz"):
        assert client.get(path).status_code == 200
    for path in ("/predict", "/api/explore/explain", "/api/explore/activations"):
        assert_error(client.post(path, json={}), 400, "invalid_image", "image")


def test_a_model_that_was_trained_here_needs_the_token_in_the_browser_too(make_client: MakeClient):
    client = make_client(token=TOKEN, host="0.0.0.0")
    save(client.application.extensions[EXTENSION].registry)
    assert client.get("/api/models/0/browser").status_code == 200
    assert_error(client.get("/api/models/1/browser"), 401, "token_missing")
    assert client.get("/api/models/1/browser", headers=WITH_TOKEN).status_code == 200


def test_a_token_counts_on_loopback_too(make_client: MakeClient):
    """A proxy may make a server on loopback reachable."""
    assert_error(make_client(token=TOKEN).delete("/api/models/1"), 401, "token_missing")


def test_what_a_training_ran_on_is_shown_with_the_token_alone(make_client: MakeClient):
    client = make_client(token=TOKEN)
    runs = client.application.extensions[EXTENSION].runs
    run = runs.create(TrainConfig())
    runs.describe(run.id, {"libraries": {"torch": "2.13"}})
    for path in (f"/api/runs/{run.id}", f"/api/runs/{run.id}/events.json"):
        assert client.get(path).get_json(force=True)["environment"] is None
        assert client.get(path, headers=WITH_TOKEN).get_json(force=True)["environment"]["libraries"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "127.0.0.1.evil.example", "[::2]:5000", "[bad"])
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_foreign_name_that_points_here_changes_nothing(client: FlaskClient, method: str, path: str, host: str):
    response = client.open(path, method=method, headers={"Host": host})
    assert "MNIST_ALLOWED_HOSTS" in assert_error(response, 403, "host_not_allowed")


def test_a_foreign_name_that_points_here_sees_nothing_but_readings_and_health(client: FlaskClient, app: Flask):
    save(app.extensions[EXTENSION].registry)
    foreign = {"Host": "evil.example:5000"}
    adapter = app.url_map.bind("localhost")
    seen = set()
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        response = client.get(adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, 1)), headers=foreign)
        if response.status_code == 403:
            assert "MNIST_ALLOWED_HOSTS" in response.text
        else:
            seen.add(rule.rule)
    assert seen == {
        *("/healthz", "/readyz", "/static/<path:filename>", "/v2/health/live", "/v2/health/ready"),
        *("/v2/models/<name>/ready", "/v2/models/<name>/versions/<version>/ready"),
    }
    assert client.post("/predict", json={}, headers=foreign).status_code == 400
    assert client.post("/v2/repository/index", headers=foreign).status_code == 403


def test_who_listens_on_the_network_is_looked_at_under_any_name(make_client: MakeClient):
    client = make_client(host="0.0.0.0", token=TOKEN, allowed_hosts="digits.example")
    for path in ("/", "/metrics", "/api/runs"):
        assert client.get(path, headers={"Host": "10.0.0.7:5000"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_the_names_of_this_computer_pass(client: FlaskClient, host: str):
    assert_error(client.delete("/api/models/1", headers={"Host": host}), 404, "version_missing")


def test_further_names_can_be_allowed(make_client: MakeClient):
    client = make_client(allowed_hosts=" Digits.example, other.example ")
    for host, status in (("digits.example:443", 404), ("other.example", 404), ("third.example", 403)):
        assert client.delete("/api/models/1", headers={"Host": host}).status_code == status


def test_a_server_on_the_network_has_names_that_it_does_not_know(make_client: MakeClient):
    client = make_client(host="0.0.0.0", token=TOKEN)
    headers = {"Host": "box.lan", **WITH_TOKEN}
    assert_error(client.delete("/api/models/1", headers=headers), 404, "version_missing")
    client = make_client(host="0.0.0.0", token=TOKEN, allowed_hosts="digits.example")
    assert_error(client.delete("/api/models/1", headers=headers), 403, "host_not_allowed")


def test_an_origin_that_is_no_address_is_a_foreign_one(client: FlaskClient):
    assert_error(client.delete("/api/models/1", headers={"Origin": "http://[bad"}), 403, "cross_site_request")


def test_who_may_not_is_told_only_of_routes_that_there_are(make_client: MakeClient):
    client = make_client(token=TOKEN)
    assert_error(client.post("/nowhere"), 404, "not_found")
    assert_error(client.delete("/predict"), 405, "method_not_allowed")


def test_every_route_that_takes_more_than_get_is_guarded_or_only_reads(make_client: MakeClient, app: Flask):
    """A new route is guarded unless somebody says that it changes nothing."""
    open_routes = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("GET", "HEAD", "OPTIONS") and not needs_token(method, rule.endpoint)
    }
    assert open_routes == {
        *("api.predict", "batch_api.predict_batch", "explore.explain", "explore.activations"),
        *("inference_api.infer", "inference_api.infer_version", "inference_api.repository_index"),
    }


def test_names_are_taken_from_host_headers_as_browsers_write_them():
    assert [host_name(host) for host in ("Localhost:80", "[::1]:80", "a.b", "", "[x")] == [
        "localhost", "::1", "a.b", "", "[x",
    ]  # fmt: skip


def test_the_token_is_not_in_what_is_logged_of_the_settings(settings: Settings):
    settings = replace(settings, token=TOKEN)
    assert TOKEN not in repr(settings)
    assert Access(settings).is_trusted(f"Bearer {TOKEN}")


def test_other_sites_may_embed_readings_alone(client: FlaskClient, settings: Settings):
    save(client.application.extensions[EXTENSION].registry)
    assert client.post("/predict", json={}).headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for path in ("/", "/api/models", "/nowhere"):
        headers = client.get(path).headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
