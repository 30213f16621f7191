"""The headers that tell browsers to be strict."""

from __future__ import annotations

from flask import Flask, Response, request

from mnist_classifier.web.http.access import OPEN_ENDPOINTS

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # The camera of a phone is reached through a file chooser, which needs no permission.
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Pages of other sites may ask for readings, and show nothing else of ours.
RESOURCE_POLICY = "Cross-Origin-Resource-Policy"


def register(app: Flask) -> None:
    """Set the headers of every reply of an application."""
    app.after_request(add_headers)
    app.after_request(keep_scheme)


def add_headers(response: Response) -> Response:
    """Set the headers that tell browsers to be strict."""
    headers = response.headers
    for name, value in HEADERS.items():
        headers.add(name, value)  # nobody else sets them, and looking whether somebody has takes six times as long
    headers.add(RESOURCE_POLICY, "cross-origin" if request.endpoint in OPEN_ENDPOINTS else "same-origin")
    return response


def keep_scheme(response: Response) -> Response:
    """Redirect by path alone: behind a proxy the browser's scheme may be https, which is not known here."""
    location, here = response.location, request.host_url
    if location is not None and location.startswith(here):
        response.location = "/" + location[len(here) :].lstrip("/")
    return response
