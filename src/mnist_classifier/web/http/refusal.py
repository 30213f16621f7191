"""Errors that are sent before a request reaches Flask."""

from __future__ import annotations

import html

import msgspec
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from mnist_classifier.web.http.security import HEADERS

HTML, JSON = "text/html", "application/json"
# Nothing but this text: whoever is refused may not load a style sheet either.
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not answered · mnist-classifier</title>
<h1>The server did not answer this request</h1>
<p>{message}.</p>
<p>Error {status}, <code>{code}</code></p>
"""


def wants_page(accepted: MIMEAccept) -> bool:
    """Whether a client prefers HTML, as browsers do; programs accept anything, or JSON."""
    return HTML in accepted.values() and accepted[HTML] >= accepted[JSON]


def refusal(
    status: int, code: str, message: str, header: tuple[str, str], accept: str
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an error reply.  header: added to the usual headers; accept: the request's header Accept."""
    if wants_page(parse_accept_header(accept, MIMEAccept)):
        sentence = html.escape(message[:1].upper() + message[1:])
        kind, body = f"{HTML}; charset=utf-8", PAGE.format(message=sentence, status=status, code=code).encode()
    else:
        kind, body = JSON, msgspec.json.encode({"error": {"code": code, "message": message, "field": None}})
    own = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Vary", "Accept"), header]
    return [*own, *HEADERS.items()], body
