"""A small WSGI application behind the gateway: `python -m tests.web.server.echo PORT` serves it.

wsgiref's validator stands between the two and turns every breach of PEP 3333
into a 500.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import uvicorn

from mnist_classifier.web.http.event_loop import IN_EVENT_LOOP, TakesLong
from mnist_classifier.web.server.connections import Connection
from mnist_classifier.web.server.gateway import Gateway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_BODY_BYTES = 100_000
THREADS = 2
TIMEOUT_S = 1.0
CONNECTIONS = 150
# More than the buffers of the system take between a server and a client that reads nothing.
LARGE_BYTES = 30_000_000

closed = []
# Attempts of the event loop at `/takes-long` since the last reply.
tried = []


class Ticks:
    """A stream that ends only when it is closed."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        while not closed:
            yield self._piece
            time.sleep(0.05)

    def close(self) -> None:
        closed.append(True)


STREAMS = {"/ticks": b"tick\n", "/flood": bytes(2_000_000)}


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> object:
    """Say what was asked, and whether the last stream was closed; `/ticks` and `/flood` stream, `/large` is large.

    The event loop cannot answer `/takes-long`.
    """
    path = environ["PATH_INFO"]
    if path in STREAMS:
        closed.clear()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Ticks(STREAMS[path])
    if path == "/takes-long" and IN_EVENT_LOOP in environ:
        environ["wsgi.input"].read(2)
        tried.append(path)
        raise TakesLong
    if path == "/breaks":
        raise RuntimeError("on purpose")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    said = {name: value for name, value in environ.items() if isinstance(value, str) and name not in os.environ}
    said |= {"body": body.decode("latin-1"), "thread": threading.current_thread().name, "closed": bool(closed)}
    said["tried"] = len(tried)
    tried.clear()
    said["tasks"] = int(threading.current_thread() is threading.main_thread() and asyncio.current_task() is not None)
    reply = bytes(LARGE_BYTES) if path == "/large" else json.dumps(said).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(reply)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply]


gateway = Gateway(
    validator(echo),
    lambda environ, body: body == b"quick",
    threads=THREADS,
    streams=1,
    max_body_bytes=MAX_BODY_BYTES,
    timeout_s=TIMEOUT_S,
)


class ImpatientConnection(Connection):
    """Waits less than a real one, and has fewer beside it."""

    head_timeout_s = TIMEOUT_S
    most_connections = CONNECTIONS


if __name__ == "__main__":
    uvicorn.run(
        gateway,
        port=int(sys.argv[1]),
        http=ImpatientConnection,
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        log_level="critical",
    )
