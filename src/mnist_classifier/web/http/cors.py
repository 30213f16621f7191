"""CORS: lets web pages of the sites in MNIST_CORS_ORIGINS read digits with this server.

This is WSGI middleware, because some readings bypass Flask (routes/fast_path.py).
It never allows credentials, since a reading needs none, and it opens no other route.
Source: the Fetch standard, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mnist_classifier.core.settings import ANY_ORIGIN
from mnist_classifier.web.http.security import HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The paths that other sites may call, each with its method.
_VERSION = r"(?:/versions/[^/]+)?"
ROUTES = (
    (re.compile(rf"/predict|/api/predict/[a-z]+|/v2/models/[^/]+{_VERSION}/infer"), "POST"),
    (re.compile(r"/model-status"), "GET"),
)
REQUEST_HEADERS = "Content-Type, Inference-Header-Content-Length, X-Request-ID"
REPLY_HEADERS = "Inference-Header-Content-Length, Retry-After, X-Request-ID"
# How long a browser may cache a preflight; Chromium's maximum.
MAX_AGE_S = 7200

Headers = list[tuple[str, str]]


class Cors:
    """WSGI middleware that opens readings to pages of the given origins."""

    def __init__(self, application: WSGIApplication, origins: frozenset[str]) -> None:
        self._application = application
        self._origins = origins

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a preflight, or add the CORS headers to the reply."""
        method = _method_of(environ["PATH_INFO"])
        if method is None:
            return self._application(environ, start_response)
        allowed = self._allowed(environ.get("HTTP_ORIGIN", ""))
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            return _preflight(method, allowed, start_response)
        if environ["REQUEST_METHOD"] == method:
            allowed = [*allowed, ("Access-Control-Expose-Headers", REPLY_HEADERS)]

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *allowed], exc_info)

        return self._application(environ, start)

    def _allowed(self, origin: str) -> Headers:
        """The headers that let a page of `origin` see the reply."""
        if ANY_ORIGIN in self._origins:
            return [("Access-Control-Allow-Origin", "*")]
        # Also for origins that are not allowed, so that a cache does not give them a reply meant for others.
        vary = [("Vary", "Origin")]
        return [("Access-Control-Allow-Origin", origin), *vary] if origin in self._origins else vary


def _method_of(path: str) -> str | None:
    return next((method for route, method in ROUTES if route.fullmatch(path)), None)


def _preflight(method: str, allowed: Headers, start_response: StartResponse) -> Iterable[bytes]:
    headers = [*HEADERS.items(), *allowed]
    if any(name == "Access-Control-Allow-Origin" for name, _ in allowed):
        headers += [
            ("Access-Control-Allow-Methods", method),
            ("Access-Control-Allow-Headers", REQUEST_HEADERS),
            ("Access-Control-Max-Age", str(MAX_AGE_S)),
        ]
    start_response("204 No Content", headers)
    return []
