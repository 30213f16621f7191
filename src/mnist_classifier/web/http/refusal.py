"""Errors that are sent before a request reaches Flask."""

from __future__ import annotations

import msgspec

from mnist_classifier.web.http.security import HEADERS


def refusal(code: str, message: str, header: tuple[str, str]) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an error reply.  header: added to the usual headers."""
    body = msgspec.json.encode({"error": {"code": code, "message": message, "field": None}})
    length = str(len(body))
    return [("Content-Type", "application/json"), ("Content-Length", length), header, *HEADERS.items()], body
