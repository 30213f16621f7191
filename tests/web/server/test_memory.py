"""What one stranger can make the real server hold in memory, as the system counts it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.server.connections import LARGEST_HEAD_BYTES
from tests.web.server.test_server import serving, serving_processes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc"),
]

MOST_GROWTH_MB = 50
ATTACK_BYTES = 60_000_000
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
STREAM = b"GET /api/runs/1/stream HTTP/1.1\r\nHost: x\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
# How a client begins, and what it then sends again and again.
ATTACKS = {
    "one endless trailer": (CHUNKED + b"0\r\nX: ", b"a" * 65_536),
    "endless trailers": (CHUNKED + b"0\r\n", b"X: a\r\n" * 10_000),
    "an endless chunk extension": (CHUNKED + b"1;", b"e" * 65_536),
    "tiny chunks with long extensions": (CHUNKED, (b"1;" + b"e" * 4000 + b"\r\na\r\n") * 16),
    "tiny chunks": (CHUNKED, b"1\r\na\r\n" * 10_000),
    "an endless chunked body": (CHUNKED, b"10000\r\n" + b"a" * 0x10000 + b"\r\n"),
    "a body declared too large": (POST + b"Content-Length: 99999999999\r\n\r\n", b"a" * 65_536),
    "an endless header": (b"GET / HTTP/1.1\r\nX: ", b"a" * 65_536),
    "endless headers": (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 10_000),
    "an endless address": (b"GET /", b"a" * 65_536),
    "empty lines": (b"", b"\r\n" * 30_000),
    "an endless head behind a live stream": (STREAM + b"GET / HTTP/1.1\r\nX: ", b"a" * 65_536),
    "requests behind a live stream": (STREAM, GET * 2_000),
    "requests whose replies are never read": (b"", GET * 2_000),
    "an offer of another protocol": (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"a" * 65_536),
}


class Running(NamedTuple):
    """A server of one process: where it answers, and which process does."""

    address: tuple[str, int]
    pid: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real server, with a run that this very process seems to train."""
    home = tmp_path_factory.mktemp("home")
    with closing(Store(Settings(home=home).resolved_database_url)) as store:
        runs = Runs(store, home / "claims")
        runs.start(runs.create(TrainConfig()).id, pid=os.getpid())
    with serving(home, MNIST_WORKERS="1") as (process, netloc):
        host, port = netloc.split(":")
        (pid,) = serving_processes(process.pid)
        yield Running((host, int(port)), pid)


def memory_mb(pid: int, kind: str) -> float:
    """Resident memory of a process: VmRSS now, VmHWM at most."""
    found = re.search(rf"^{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


@contextlib.contextmanager
def bounded_growth(pid: int) -> Iterator[None]:
    """Fail if the process takes over 50 MB more inside, if only for a moment."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew (source: proc(5))
    before = memory_mb(pid, "VmRSS")
    yield
    growth = memory_mb(pid, "VmHWM") - before
    assert growth < MOST_GROWTH_MB


def attack(address: tuple[str, int], beginning: bytes, piece: bytes) -> None:
    """Send until so much is sent, or the server takes no more."""
    with socket.create_connection(address, timeout=1) as client, contextlib.suppress(OSError):
        client.sendall(beginning)
        time.sleep(0.05)  # what is asked first is being answered
        for _ in range(ATTACK_BYTES // len(piece)):
            client.sendall(piece)


def healthy(address: tuple[str, int]) -> bool:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(GET)
        return client.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("name", ATTACKS)
def test_one_connection_takes_no_memory_to_speak_of(server: Running, name: str):
    with bounded_growth(server.pid):
        attack(server.address, *ATTACKS[name])
        assert healthy(server.address)


def test_five_hundred_unfinished_heads_take_what_they_sent(server: Running):
    with ExitStack() as stack:
        before = memory_mb(server.pid, "VmRSS")
        for _ in range(500):
            client = stack.enter_context(socket.create_connection(server.address, timeout=10))
            client.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (LARGEST_HEAD_BYTES - 1000))
        assert healthy(server.address)
        assert memory_mb(server.pid, "VmRSS") - before < 2 * 500 * LARGEST_HEAD_BYTES / 1e6
