"""Request ids and the access log: WSGI middleware around the whole application.

It wraps Flask from outside, so that replies made without Flask have both too.
A line has method, path, status, bytes, milliseconds, client and request id. It
never has a query, a header or a body, which may hold images and tokens.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from mnist_classifier.core.logs import REQUEST_ID
from mnist_classifier.web.http.event_loop import TakesLong

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
# Ids to keep if a caller or a proxy sends them; a new id replaces any other.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
LONGEST_PATH = 200
FIELDS = ("method", "path", "status", "bytes", "ms", "client")


def new_request_id() -> str:
    """A random id for a request."""
    return os.urandom(8).hex()


class RequestLog:
    """WSGI middleware that gives every request an id and, with `writes`, logs a line when it is answered."""

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
            # A new list, because the application may reuse its own.
            return start_response(status, [*headers, (HEADER, request_id)], exc_info)

        try:
            reply = self._application(environ, start)
        except TakesLong:  # it is logged when a thread has answered it
            REQUEST_ID.set("")
            raise
        except BaseException:
            exchange.finish()
            raise
        # A list stays a list, because servers send it at once.
        if type(reply) is not list:
            ending = ExitStack()  # runs the last callback first, and both if that fails
            ending.callback(exchange.finish)
            if hasattr(reply, "close"):
                ending.callback(reply.close)
            return ClosingIterator(exchange.counted(reply), ending.close)
        exchange.sent_bytes = sum(map(len, reply))
        exchange.finish()
        return reply


class _Exchange:
    """A request and its reply."""

    __slots__ = ("_environ", "_started", "_writes", "sent_bytes", "status")

    def __init__(self, environ: WSGIEnvironment, writes: bool) -> None:
        self.status = "500"  # if the application fails before it sets one
        self.sent_bytes = 0
        self._environ = environ
        self._writes = writes
        self._started = time.perf_counter()

    def counted(self, reply: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of the reply, as the server takes them."""
        for piece in reply:
            self.sent_bytes += len(piece)
            yield piece

    def finish(self) -> None:
        """Write the line, if lines are written."""
        if self._writes:
            status = int(self.status[:3])
            level = logging.WARNING if status >= 500 else logging.INFO
            if log.isEnabledFor(level):
                log.handle(self._record(level, status))
        REQUEST_ID.set("")

    def _record(self, level: int, status: int) -> logging.LogRecord:
        ms = round((time.perf_counter() - self._started) * 1000, 3)
        method, path = self._environ["REQUEST_METHOD"], _shown(self._environ["PATH_INFO"])
        client = self._environ.get("REMOTE_ADDR", "-")
        values = (method, path, status, self.sent_bytes, ms, client)
        # Logger.info would walk the stack to find its caller.
        record = logging.LogRecord(log.name, level, "", 0, "%s %s %d, %d bytes, %.1f ms, %s", values, None)
        record.fields = dict(zip(FIELDS, values, strict=True))
        return record


def _shown(path: str) -> str:
    """The start of the path as text; WSGI has its bytes as Latin-1."""
    path = path[:LONGEST_PATH]
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")
