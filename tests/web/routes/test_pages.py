"""The words of the pages."""

from __future__ import annotations

import re
from html import unescape

from flask.testing import FlaskClient

# Words of the code, with the word of docs/glossary.md that a page uses for them.
NOT_ON_PAGES = {
    "recogniser": "the model or the network",
    "gate": "promotion check",
    "champion": "the version in production",
    "true digit": "label",
    "nll": "loss",
    "ece": "calibration error",
    "saliency": "which pixels decided the answer",
    "hyperparameter": "setting",
    "guess": "prediction",
}


def navigation(client: FlaskClient) -> list[tuple[str, str]]:
    """Address and name of each page."""
    (nav,) = re.findall(r'<nav aria-label="Pages">(.*?)</nav>', client.get("/").text, re.DOTALL)
    return re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', nav)


def test_a_page_is_called_the_same_in_its_link_its_title_and_its_heading(client: FlaskClient):
    pages = navigation(client)
    assert len(pages) >= 5
    for address, name in pages:
        html = client.get(address).text
        (title,) = re.findall(r"<title>(.*?) · mnist-classifier</title>", html)
        (heading,) = re.findall(r"<h1[^>]*>([^<]+)</h1>", html)
        assert heading == title, address
        assert title.startswith(name), address


def test_pages_use_the_words_of_the_glossary(client: FlaskClient):
    for address, _ in navigation(client):
        html = re.sub(r"<(script|style|code|option)\b.*?</\1>", " ", client.get(address).text, flags=re.DOTALL)
        said = " ".join(re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', html))
        text = unescape(re.sub(r"<[^>]+>", " ", html) + said).lower()
        for word, better in NOT_ON_PAGES.items():
            assert not re.search(rf"\b{word}(s|es)?\b", text), f"{address} says {word!r}; the glossary says {better!r}"
