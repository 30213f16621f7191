"""Clients that misbehave: slow ones, and ones that send invalid requests."""

from __future__ import annotations

import contextlib
import io
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from load.pictures import as_json, grey_png

HEAD = b"POST /predict HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n"
# The start of a slow request, and whether one byte per second follows.
SLOW = (
    (b"", False),
    (b"GET / HTTP/1.1\r\nHost: soak\r\nX-Slow: ", True),
    (HEAD + b"\r\n", False),
    (HEAD + b'\r\n{"image": "', True),
    (HEAD.replace(b"Content-Length: 20000", b"Transfer-Encoding: chunked") + b"\r\n", False),
    (b"POST /api/runs HTTP/1.1\r\nHost: soak\r\nContent-Length: 500000\r\n\r\n", True),
)

# Invalid or incomplete HTTP, each sent on its own connection.
BROKEN = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    HEAD + b"\r\n" + b'{"image": "iVBOR',
    b"DELETE /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
)


def bad_bodies(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[bytes]:
    """Bodies of POST /predict that must be refused with a status from 400 to 499."""
    png = grey_png(image)
    noise = np.random.default_rng(0).bytes(3000)
    return [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"image": 5}',
        b'{"image": "no base64 at all!"}',
        b'{"image": "aGVsbG8="}',
        b'{"image": "' + b"A" * 200_000 + b'"}',
        b"[" * 20_000,
        b'{"image": "\xff\xfe"}',
        noise,
        as_json(noise),
        as_json(png[: len(png) // 2]),
        as_json(png[:40]),
        as_json(_spoilt(png)),
        as_json(_picture("GIF", (1, 1))),
        as_json(_animation()),
        as_json(_bomb()),
        b'{"image": "' + b"A" * 40 + b'", "mode": "nonsense"}',
        as_json(png)[:-1] + b', "version": 999999}',
    ]


def _spoilt(png: bytes) -> bytes:
    """A picture with damaged compressed data."""
    start = png.index(b"IDAT") + 10
    return png[:start] + bytes(byte ^ 0x55 for byte in png[start : start + 50]) + png[start + 50 :]


def _picture(kind: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, kind)
    return buffer.getvalue()


def _animation() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("L", (28, 28), level) for level in (0, 255)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _bomb() -> bytes:
    """A PNG of a few kB that unpacks to 50 million pixels."""
    buffer = io.BytesIO()
    Image.new("1", (10_000, 5_000)).save(buffer, "PNG")
    return buffer.getvalue()


class Background(threading.Thread):
    """A task that repeats until `stop`, which raises its exception."""

    def __init__(self, turn: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._turn = turn
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Repeat the task."""
        try:
            while not self._ended.is_set():
                self._turn()
        except BaseException as error:
            self._error = error

    def stop(self) -> None:
        """End the task.  Raises its exception."""
        self._ended.set()
        self.join(60)
        if self._error is not None:
            raise self._error


class SlowClients:
    """Connections that start a request and never finish it; a closed one is replaced."""

    def __init__(self, address: str, count: int) -> None:
        self._where = where(address)
        self._selector = selectors.DefaultSelector()
        self.counts: Counter[str] = Counter()
        for number in range(count):
            self._connect(number % len(SLOW))

    def turn(self) -> None:
        """Replace closed connections for a second, then send one byte on each dripping one."""
        until = time.monotonic() + 1
        while (left_s := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                self._hear(key)
        for key in list(self._selector.get_map().values()):
            if SLOW[key.data][1]:
                with contextlib.suppress(OSError):
                    key.fileobj.send(b"a")  # type: ignore[union-attr]

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _connect(self, kind: int) -> None:
        try:
            client = socket.create_connection(self._where, timeout=60)
        except ConnectionError:  # a server process was killed at this moment
            client = socket.create_connection(self._where, timeout=60)
        with contextlib.suppress(OSError):
            client.sendall(SLOW[kind][0])
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ, kind)
        self.counts["opened"] += 1

    def _hear(self, key: selectors.SelectorKey) -> None:
        client = key.fileobj
        assert isinstance(client, socket.socket)
        try:
            data = client.recv(10_000)
        except OSError:
            data = b""
        if data.startswith(b"HTTP/"):
            self.counts[f"told {data[9:12].decode()}"] += 1
        if not data:
            self._selector.unregister(client)
            client.close()
            self.counts["closed by the server"] += 1
            self._connect(key.data)


class BrokenClients:
    """Sends invalid requests one after another, and hangs up in the middle of them."""

    def __init__(self, address: str) -> None:
        self._where = where(address)
        self._turns = 0
        self.counts: Counter[str] = Counter()

    def turn(self) -> None:
        """Send one invalid request."""
        data = BROKEN[self._turns % len(BROKEN)]
        self._turns += 1
        try:
            with socket.create_connection(self._where, timeout=10) as client:
                client.sendall(data)
                client.settimeout(0.3)
                reply = client.recv(10_000)
                self.counts[f"told {reply[9:12].decode()}" if reply else "closed by the server"] += 1
        except TimeoutError:
            self.counts["hung up"] += 1
        except ConnectionError:
            self.counts["closed by the server"] += 1
        time.sleep(0.05)


def where(address: str) -> tuple[str, int]:
    """The host and port of an address."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
