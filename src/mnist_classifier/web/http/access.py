"""Access checks: token, host name, and requests from pages of other sites."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import request

from mnist_classifier.core.errors import (
    CrossSiteRequest,
    HostNotAllowed,
    TokenMissing,
    TokenWrong,
)
from mnist_classifier.core.settings import Settings, is_loopback

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# These change nothing and need no token; they use POST because they take an image.
READING_ENDPOINTS = frozenset(
    {
        *("api.predict", "batch_api.predict_batch", "explore.explain", "explore.activations"),
        *("inference_api.infer", "inference_api.infer_version", "inference_api.repository_index"),
    }
)
# Pages of other sites may call these.  The other two take longer.
OPEN_ENDPOINTS = READING_ENDPOINTS - {"explore.explain", "explore.activations"}
# These reveal a whole network, or what people drew and their names, so they need the token.
CONFIDENTIAL_ENDPOINTS = frozenset(
    {
        *("models.export_model", "corrections.list_corrections", "corrections.export_corrections"),
        *("corrections.get_correction", "corrections.get_image", "personal.list_models"),
        "proposals.list_proposals",
    }
)
# These answer under any host name: readings, which are open to other sites anyway; health probes, which know only an
# address; static files, which are public.
UNNAMED_ENDPOINTS = (OPEN_ENDPOINTS - {"inference_api.repository_index"}) | {
    *("api.healthz", "health.readyz", "static"),
    *("inference_api.live", "inference_api.ready", "inference_api.model_ready", "inference_api.version_ready"),
}
# Listening on these means every address of this computer, so they are not host names.
ANY_ADDRESS = ("", "0.0.0.0", "::")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def changes_something(method: str, endpoint: str) -> bool:
    """Whether a request can change anything on the server."""
    return method not in SAFE_METHODS and endpoint not in READING_ENDPOINTS


def needs_same_site(method: str, endpoint: str) -> bool:
    """Whether a browser may send such a request only from a page of this server."""
    return method not in SAFE_METHODS and endpoint not in OPEN_ENDPOINTS


def needs_token(method: str, endpoint: str) -> bool:
    """Whether a request needs the token, if one is set."""
    return changes_something(method, endpoint) or endpoint in CONFIDENTIAL_ENDPOINTS


def needs_own_name(endpoint: str) -> bool:
    """Whether a server on loopback answers such a request only under its own host names."""
    return endpoint not in UNNAMED_ENDPOINTS


class Access:
    """The access rules of one server.

    If a token is set, it is required on loopback too, because a proxy may let
    others reach the server. On loopback nearly every route also checks the host
    name, because another site could point its own name at 127.0.0.1 (DNS
    rebinding). On other addresses everybody may read; only requests that need
    the token check the host name, and only if MNIST_ALLOWED_HOSTS is set.
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token.encode()
        given = {name.strip().lower() for name in settings.allowed_hosts.split(",")} - {""}
        self._is_on_loopback = is_loopback(settings.host)
        self._checks_host = self._is_on_loopback or bool(given)
        self._hosts = (LOOPBACK_NAMES | given | {settings.host.lower()}) - set(ANY_ADDRESS)

    def is_trusted(self, authorization: str) -> bool:
        """Whether an Authorization header has the token; always True if no token is set."""
        if not self._token:
            return True
        scheme, _, token = authorization.partition(" ")
        # Takes the same time however many characters are right.
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)

    def check(self) -> None:
        """Raise HostNotAllowed, CrossSiteRequest, TokenMissing or TokenWrong if this request is not allowed."""
        endpoint = request.endpoint
        if endpoint is None:
            return  # no such route
        is_guarded = needs_token(request.method, endpoint)
        if needs_same_site(request.method, endpoint):
            refuse_cross_site()
        if is_guarded:
            self.require_token()
        elif self._is_on_loopback and needs_own_name(endpoint):
            self._check_host()

    def require_token(self) -> None:
        """Raise HostNotAllowed, TokenMissing or TokenWrong unless this request has the token, or none is set."""
        self._check_host()
        self._check_token()

    def _check_host(self) -> None:
        name = host_name(request.host)
        if self._checks_host and name not in self._hosts:
            raise HostNotAllowed(
                f"the host name {name[:100]!r} is not allowed; to allow it, start the server with "
                f"MNIST_ALLOWED_HOSTS={name[:100]}"
            )

    def _check_token(self) -> None:
        authorization = request.headers.get("Authorization", "")
        if self.is_trusted(authorization):
            return
        if authorization:
            raise TokenWrong("the token is wrong; send the server's token as Authorization: Bearer <token>")
        raise TokenMissing("this request needs a token; send it as Authorization: Bearer <token>")


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host


def refuse_cross_site() -> None:
    """Raise CrossSiteRequest if a browser sends this request from a page of another site.

    Other programs send neither header and pass.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = site in ("same-origin", "none") if site else origin is None or _address(origin) == request.host
    if not own:
        raise CrossSiteRequest("pages of other sites may not change anything on this server")


def _address(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
