"""Security headers of every reply."""

from __future__ import annotations

from flask import Flask, Response, request

from mnist_classifier.web.http.access import CONFIDENTIAL_ENDPOINTS, OPEN_ENDPOINTS

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # A phone's camera opens through the file chooser, which needs no permission.
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Lets pages of other sites use readings, and embed nothing else.
RESOURCE_POLICY = "Cross-Origin-Resource-Policy"


def register(app: Flask) -> None:
    """Add security headers to every reply of an application, and keep redirects on the browser's scheme."""
    app.after_request(add_headers)
    app.after_request(keep_scheme)


def add_headers(response: Response) -> Response:
    """Add the security headers."""
    headers = response.headers
    for name, value in HEADERS.items():
        headers.add(name, value)  # six times as fast as setting them, and nothing else adds them
    headers.add(RESOURCE_POLICY, "cross-origin" if request.endpoint in OPEN_ENDPOINTS else "same-origin")
    if request.endpoint in CONFIDENTIAL_ENDPOINTS:
        # What is deleted here must not stay in the cache of a browser or a proxy.
        headers["Cache-Control"] = "no-store"
    return response


def keep_scheme(response: Response) -> Response:
    """Redirect by path alone: behind a proxy, the browser may use https, which the server cannot know."""
    location, here = response.location, request.host_url
    if location is not None and location.startswith(here):
        response.location = "/" + location[len(here) :].lstrip("/")
    return response
