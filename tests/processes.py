"""Child processes of the tests, and the ports that they listen on."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator


def let_children_heed_ctrl_c() -> None:
    """Undo what a shell script does to its background jobs: they ignore SIGINT, and so do all their children.

    This process goes on ignoring it. A child starts with the default, because exec resets a signal that has a handler.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: None)


@contextlib.contextmanager
def python(*arguments: str, stderr: int = subprocess.STDOUT) -> Iterator[subprocess.Popen[str]]:
    """A Python process whose output the test reads; killed at the end, so that no failed test leaves it behind."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], timeout_s: float = 60) -> None:
    """Wait until a process listens on a port; fail if it ends before that."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.05)
        else:
            return


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does; fails after half a minute."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
