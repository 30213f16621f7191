"""Live streams of a run's events, as server-sent events.

A stream reads the store, so it shows what any process writes, and one that
breaks off is taken up again at the event after the last one that arrived.
Each holds a thread of the server; the number of them is limited.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from mnist_classifier.core.errors import MnistError, TooManyStreams
from mnist_classifier.core.records import RunEvent
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.wire import runs as run_views

POLL_S = 0.25
# Proxies close connections that stay silent, and only writing tells that nobody reads any more;
# runs whose worker is gone are looked for at the same times.
HEARTBEAT_S = 4.0
EVENTS_AT_ONCE = 200
# How soon a browser comes back when a stream breaks off.
RETRY_MS = 1000


class Streams:
    """The live streams of one process; they end when `is_stopping` says so, and browsers come back."""

    def __init__(self, runs: Runs, limit: int, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self._runs = runs
        self._is_stopping = is_stopping
        self._limit = limit
        self._places = threading.BoundedSemaphore(limit) if limit else None
        self._closed = threading.Event()

    def follow(self, run_id: int, after: int) -> Iterator[bytes]:
        """The stream of a run behind the event `after`.

        Raises TooManyStreams.
        """
        if self._places is None or not self._places.acquire(blocking=False):
            raise TooManyStreams(f"all {self._limit} live streams are taken; ask for /api/runs/{run_id}/events instead")
        return _Stream(self._lines(run_id, after), self._places.release)

    def close(self) -> None:
        """End every stream; browsers will come back when the server does."""
        self._closed.set()

    def _lines(self, run_id: int, after: int) -> Iterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        spoken_at = time.monotonic()
        while not self._closed.is_set() and not self._is_stopping():
            try:
                # In this order: what was written before the end is not missed.
                run = self._runs.get(run_id)
                events = self._runs.events(run_id, after=after, limit=EVENTS_AT_ONCE)
            except MnistError as error:
                yield _line("trouble", {"message": error.message})
                return
            for event in events:
                after = event.sequence
                yield _event(event)
            if events:
                spoken_at = time.monotonic()
                continue
            if run.status.is_final:
                yield _line("end", run_views.run(run))
                return
            if time.monotonic() - spoken_at >= HEARTBEAT_S:
                spoken_at = time.monotonic()
                self._runs.mark_interrupted()
                yield b": still there\n\n"
            self._closed.wait(POLL_S)


class _Stream:
    """Lines that give their place back when they are closed, even before the first was asked for."""

    def __init__(self, lines: Iterator[bytes], release: Callable[[], None]) -> None:
        self._lines = lines
        self._release = release
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._lines)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """The server calls this when the reply is over, however it ended."""
        if self._is_open:
            self._is_open = False
            self._release()


def _event(event: RunEvent) -> bytes:
    return f"id: {event.sequence}\n".encode() + _line(event.kind, run_views.event(event))


def _line(kind: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))
