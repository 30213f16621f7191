"""Attacks: hostile bodies, endless requests, readers that never read, and kill -9."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import socket
import time
from collections import Counter, deque
from contextlib import suppress

from load.application import wait_for
from load.contestants import ask
from load.garbage import Hostile
from load.nuisance import where
from load.watching import server_processes

POST = b"POST /predict HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
STREAM = b"GET /api/runs/1/stream HTTP/1.1\r\nHost: soak\r\n\r\n"
EXPORT = b"GET /api/models/1/export HTTP/1.1\r\nHost: soak\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: soak\r\n\r\n"
# The start of an endless request, and the bytes that repeat.
ENDLESS = {
    "trailer": (CHUNKED + b"0\r\nX: ", b"a" * 65_536),
    "trailers": (CHUNKED + b"0\r\n", b"X: a\r\n" * 10_000),
    "chunk extension": (CHUNKED + b"1;", b"e" * 65_536),
    "tiny chunks": (CHUNKED, b"1\r\na\r\n" * 10_000),
    "head": (b"GET / HTTP/1.1\r\nX: ", b"a" * 65_536),
    "headers": (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 10_000),
    "head behind a live stream": (STREAM + b"GET / HTTP/1.1\r\nX: ", b"a" * 65_536),
    "requests behind a live stream": (STREAM, GET * 2_000),
    "requests whose replies are not read": (b"", GET * 2_000),
    "offer of HTTP/2": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 99999999\r\n\r\n",
        b"a" * 65_536,
    ),
}
# Most bytes and seconds of an endless request: more than a process may hold in memory.
ENDLESS_BYTES, ENDLESS_S = 300_000_000, 2.0
# Connections that never read, and the seconds that each stays open.  The server closes those with unread data sooner.
READERS = 40
SMALLEST_BUFFER_BYTES = 2048


class HostileClient:
    """Sends hostile bodies one after another, and records their outcomes."""

    def __init__(self, address: str, requests: list[Hostile]) -> None:
        self._address = address
        self._requests = itertools.cycle(requests)
        self.statuses: dict[str, Counter[str]] = {request.name: Counter() for request in requests}
        self.slowest_s: dict[str, float] = {}

    def turn(self) -> None:
        """Send one attack."""
        request = next(self._requests)
        started = time.monotonic()
        try:
            outcome = str(ask(self._address, request.path, request.body, request.content_type)[0])
        except (OSError, http.client.HTTPException) as error:
            outcome = type(error).__name__
        self.statuses[request.name][outcome] += 1
        self.slowest_s[request.name] = max(self.slowest_s.get(request.name, 0.0), time.monotonic() - started)
        time.sleep(0.2)


class EndlessClient:
    """Opens connections one after another, each sending without end until the server closes it."""

    def __init__(self, address: str) -> None:
        self._where = where(address)
        self._kinds = itertools.cycle(ENDLESS.items())
        self.outcomes: dict[str, Counter[str]] = {name: Counter() for name in ENDLESS}

    def turn(self) -> None:
        """Send one attack."""
        name, (beginning, piece) = next(self._kinds)
        with suppress(OSError), socket.create_connection(self._where, timeout=0.5) as client:
            self._flood(client, beginning, piece)
            self.outcomes[name][_status(client)] += 1
        time.sleep(0.1)

    def _flood(self, client: socket.socket, beginning: bytes, piece: bytes) -> None:
        until = time.monotonic() + ENDLESS_S
        with suppress(OSError):  # the server reads no more, or has closed
            client.sendall(beginning)
            for _ in range(ENDLESS_BYTES // len(piece)):
                client.sendall(piece)
                if time.monotonic() > until:
                    return


class SlowReaders:
    """Connections that request streams and large replies and never read; every second one replaces the oldest."""

    def __init__(self, address: str) -> None:
        self._where = where(address)
        self._clients: deque[socket.socket] = deque()
        self.opened = 0

    def turn(self) -> None:
        """Open one more connection."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER_BYTES)
        client.settimeout(5)
        self._clients.append(client)
        with suppress(OSError):
            client.connect(self._where)
            client.sendall(EXPORT if self.opened % 2 else STREAM)
        self.opened += 1
        if len(self._clients) > READERS:
            self._clients.popleft().close()
        time.sleep(1)

    def close(self) -> None:
        """Close all connections."""
        while self._clients:
            self._clients.popleft().close()


class Killer:
    """Kills the youngest server process with SIGKILL on demand."""

    def __init__(self, watcher: int, workers: int) -> None:
        self._watcher, self._workers = watcher, workers
        self.killed: list[int] = []

    def kill_one(self) -> None:
        """Kill the youngest process.  The oldest answers meanwhile, and shows the growth of memory."""
        wait_for(lambda: len(server_processes(self._watcher)) == self._workers > 1, "all server processes run")
        victim = server_processes(self._watcher)[-1]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in server_processes(self._watcher), "the process that was killed is gone")
        self.killed.append(victim)


def _status(client: socket.socket) -> str:
    """The status of the first reply, if any."""
    try:
        reply = client.recv(10_000)
    except TimeoutError:
        return "nothing said"
    except OSError:
        return "closed"
    return reply[9:12].decode("latin-1") if reply.startswith(b"HTTP/") else "closed"
