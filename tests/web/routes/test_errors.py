"""Errors for people and for programs."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from mnist_classifier.web.services.services import Services
from tests.web.asserts import assert_error

# What Chromium sends when somebody opens an address.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

PAGES = {
    "/": "Draw",
    "/mnist": "Look inside",
    "/training": "Training",
    "/models": "Models",
    "/explore": "Explore",
    "/lesson": "Lesson",
}


def test_a_person_at_an_unknown_address_gets_a_page_that_leads_to_every_page(client: FlaskClient):
    reply = client.get("/nowhere", headers={"Accept": BROWSER})
    assert (reply.status_code, reply.mimetype, reply.headers["Vary"]) == (404, "text/html", "Accept, Accept-Encoding")
    assert "<h1>Page not found</h1>" in reply.text
    assert "There is nothing at this address" in reply.text
    for address, name in PAGES.items():
        assert f'<dt><a href="{address}">{name}</a></dt>' in reply.text
    assert "Content-Security-Policy" in reply.headers


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html;q=0.9"])
def test_a_program_at_an_unknown_address_gets_json(client: FlaskClient, accept: str | None):
    reply = client.get("/nowhere", headers={} if accept is None else {"Accept": accept})
    assert "nothing at this address" in assert_error(reply, 404, "not_found")
    assert reply.headers["Vary"] == "Accept"


def test_every_error_is_a_page_for_a_person(client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch):
    browser = {"Accept": BROWSER}
    missing = client.get("/api/models/9/export", headers=browser)
    assert (missing.status_code, missing.mimetype) == (404, "text/html")
    assert "There is no model version 9" in missing.text
    foreign = client.get("/models", headers={**browser, "Host": "evil.example"})
    assert (foreign.status_code, foreign.mimetype) == (403, "text/html")
    assert "MNIST_ALLOWED_HOSTS=evil.example" in foreign.text
    monkeypatch.setattr(type(services.registry), "versions", lambda self: 1 / 0)
    broken = client.get("/api/models", headers=browser)
    assert (broken.status_code, broken.mimetype) == (500, "text/html")
    assert "Something went wrong" in broken.text
    assert "division" not in broken.text


@pytest.mark.parametrize("accept", [BROWSER, "application/json"])
def test_a_wrong_method_is_told_with_the_right_one(client: FlaskClient, accept: str):
    reply = client.get("/predict", headers={"Accept": accept})
    assert (reply.status_code, reply.mimetype) == (405, "text/html" if accept == BROWSER else "application/json")
    assert "his address does not take GET; it takes POST" in reply.text
    assert ("<h1>Not a page</h1>" in reply.text) == (accept == BROWSER)


def test_the_page_of_an_error_holds_what_was_sent_as_text(client: FlaskClient):
    script = "<script>alert(1)</script>"
    reply = client.get(f"/api/explore/images/{script}/0", headers={"Accept": BROWSER})
    assert reply.mimetype == "text/html"
    assert script not in reply.text


def test_the_inference_protocol_has_its_own_shape_whoever_asks(client: FlaskClient):
    assert client.get("/v2/nowhere", headers={"Accept": BROWSER}).get_json().keys() == {"error"}
