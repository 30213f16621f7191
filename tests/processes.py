"""Child processes of the tests."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator


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
