"""A connection to a server: addresses, the token, time limits, further attempts, and errors of replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from mnist_classifier.core.errors import InvalidConfig, ServerError, ServerUnreachable, error_of_code

# Pauses before the second, third and fourth attempt: 0, 0.4, 0.8 s, plus up to 0.1 s so that clients spread out.
BACKOFF_S, JITTER_S = 0.2, 0.1
CONNECT_TIMEOUT_S = 5.0
# Statuses of temporary failures: the server behind a proxy restarts; the server is busy or not ready.
TEMPORARY = (502, 503)
# Requests to these paths change something, so they are repeated only if the connection was refused.
CHANGING = ("/retrain", "/api/corrections", "/api/personal")
# How much of an unknown reply an error message quotes.
SHOWN_CHARACTERS = 200

Answer = TypeVar("Answer")


class Connection:
    """A connection to one server.  Thread-safe; keeps sockets open until `close`.  See Client for the parameters."""

    def __init__(
        self, url: str, *, token: str | None = None, timeout_s: float = 30.0, retries: int = 3, connections: int = 8
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidConfig(f"a server's address looks like http://127.0.0.1:5000, not {url!r}", field="url")
        self.url = url.rstrip("/")
        self._timeouts_s = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._connections = connections
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": "mnist-classifier"})
        # `requests` would let a .netrc file replace an Authorization header, but not an `auth`.
        self._session.auth = _Bearer(token)
        self._session.mount(self.url, _adapter(retries, TEMPORARY, connections))
        for path in CHANGING:
            self._session.mount(f"{self.url}{path}", _adapter(retries, (), connections))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, make: Callable[[dict[str, Any]], Answer], method: str, path: str, **request: Any) -> Answer:
        """Send a request, and convert the JSON of the reply."""
        reply = self._reply(method, path, **request)
        try:
            return make(self._body(reply))
        except (LookupError, TypeError, msgspec.ValidationError) as error:
            message = f"the reply of {self.url} cannot be understood; does it run another version?"
            raise ServerError(message, status=reply.status_code) from error

    def _fetch(self, path: str, **request: Any) -> bytes:
        """Get the file that a GET request returns."""
        reply = self._reply("GET", path, **request)
        if not reply.ok or reply.is_redirect:
            self._body(reply)  # raises the error that it describes
        return reply.content

    def _reply(self, method: str, path: str, **request: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, timeout=self._timeouts_s, allow_redirects=False, **request
            )
        except requests.ReadTimeout as error:
            message = f"{self.url} did not answer within {self._timeouts_s[1]:g} seconds"
            raise ServerUnreachable(message) from error
        except requests.RequestException as error:
            message = f"{self.url} cannot be reached ({_cause(error)}); is the server running there?"
            raise ServerUnreachable(message) from error

    def _body(self, reply: requests.Response) -> dict[str, Any]:
        if reply.is_redirect:
            message = f"{self.url} redirects to {reply.headers['Location']}; use the address of the server itself"
            raise ServerError(message, status=reply.status_code)
        try:
            body = reply.json()
            if reply.ok and isinstance(body, dict):
                return body
            error = body["error"]
            code, message, field = str(error["code"]), str(error["message"]), error.get("field")
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _unknown_reply(self.url, reply) from None
        raise error_of_code(code, message, field, reply.status_code)


class _Bearer(AuthBase):
    """Sends the token, if there is one, as `Authorization: Bearer`."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _adapter(retries: int, temporary: Sequence[int], connections: int) -> HTTPAdapter:
    """A connection pool that retries after a refused connection, or a reply with a status in `temporary`.

    A request that was sent but not answered may have been carried out, so it is not repeated.
    """
    attempts = Retry(
        total=retries,
        read=False,
        other=0,
        status_forcelist=temporary,
        allowed_methods=None,
        backoff_factor=BACKOFF_S,
        backoff_jitter=JITTER_S,
        respect_retry_after_header=False,  # it may be an hour
        raise_on_status=False,
    )
    return HTTPAdapter(pool_maxsize=connections, max_retries=attempts)


def _cause(error: requests.RequestException) -> str:
    """The original error, which requests, urllib3 and http.client have wrapped."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return getattr(cause, "strerror", None) or type(cause).__name__


def _unknown_reply(url: str, reply: requests.Response) -> ServerError:
    """The error for a reply that is not from this application."""
    start = reply.text[:SHOWN_CHARACTERS].strip()
    message = f"{url} answered {reply.status_code} {reply.reason} in a form that is not mnist-classifier's: {start!r}"
    return ServerError(message, status=reply.status_code)
