"""The page of the API: what it says of routes and types, and that its examples can be run."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mnist_classifier.web.app import add_routes
from mnist_classifier.web.openapi import reference
from mnist_classifier.web.openapi.reference import in_words
from tests.web.conformance import document

ENTRIES = [entry for group in reference.entries(document(), "http://localhost").values() for entry in group]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 200}, "integer, 1 to 200"),
        ({"type": "integer", "minimum": 0, "maximum": 999_999_999}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "string", "enum": ["a", "b"]}, "a, b"),
        ({"$ref": "#/components/schemas/Run"}, "Run"),
        ({"anyOf": [{"$ref": "#/components/schemas/Run"}, {"type": "null"}]}, "Run or null"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, "list (2) of number"),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2, "items": False}, "list of number"),
        ({"type": "array"}, "list"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object"),
        ({}, "bytes"),
    ],
)
def test_types_are_told_in_words(schema: dict[str, object], words: str):
    assert in_words(schema) == words


def test_reading_stands_first_and_predict_first_of_all():
    assert ENTRIES[0].path == "/predict"
    assert [entry.method for entry in ENTRIES if entry.path == "/api/models/{version}"] == ["GET", "PATCH", "DELETE"]


@pytest.fixture(scope="module")
def routes() -> Flask:
    """An application that can be asked which route an address belongs to."""
    app = Flask("mnist_classifier.web")
    add_routes(app)
    return app


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.operation["operationId"])
def test_an_example_is_a_request_that_the_route_knows(routes: Flask, entry: reference.Entry):
    words = shlex.split(entry.example)
    address = next(word for word in words if word.startswith("http://localhost/"))
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if {"-d", "-F"} & set(words) else "GET"
    assert method == entry.method
    adapter = routes.url_map.bind("localhost")
    endpoint, _ = adapter.match(address.removeprefix("http://localhost"), method)
    assert f"{method.lower()}_{endpoint.replace('.', '_')}" == entry.operation["operationId"]


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and (value or "").startswith("#"):
                self.targets.append((value or "")[1:])


def test_every_link_of_the_page_leads_somewhere_and_every_route_stands_on_it(client: FlaskClient):
    text = client.get("/docs").text
    page = _Ids()
    page.feed(text)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) - set(page.ids) == set()
    assert {entry.operation["operationId"] for entry in ENTRIES} <= set(page.ids)
    assert "`" not in re.sub(r"<[^>]+>", "", text)


def test_the_page_lists_the_values_of_a_choice(client: FlaskClient):
    values = client.get("/docs").text.partition('id="type-verdict"')[2].partition("</details>")[0]
    assert re.findall("<code>(.*?)</code>", values.partition("One of")[2]) == [
        *("ambiguous", "blank", "digit", "not_a_digit")
    ]


def test_every_page_leads_to_it(client: FlaskClient):
    for path in ("/", "/mnist", "/training", "/models", "/explore"):
        assert 'href="/docs"' in client.get(path).text
