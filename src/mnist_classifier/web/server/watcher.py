"""The parent process: starts the server processes and replaces one that died or hangs."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event as EventType
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = logging.getLogger(__name__)

# A server process that has not answered for this long hangs. A busy one, or one that waits for a CPU, answers sooner.
HUNG_S = 30
# Count at most this much time between two checks: while the parent itself was suspended, nobody could answer it.
LONGEST_CHECK_S = 0.5
# After a signal to stop: time limit for the requests in progress, and when to kill a process that has not ended.
GRACE_S, KILL_AFTER_S = 10, 15


class Watcher(Multiprocess):
    """Starts the server processes and replaces one that died or hangs.  If one cannot start, all end.

    uvicorn's supervisor asks the processes in turn and waits up to 5 s for each
    answer: a hung process would delay the check of the others, and a busy one
    would be killed.

    listener: the socket to accept from; None if each process opens its own.
    stopping: set when the server is told to stop.
    forget: called with the id of each process that was replaced.
    """

    def __init__(
        self,
        config: Config,
        listener: socket.socket | None,
        stopping: EventType,
        forget: Callable[[int], None],
    ) -> None:
        sockets: Any = None if listener is None else [listener]
        super().__init__(config, sockets)
        self._stopping, self._forget = stopping, forget
        self._pulses: WeakKeyDictionary[Process, _Pulse] = WeakKeyDictionary()
        self._checked_at = time.monotonic()

    def keep_subprocess_alive(self) -> None:
        """Replace processes that died or hang; called twice a second."""
        now = time.monotonic()
        elapsed_s, self._checked_at = min(now - self._checked_at, LONGEST_CHECK_S), now
        for index, process in enumerate(self.processes):
            pulse = self._pulses.setdefault(process, _Pulse())
            if not process.process.is_alive():
                self._replace(index)
            elif pulse.silent_s(process, elapsed_s) >= HUNG_S:
                log.error("server process %s hung for %s s; replacing it", process.pid, HUNG_S)
                self._replace(index, hung=True)

    def _replace(self, index: int, *, hung: bool = False) -> None:
        process = self.processes[index]
        process.kill()
        process.join()
        if process.exitcode == STARTUP_FAILURE:
            self.should_exit.set()
        if self.should_exit.is_set():
            return
        if not hung:
            log.error("server process %s died (exit code %s); restarting it", process.pid, process.exitcode)
        if process.pid is not None:
            self._forget(process.pid)
        self.processes[index] = Process(self.config, self.sockets)
        self.processes[index].start()

    def terminate_all(self) -> None:
        """Set `stopping`, then tell the processes to end."""
        self._stopping.set()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all processes have ended; kill those that take too long."""
        deadline = time.monotonic() + KILL_AFTER_S
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                log.error("server process %s did not end within %s s; killing it", process.pid, KILL_AFTER_S)
                process.kill()
                process.join()


class _Pulse:
    """Measures how long a process has not answered."""

    def __init__(self) -> None:
        self._silent_s = 0.0
        self._is_asked = False

    def silent_s(self, process: Process, elapsed_s: float) -> float:
        """Seconds without an answer.  Asks again after each answer.  elapsed_s: seconds since the last call."""
        self._silent_s += elapsed_s
        try:
            while process.parent_conn.poll():
                process.parent_conn.recv()
                self._silent_s, self._is_asked = 0.0, False
            if not self._is_asked:
                process.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError):  # it has just died; the next check replaces it
            pass
        return self._silent_s


def end_with_watcher() -> None:
    """End this server process, as SIGTERM does, when its parent dies: nobody else would free the port."""
    watcher = multiprocessing.parent_process()
    if watcher is not None:
        threading.Thread(target=_end_after, args=(watcher.join,), daemon=True).start()


def _end_after(wait: Callable[[], None]) -> None:
    wait()
    log.error("the parent process died; server process %s is stopping", os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
