"""The process that watches over those that serve: it starts them, and replaces one that died or hangs."""

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

# A server process that has not answered for so long hangs; one that is busy, or waits for a processor, answers sooner.
HUNG_S = 30
# How much of the time between two checks counts: while this process itself was stopped, nobody could answer it.
LONGEST_CHECK_S = 0.5
# How long requests in flight may still take when the server is told to stop, and how much later a process is killed.
GRACE_S, KILL_AFTER_S = 10, 15


class Watcher(Multiprocess):
    """Starts the server processes, and another for one that died or hangs; one that cannot start ends them all.

    uvicorn asks each process in turn and waits for its answer, at most 5 s;
    one that hangs would hold up the others, and one that is busy be killed.
    listener: the socket to accept from; without one each process makes its own.
    stopping: set when the end is near.  forget: called with the id of a process that was replaced.
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
        """Tell the processes that the end is near, then to end."""
        self._stopping.set()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until they have ended; kill what does not."""
        deadline = time.monotonic() + KILL_AFTER_S
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                log.error("server process %s did not end within %s s; killing it", process.pid, KILL_AFTER_S)
                process.kill()
                process.join()


class _Pulse:
    """For how long a process has not answered."""

    def __init__(self) -> None:
        self._silent_s = 0.0
        self._is_asked = False

    def silent_s(self, process: Process, elapsed_s: float) -> float:
        """Ask again if it has answered; elapsed_s: seconds since the last call."""
        self._silent_s += elapsed_s
        try:
            while process.parent_conn.poll():
                process.parent_conn.recv()
                self._silent_s, self._is_asked = 0.0, False
            if not self._is_asked:
                process.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError):  # it has just died; the next check sees that
            pass
        return self._silent_s


def end_with_watcher() -> None:
    """Let this server process end, as at SIGTERM, when the process that watches over it dies.

    Nobody could stop it any more, and it would keep the port.
    """
    watcher = multiprocessing.parent_process()
    if watcher is not None:
        threading.Thread(target=_end_after, args=(watcher.join,), daemon=True).start()


def _end_after(wait: Callable[[], None]) -> None:
    wait()
    log.error("the process that watched over this one died; ending")
    os.kill(os.getpid(), signal.SIGTERM)
