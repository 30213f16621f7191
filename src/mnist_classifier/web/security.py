"""Headers of every reply, and requests that other sites must not make."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from mnist_classifier.errors import CrossSiteRequest

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Reads, changes nothing, and has no cookie to abuse.
OPEN_ENDPOINTS = (
    *("api.predict", "batch_api.predict_batch"),
    *("inference_api.infer", "inference_api.infer_version", "inference_api.repository_index"),
)


def register(app: Flask) -> None:
    """Guard an application."""
    app.before_request(refuse_cross_site)
    app.after_request(add_headers)


def refuse_cross_site() -> None:
    """Let browsers change something only from our own pages.

    Programs that are no browser send neither header and pass.
    """
    if request.method in SAFE_METHODS or request.endpoint in OPEN_ENDPOINTS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = site in ("same-origin", "none") if site else origin is None or urlsplit(origin).netloc == request.host
    if not own:
        raise CrossSiteRequest("pages of other sites may not change anything here")


def add_headers(response: Response) -> Response:
    """Set the headers that tell browsers to be strict."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
