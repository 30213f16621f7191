"""A web server on this machine that gives files, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """What the server has and does, and what it was asked for."""

    files: dict[str, bytes]
    status: int = 200  # of every answer, when it is not 200
    cut_after: list[int] = field(default_factory=list)  # for each answer to come: stop after so many bytes
    ignores_range: bool = False
    shifts_range: int = 0
    delay_s: float = 0.0
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # file, Range
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name, wanted = handler.path.rpartition("/")[2], handler.headers.get("Range")
        self.requests.append((name, wanted))
        time.sleep(self.delay_s)
        body = self.files.get(name)
        if self.status != 200 or body is None:
            handler.send_error(404 if self.status == 200 else self.status)
            return
        start = 0
        if wanted and not self.ignores_range:
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + self.shifts_range
        if start >= len(body):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        end = start + self.cut_after.pop(0) if self.cut_after else len(body)
        handler.wfile.write(body[start:end])


StartMirror = Callable[[Mirror], Mirror]


@contextlib.contextmanager
def running_mirrors() -> Iterator[StartMirror]:
    """Starts mirrors; all are stopped, and their threads joined, at the end."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start_one(mirror: Mirror) -> Mirror:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                mirror.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        mirror.url = f"http://127.0.0.1:{server.server_port}/files/"
        return mirror

    try:
        yield start_one
    finally:
        for server, thread in running:
            server.shutdown()
            server.server_close()
            thread.join()


def dead_url() -> str:
    """The address of a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/files/"
