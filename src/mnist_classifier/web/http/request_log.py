"""Request ids, and the access log: a WSGI layer around the whole application.

It stands outside Flask so that whatever answers in front of Flask has both
too.  A line tells method, path, status, bytes, milliseconds, client and
request id; never a query, a header or a body: those may hold images and tokens.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mnist_classifier.core.logs import REQUEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
# What is taken over from a caller or a proxy; anything else gets an id of ours.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
LONGEST_PATH = 200
FIELDS = ("method", "path", "status", "bytes", "ms", "client")


def new_request_id() -> str:
    """An id that no other request has had."""
    return os.urandom(8).hex()


class RequestLog:
    """Gives every request its id; with `writes`, also a line in the log once it has been answered."""

    def __init__(self, application: WSGIApplication, *, writes: bool) -> None:
        self._application = application
        self._writes = writes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _SAFE_ID(given) else new_request_id()
        REQUEST_ID.set(request_id)
        exchange = _Exchange(environ, self._writes)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            exchange.status = status
            # A new list: the application may use its own again.
            return start_response(status, [*headers, (HEADER, request_id)], exc_info)

        try:
            reply = self._application(environ, start)
        except BaseException:
            exchange.finish(0)
            raise
        # Servers send a list at one go, which is quicker than piece by piece; so it stays one.
        if type(reply) is not list:
            return _Body(reply, exchange)
        exchange.finish(sum(map(len, reply)))
        return reply


class _Exchange:
    """A request and what became of it."""

    __slots__ = ("_environ", "_started", "_writes", "status")

    def __init__(self, environ: WSGIEnvironment, writes: bool) -> None:
        self.status = "500"  # where the application fails before it says anything
        self._environ = environ
        self._writes = writes
        self._started = time.perf_counter()

    def finish(self, sent_bytes: int) -> None:
        """The reply is over: write the line, if it is wanted."""
        if self._writes:
            status = int(self.status[:3])
            level = logging.WARNING if status >= 500 else logging.INFO
            if log.isEnabledFor(level):
                log.handle(self._record(level, status, sent_bytes))
        REQUEST_ID.set("")

    def _record(self, level: int, status: int, sent_bytes: int) -> logging.LogRecord:
        ms = round((time.perf_counter() - self._started) * 1000, 3)
        method, path = self._environ["REQUEST_METHOD"], _shown(self._environ["PATH_INFO"])
        client = self._environ.get("REMOTE_ADDR", "-")
        values = (method, path, status, sent_bytes, ms, client)
        # Made by hand: Logger.info would walk the stack to find out who called it.
        record = logging.LogRecord(log.name, level, "", 0, "%s %s %d, %d bytes, %.1f ms, %s", values, None)
        record.fields = dict(zip(FIELDS, values, strict=True))
        return record


def _shown(path: str) -> str:
    """The path as text; WSGI has its bytes as Latin-1."""
    path = path[:LONGEST_PATH]
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


class _Body:
    """The pieces of a reply, counted; the end of the reply is the end of the request."""

    __slots__ = ("_exchange", "_pieces", "_reply", "_sent_bytes")

    def __init__(self, reply: Iterable[bytes], exchange: _Exchange) -> None:
        self._reply = reply
        self._pieces = iter(reply)
        self._exchange = exchange
        self._sent_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self._sent_bytes += len(piece)
        return piece

    def close(self) -> None:
        """The server calls this when the reply is over, however it ended."""
        try:
            if hasattr(self._reply, "close"):
                self._reply.close()
        finally:
            self._exchange.finish(self._sent_bytes)
